"""Rank the payments of an order that has several: which counts, if they are not one split payment."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import LazyFrame, materialize
from vippsrecon.reconciliation.orders_payments.orders import ORDER_KEY


def find_equal_amounts(with_order: LazyFrame) -> LazyFrame:
    """Return the orders with two payments for one amount that together are more than the order."""
    largest_first = materialize(
        with_order.filter(nw.col("held"))
        .with_columns(each=nw.lit(1), less=-nw.col("part"))
        .with_columns(
            place=nw.col("each")
            .cum_sum()
            .over(*ORDER_KEY, "amount_minor", order_by=["less", "reference"])
        )
    )
    return materialize(
        largest_first.filter(nw.col("place") <= 2)
        .group_by(*ORDER_KEY, "amount_minor")
        .agg(n=nw.len(), both=nw.col("part").sum(), O=nw.col("O").min())
        .filter((nw.col("n") == 2) & (nw.col("both") > nw.col("O")))
        .group_by(*ORDER_KEY)
        .agg(equal_amounts=nw.len().cast(nw.Int64))
    )


def rank_attempts(attempts: LazyFrame, named: nw.Expr) -> LazyFrame:
    """Add `place`: 1 is the payment that counts, if the attempts are not one split payment.

    By precedence: the only payment whose refund is the order's; captured and not fully given
    back, then reserved, then given back, then those that never held money; the reference that the
    shop itself names; the amount nearest the order's total; the earliest authorized. Of those that
    never held money, the latest created.
    """
    latest = nw.lit(2**62, nw.Int64)
    refunded_alike = (nw.col("R") == nw.col("Or")) & (nw.col("R") > 0) & nw.col("held")
    holds = (
        nw.when(nw.col("C") > nw.col("R"))
        .then(nw.lit(0))
        .otherwise(
            nw.when(nw.col("K") > 0)
            .then(nw.lit(1))
            .otherwise(nw.when(nw.col("held")).then(nw.lit(2)).otherwise(nw.lit(3)))
        )
    )
    return attempts.with_columns(
        each=nw.lit(1),
        unlike=nw.when(refunded_alike & (nw.col("refund_fits") == 1))
        .then(nw.lit(0))
        .otherwise(nw.lit(1)),
        holds=holds,
        unnamed=nw.when(named).then(nw.lit(0)).otherwise(nw.lit(1)),
        distance=nw.when(nw.col("held"))
        .then((nw.col("part") - nw.col("O")).abs())
        .otherwise(nw.lit(0, nw.Int64)),
        since=nw.when(nw.col("held"))
        .then(nw.col("authorized_at_us").fill_null(latest))
        .otherwise(-nw.col("created_at_us").fill_null(0)),
    ).with_columns(
        place=nw.col("each")
        .cum_sum()
        .over(
            *ORDER_KEY,
            order_by=["unlike", "holds", "unnamed", "distance", "since", "reference"],
        )
        .cast(nw.Int64)
    )
