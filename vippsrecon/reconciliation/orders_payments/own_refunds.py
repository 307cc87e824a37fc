"""Which refunds were made with this toolkit: their events carry a key of ours.

The event log echoes the idempotency key of a capture or refund.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/http-headers/#idempotency-key
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.backends import LazyFrame, collect_rows, materialize


def mark_own_refunds(
    pairs: LazyFrame, refunds: LazyFrame | None, members: LazyFrame, keys: frozenset[str]
) -> LazyFrame:
    """Add `by_us`, `wholly_by_us`: whether refunds of ours are in, or explain, R - Er.

    Args:
        pairs: With R, Er and t_us.
        refunds: Successful REFUNDED events (msn, reference, amount_minor, event_at_us,
            idempotency_key), of other payments too; None where none can be ours.
        members: Payments compared as a sum (msn, okey, reference).
        keys: Idempotency keys of operations made with this toolkit.
    """
    nobody = pairs.with_columns(by_us=nw.lit(value=False), wholly_by_us=nw.lit(value=False))
    if refunds is None or not keys:
        return nobody
    more = nw.col("R") - nw.col("Er")
    suspects = materialize(
        pairs.filter(more > 0).select(
            "msn", "okey", "payment_reference", "split", "t_us", unexplained=more
        )
    )
    columns = ["msn", "reference", "payment_reference", "t_us", "unexplained"]
    single = suspects.filter(~nw.col("split")).with_columns(reference=nw.col("payment_reference"))
    parts = suspects.filter(nw.col("split")).join(members, on=["msn", "okey"], how="inner")
    asked = materialize(nw.concat([single.select(columns), parts.select(columns)], how="vertical"))
    own = refunds.join(asked, on=["msn", "reference"], how="inner").filter(
        nw.col("event_at_us") <= nw.col("t_us")
    )
    # Only refunds the shop does not know of are left, so their keys are looked up here: a list
    # of every key we ever used would be too long for some engines' expressions.
    left: dict[str, int] = {}
    for row in collect_rows(own):
        if row["idempotency_key"] in keys:
            payment = f"{row['msn']}:{row['payment_reference']}"
            left[payment] = left.get(payment, row["unexplained"]) - row["amount_minor"]
    if not left:
        return nobody
    name = nw.concat_str(nw.col("msn"), nw.lit(":"), nw.col("payment_reference"))

    def among(names: list[str]) -> nw.Expr:
        if not names:
            return nw.lit(value=False)
        found = nw.when(more > 0).then(name.is_in(names)).otherwise(nw.lit(value=False))
        return found.fill_null(value=False)

    return pairs.with_columns(
        by_us=among(sorted(left)),
        wholly_by_us=among(sorted(one for one, rest in left.items() if rest <= 0)),
    )
