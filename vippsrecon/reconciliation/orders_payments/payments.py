"""Vipps MobilePay's side of a pair: the payments of one order, and which of them count.

A payment is *live* while it holds money: C - R > 0 or K > 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.backends import LazyFrame, collect_rows, materialize

ORDER_KEY = ["msn", "okey"]

PAYMENT_COLUMNS = (
    "reference",
    "payment_currency",
    "state",
    "amount_minor",
    "A",
    "C",
    "R",
    "X",
    "K",
    "created_day",
    "authorized_at_us",
    "authorized_day",
    "guarantee_us",
    "fetched_at_us",
    "t_us",
    "n_captures",
    "first_captured_us",
    "first_captured_day",
    "refund_done_us",
    "refund_done_day",
    "refund_failed_us",
    "has_events",
    "changed_after",
    "as_fetched",
    "gap",
    "link",
)
"""The payment's own columns in a pair."""

_SUMMED_COLUMNS = ("amount_minor", "A", "C", "R", "X", "K", "n_captures")
_MINIMUM_COLUMNS = (
    "reference",
    "payment_currency",
    "state",
    "created_day",
    "authorized_at_us",
    "authorized_day",
    "guarantee_us",
    "fetched_at_us",
    "t_us",
    "first_captured_us",
    "first_captured_day",
    "link",
)
_MAXIMUM_COLUMNS = ("refund_done_us", "refund_done_day", "refund_failed_us", "gap")
_TRUE_IF_ALL_COLUMNS = ("has_events",)
_TRUE_IF_ANY_COLUMNS = ("changed_after", "as_fetched")


@dataclass(frozen=True)
class PaymentSide:
    """What became of the payments.

    Attributes:
        counted: One row per order with payments (msn, okey, PAID, payments): the one that
            counts, or the sum of a split payment.
        additional: Payments beside the one that counts (msn, okey, PAID, role): `second` is live
            and too much, `superseded` is an attempt that holds nothing.
        orphans: Payments no order is known for (msn, PAID).
        members: Payments compared as a sum (msn, okey, reference).
    """

    counted: LazyFrame
    additional: LazyFrame
    orphans: LazyFrame
    members: LazyFrame


def choose_payments(payments: LazyFrame, groups: LazyFrame) -> PaymentSide:
    """Say of each payment whether it counts for its order, or stands beside one that does.

    Args:
        payments: msn, okey, PAID, live; one row per payment.
        groups: The orders to be compared (msn, okey, O, Or, …).
    """
    shared = materialize(payments.filter(nw.col("link") == "attempt").select(*ORDER_KEY).unique())
    linked = payments.filter(~nw.col("okey").is_null())
    only = linked.join(shared, on=ORDER_KEY, how="anti") if collect_rows(shared.head(1)) else linked
    alone = only.with_columns(payments=nw.lit(1, nw.Int64))
    judged = materialize(_assign_roles(linked.join(shared, on=ORDER_KEY, how="semi"), groups))
    primary = judged.filter(nw.col("role") == "primary").with_columns(payments=nw.lit(1, nw.Int64))
    split = judged.filter(nw.col("role") == "split")
    columns = [*ORDER_KEY, *PAYMENT_COLUMNS, "payments"]
    return PaymentSide(
        nw.concat(
            [
                alone.select(columns),
                primary.select(columns),
                _sum_split_payments(split).select(columns),
            ],
            how="vertical",
        ),
        judged.filter(nw.col("role").is_in(["second", "superseded"])).select(
            *ORDER_KEY, *PAYMENT_COLUMNS, "role"
        ),
        payments.filter(nw.col("okey").is_null()).select("msn", *PAYMENT_COLUMNS),
        split.select(*ORDER_KEY, "reference"),
    )


def _assign_roles(shared: LazyFrame, groups: LazyFrame) -> LazyFrame:
    live = nw.col("live")
    one_if_live = nw.when(live).then(nw.lit(1)).otherwise(nw.lit(0))
    kept = nw.when(live).then(nw.col("C") - nw.col("R") + nw.col("K")).otherwise(nw.lit(0))
    totals = (
        shared.with_columns(one=one_if_live, kept=kept)
        .group_by(*ORDER_KEY)
        .agg(
            n_live=nw.col("one").sum().cast(nw.Int64),
            net=nw.col("kept").sum().cast(nw.Int64),
            first_currency=nw.col("payment_currency").min(),
            last_currency=nw.col("payment_currency").max(),
        )
    )
    wanted = groups.filter(~nw.col("okey").is_null()).select(*ORDER_KEY, "O", "Or")
    beside = (
        shared.join(totals, on=ORDER_KEY, how="left")
        .join(wanted, on=ORDER_KEY, how="left")
        .with_columns(
            each=nw.lit(1),
            dead=nw.when(live).then(nw.lit(0)).otherwise(nw.lit(1)),
            distance=(nw.col("C") + nw.col("K") - nw.col("O")).abs(),
            since=nw.col("authorized_at_us").fill_null(2**62),
        )
        .with_columns(
            place=nw.col("each")
            .cum_sum()
            .over(*ORDER_KEY, order_by=["dead", "distance", "since", "reference"])
            .cast(nw.Int64)
        )
    )
    is_split = (
        (nw.col("n_live") >= 2)
        & (nw.col("first_currency") == nw.col("last_currency"))
        & (nw.col("net") <= nw.col("O") - nw.col("Or"))
    ).fill_null(value=False)
    role = (
        nw.when(is_split & live)
        .then(nw.lit("split"))
        .otherwise(
            nw.when(~is_split & (nw.col("place") == 1))
            .then(nw.lit("primary"))
            .otherwise(nw.when(live).then(nw.lit("second")).otherwise(nw.lit("superseded")))
        )
    )
    return beside.with_columns(role=role)


def _sum_split_payments(split: LazyFrame) -> LazyFrame:
    booleans = (*_TRUE_IF_ALL_COLUMNS, *_TRUE_IF_ANY_COLUMNS)
    return (
        split.with_columns(
            *(nw.when(nw.col(b)).then(nw.lit(1)).otherwise(nw.lit(0)).alias(b) for b in booleans)
        )
        .group_by(*ORDER_KEY)
        .agg(
            nw.col(*_SUMMED_COLUMNS).sum().cast(nw.Int64),
            nw.col(*_MINIMUM_COLUMNS).min(),
            nw.col(*_MAXIMUM_COLUMNS).max(),
            nw.col(*_TRUE_IF_ALL_COLUMNS).min(),
            nw.col(*_TRUE_IF_ANY_COLUMNS).max(),
            payments=nw.len().cast(nw.Int64),
        )
        .with_columns(*((nw.col(b) > 0).alias(b) for b in booleans))
    )
