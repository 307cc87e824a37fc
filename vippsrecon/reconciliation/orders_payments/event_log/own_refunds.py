"""Recognise refunds made with this toolkit by the idempotency keys of their events.

The event log repeats the idempotency key of a capture or refund.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/http-headers/#idempotency-key
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import LazyFrame, collect_rows, materialize
from vippsrecon.reconciliation.orders_payments.orders import ORDER_KEY
from vippsrecon.schemas.inputs import PAYMENT_KEY


def mark_own_refunds(
    pairs: LazyFrame, refunds: LazyFrame | None, members: LazyFrame, keys: frozenset[str]
) -> LazyFrame:
    """Add `by_us` and `wholly_by_us`: whether this toolkit's refunds explain part or all of R - Er.

    Args:
        pairs: The pairs, with R, Er and t_us.
        refunds: Successful REFUNDED events (msn, reference, amount_minor, event_at_us,
            idempotency_key); may include other payments. None if this toolkit made none of them.
        members: Parts of split payments (msn, okey, reference).
        keys: Idempotency keys of operations made with this toolkit.
    """
    unmarked = pairs.with_columns(by_us=nw.lit(value=False), wholly_by_us=nw.lit(value=False))
    if refunds is None or not keys:
        return unmarked
    excess = nw.col("R") - nw.col("Er")
    suspects = materialize(
        pairs.filter(excess > 0).select(
            "msn", "okey", "payment_reference", "split", "t_us", unexplained=excess
        )
    )
    columns = ["msn", "reference", "payment_reference", "t_us", "unexplained"]
    single = suspects.filter(~nw.col("split")).with_columns(reference=nw.col("payment_reference"))
    parts = suspects.filter(nw.col("split")).join(members, on=ORDER_KEY, how="inner")
    refunded_payments = materialize(
        nw.concat([single.select(columns), parts.select(columns)], how="vertical")
    )
    candidates = refunds.join(refunded_payments, on=PAYMENT_KEY, how="inner").filter(
        nw.col("event_at_us") <= nw.col("t_us")
    )
    # Few rows remain: refunds that the shop has not recorded. Their keys are looked up in Python,
    # because a list of all keys ever used would be too long for the expressions of some engines.
    unexplained: dict[str, int] = {}
    for row in collect_rows(candidates):
        if row["idempotency_key"] in keys:
            payment = f"{row['msn']}:{row['payment_reference']}"
            before = unexplained.get(payment, row["unexplained"])
            unexplained[payment] = before - row["amount_minor"]
    if not unexplained:
        return unmarked
    name = nw.concat_str(nw.col("msn"), nw.lit(":"), nw.col("payment_reference"))

    def among(names: list[str]) -> nw.Expr:
        if not names:
            return nw.lit(value=False)
        is_named = nw.when(excess > 0).then(name.is_in(names)).otherwise(nw.lit(value=False))
        return is_named.fill_null(value=False)

    return pairs.with_columns(
        by_us=among(sorted(unexplained)),
        wholly_by_us=among(
            sorted(
                payment
                for payment, unexplained_minor in unexplained.items()
                if unexplained_minor <= 0
            )
        ),
    )
