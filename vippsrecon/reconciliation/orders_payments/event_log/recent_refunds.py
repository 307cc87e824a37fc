"""Recognise refunds that are too recent for the shop to have recorded them."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    collect_rows,
    is_empty,
    materialize,
)
from vippsrecon.reconciliation.orders_payments.orders import ORDER_KEY
from vippsrecon.schemas.inputs import PAYMENT_KEY


def mark_recent_refunds(
    pairs: LazyFrame, events: LazyFrame | None, members: LazyFrame
) -> LazyFrame:
    """Add `refund_is_recent`: the refund that makes R exceed Er is within the grace period.

    It is, if the refunds before the grace period alone do not exceed Er.

    Args:
        pairs: The pairs, with R, Er, t_us and grace_refund_us.
        events: One row per event; None if no event log was fetched, and nothing is then recent.
        members: Parts of split payments (msn, okey, reference).
    """
    nothing_recent = pairs.with_columns(refund_is_recent=nw.lit(value=False))
    if events is None:
        return nothing_recent
    since_us = nw.col("t_us") - nw.col("grace_refund_us")
    suspect = ((nw.col("R") > nw.col("Er")) & (nw.col("refund_done_us") > since_us)).fill_null(
        value=False
    )
    suspects = materialize(
        pairs.filter(suspect).select(
            "msn", "okey", "payment_reference", "split", "Er", since_us=since_us
        )
    )
    if is_empty(suspects):
        return nothing_recent
    columns = ["msn", "reference", "payment_reference", "since_us"]
    single = suspects.filter(~nw.col("split")).with_columns(reference=nw.col("payment_reference"))
    parts = suspects.filter(nw.col("split")).join(members, on=ORDER_KEY, how="inner")
    payments = materialize(
        nw.concat([single.select(columns), parts.select(columns)], how="vertical")
    )
    refunds = events.filter((nw.col("name") == "REFUNDED") & nw.col("success")).select(
        "msn", "reference", "amount_minor", "event_at_us"
    )
    earlier = (
        refunds.join(payments, on=PAYMENT_KEY, how="inner")
        .filter(nw.col("event_at_us") <= nw.col("since_us"))
        .group_by("msn", "payment_reference")
        .agg(earlier=nw.col("amount_minor").sum().cast(nw.Int64))
    )
    compared = suspects.join(materialize(earlier), on=["msn", "payment_reference"], how="left")
    recent = compared.filter(nw.col("earlier").fill_null(0) <= nw.col("Er"))
    # The keys are few, so `is_in` is used: a join would copy every column of every pair.
    keys = sorted(
        f"{row['msn']}:{row['payment_reference']}"
        for row in collect_rows(recent.select("msn", "payment_reference"))
    )
    if not keys:
        return nothing_recent
    name = nw.concat_str(nw.col("msn"), nw.lit(":"), nw.col("payment_reference"))
    return pairs.with_columns(refund_is_recent=(suspect & name.is_in(keys)).fill_null(value=False))
