"""Recognise excess captures that consist of one amount captured several times."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    collect_rows,
    is_empty,
    materialize,
)

PAIRED_PAYMENT_KEY = ["msn", "payment_reference"]


def mark_repeated_captures(pairs: LazyFrame, events: LazyFrame | None) -> LazyFrame:
    """Add `repeats`: amount v was captured n ≥ 2 times and the excess is k·v, 1 ≤ k ≤ n - 1.

    Args:
        pairs: The pairs, with over (C - E) and n_captures.
        events: One row per event; None if no event log was fetched, and `repeats` is then False.
    """
    if events is None:
        return pairs.with_columns(repeats=nw.lit(value=False))
    suspects = materialize(
        pairs.filter((nw.col("over") > 0) & (nw.col("n_captures") >= 2)).select(
            *PAIRED_PAYMENT_KEY, "over", "t_us"
        )
    )
    if is_empty(suspects):
        return pairs.with_columns(repeats=nw.lit(value=False))
    captures = events.filter((nw.col("name") == "CAPTURED") & nw.col("success")).select(
        "msn", "amount_minor", "event_at_us", payment_reference=nw.col("reference")
    )
    captures_by_amount = (
        captures.join(suspects, on=PAIRED_PAYMENT_KEY, how="inner")
        .filter((nw.col("event_at_us") <= nw.col("t_us")) & (nw.col("amount_minor") > 0))
        .group_by(*PAIRED_PAYMENT_KEY, "amount_minor", "over")
        .agg(n=nw.len())
    )
    multiple = (nw.col("over") // nw.col("amount_minor")).cast(nw.Int64)
    repeated = captures_by_amount.with_columns(k=multiple).filter(
        (nw.col("k") * nw.col("amount_minor") == nw.col("over"))
        & (nw.col("k") >= 1)
        & (nw.col("k") <= nw.col("n") - 1)
    )
    keys = [
        f"{row['msn']}:{row['payment_reference']}"
        for row in collect_rows(repeated.select(*PAIRED_PAYMENT_KEY).unique())
    ]
    if not keys:
        return pairs.with_columns(repeats=nw.lit(value=False))
    # The keys are few, so `is_in` is used: a join would copy every column of every pair.
    suspect = (nw.col("over") > 0) & (nw.col("n_captures") >= 2)
    name = nw.concat_str(nw.col("msn"), nw.lit(":"), nw.col("payment_reference"))
    return pairs.with_columns(
        repeats=nw.when(suspect)
        .then(name.is_in(keys))
        .otherwise(nw.lit(value=False))
        .fill_null(value=False)
    )
