"""Prepare the payment side of the pairs: choose which payments of an order count.

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
    "C_now",
    "R_now",
    "K_now",
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
"""Columns of the payment in a pair."""

_SUMMED_COLUMNS = (
    "amount_minor",
    "A",
    "C",
    "R",
    "X",
    "K",
    "C_now",
    "R_now",
    "K_now",
    "n_captures",
)
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
    """The payments, divided by how they are compared.

    Attributes:
        counted: One row per order with payments (msn, okey, PAYMENT_COLUMNS, payments): the
            payment that counts, or the sum of a split payment.
        additional: Further payments of the order (msn, okey, PAYMENT_COLUMNS, role): `second` is
            live and one too many, `superseded` is an attempt that holds no money.
        orphans: Payments without a known order (msn, PAYMENT_COLUMNS).
        members: Parts of split payments, which are compared as a sum (msn, okey, reference).
    """

    counted: LazyFrame
    additional: LazyFrame
    orphans: LazyFrame
    members: LazyFrame


def choose_payments(payments: LazyFrame, groups: LazyFrame) -> PaymentSide:
    """Choose the payment that counts for each order, and divide the others by role.

    Args:
        payments: msn, okey, PAYMENT_COLUMNS, live; one row per payment.
        groups: The orders to compare (msn, okey, O, Or, …).
    """
    shared = materialize(payments.filter(nw.col("link") == "attempt").select(*ORDER_KEY).unique())
    linked = payments.filter(~nw.col("okey").is_null())
    # Only orders with several attempts need a choice.
    unshared = (
        linked.join(shared, on=ORDER_KEY, how="anti") if collect_rows(shared.head(1)) else linked
    )
    single = unshared.with_columns(payments=nw.lit(1, nw.Int64))
    ranked = materialize(_assign_roles(linked.join(shared, on=ORDER_KEY, how="semi"), groups))
    primary = ranked.filter(nw.col("role") == "primary").with_columns(payments=nw.lit(1, nw.Int64))
    split = ranked.filter(nw.col("role") == "split")
    columns = [*ORDER_KEY, *PAYMENT_COLUMNS, "payments"]
    return PaymentSide(
        nw.concat(
            [
                single.select(columns),
                primary.select(columns),
                _sum_split_payments(split).select(columns),
            ],
            how="vertical",
        ),
        ranked.filter(nw.col("role").is_in(["second", "superseded"])).select(
            *ORDER_KEY, *PAYMENT_COLUMNS, "role"
        ),
        payments.filter(nw.col("okey").is_null()).select("msn", *PAYMENT_COLUMNS),
        split.select(*ORDER_KEY, "reference"),
    )


def _assign_roles(shared: LazyFrame, groups: LazyFrame) -> LazyFrame:
    """Add `role` where an order has several attempts: split, primary, second, superseded."""
    live = nw.col("live")
    one_if_live = nw.when(live).then(nw.lit(1)).otherwise(nw.lit(0))
    net_held = nw.when(live).then(nw.col("C") - nw.col("R") + nw.col("K")).otherwise(nw.lit(0))
    totals = (
        shared.with_columns(one=one_if_live, kept=net_held)
        .group_by(*ORDER_KEY)
        .agg(
            n_live=nw.col("one").sum().cast(nw.Int64),
            net=nw.col("kept").sum().cast(nw.Int64),
            first_currency=nw.col("payment_currency").min(),
            last_currency=nw.col("payment_currency").max(),
        )
    )
    order_amounts = groups.filter(~nw.col("okey").is_null()).select(*ORDER_KEY, "O", "Or")
    ranked = (
        shared.join(totals, on=ORDER_KEY, how="left")
        .join(order_amounts, on=ORDER_KEY, how="left")
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
    # Live payments that together hold no more than the order's net total are one split payment.
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
    return ranked.with_columns(role=role)


def _sum_split_payments(split: LazyFrame) -> LazyFrame:
    """Sum the parts of each split payment into one payment per order."""
    flags = (*_TRUE_IF_ALL_COLUMNS, *_TRUE_IF_ANY_COLUMNS)
    return (
        split.with_columns(
            *(
                nw.when(nw.col(flag)).then(nw.lit(1)).otherwise(nw.lit(0)).alias(flag)
                for flag in flags
            )
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
        .with_columns(*((nw.col(flag) > 0).alias(flag) for flag in flags))
    )
