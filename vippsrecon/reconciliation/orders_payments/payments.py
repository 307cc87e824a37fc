"""Vipps MobilePay's side of a pair: the payments of one order, and which of them count.

A payment is *live* while it holds money: C - R > 0 or K > 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.backends import Lazy, rows_of, settle

KEY = ["msn", "okey"]

PAID = (
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

_SUMMED = ("amount_minor", "A", "C", "R", "X", "K", "n_captures")
_FIRST = (
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
_LAST = ("refund_done_us", "refund_done_day", "refund_failed_us", "gap")
_EVERY = ("has_events",)
_ANY = ("changed_after", "as_fetched")


@dataclass(frozen=True)
class PaymentSide:
    """What became of the payments.

    Attributes:
        counted: One row per order with payments (msn, okey, PAID, payments): the one that
            counts, or the sum of a split payment.
        beside: Payments beside the one that counts (msn, okey, PAID, role): `second` is live
            and too much, `superseded` is an attempt that holds nothing.
        orphans: Payments no order is known for (msn, PAID).
        members: Payments compared as a sum (msn, okey, reference).
    """

    counted: Lazy
    beside: Lazy
    orphans: Lazy
    members: Lazy


def choose(payments: Lazy, groups: Lazy) -> PaymentSide:
    """Say of each payment whether it counts for its order, or stands beside one that does.

    Args:
        payments: msn, okey, PAID, live; one row per payment.
        groups: The orders to be compared (msn, okey, O, Or, …).
    """
    shared = settle(payments.filter(nw.col("link") == "attempt").select(*KEY).unique())
    linked = payments.filter(~nw.col("okey").is_null())
    only = linked.join(shared, on=KEY, how="anti") if rows_of(shared.head(1)) else linked
    alone = only.with_columns(payments=nw.lit(1, nw.Int64))
    judged = settle(_judged(linked.join(shared, on=KEY, how="semi"), groups))
    primary = judged.filter(nw.col("role") == "primary").with_columns(payments=nw.lit(1, nw.Int64))
    split = judged.filter(nw.col("role") == "split")
    columns = [*KEY, *PAID, "payments"]
    return PaymentSide(
        nw.concat(
            [alone.select(columns), primary.select(columns), _summed(split).select(columns)],
            how="vertical",
        ),
        judged.filter(nw.col("role").is_in(["second", "superseded"])).select(*KEY, *PAID, "role"),
        payments.filter(nw.col("okey").is_null()).select("msn", *PAID),
        split.select(*KEY, "reference"),
    )


def _judged(shared: Lazy, groups: Lazy) -> Lazy:
    live = nw.col("live")
    one_if_live = nw.when(live).then(nw.lit(1)).otherwise(nw.lit(0))
    kept = nw.when(live).then(nw.col("C") - nw.col("R") + nw.col("K")).otherwise(nw.lit(0))
    totals = (
        shared.with_columns(one=one_if_live, kept=kept)
        .group_by(*KEY)
        .agg(
            n_live=nw.col("one").sum().cast(nw.Int64),
            net=nw.col("kept").sum().cast(nw.Int64),
            first_currency=nw.col("payment_currency").min(),
            last_currency=nw.col("payment_currency").max(),
        )
    )
    wanted = groups.filter(~nw.col("okey").is_null()).select(*KEY, "O", "Or")
    beside = (
        shared.join(totals, on=KEY, how="left")
        .join(wanted, on=KEY, how="left")
        .with_columns(
            each=nw.lit(1),
            dead=nw.when(live).then(nw.lit(0)).otherwise(nw.lit(1)),
            distance=(nw.col("C") + nw.col("K") - nw.col("O")).abs(),
            since=nw.col("authorized_at_us").fill_null(2**62),
        )
        .with_columns(
            place=nw.col("each")
            .cum_sum()
            .over(*KEY, order_by=["dead", "distance", "since", "reference"])
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


def _summed(split: Lazy) -> Lazy:
    booleans = (*_EVERY, *_ANY)
    return (
        split.with_columns(
            *(nw.when(nw.col(b)).then(nw.lit(1)).otherwise(nw.lit(0)).alias(b) for b in booleans)
        )
        .group_by(*KEY)
        .agg(
            nw.col(*_SUMMED).sum().cast(nw.Int64),
            nw.col(*_FIRST).min(),
            nw.col(*_LAST).max(),
            nw.col(*_EVERY).min(),
            nw.col(*_ANY).max(),
            payments=nw.len().cast(nw.Int64),
        )
        .with_columns(*((nw.col(b) > 0).alias(b) for b in booleans))
    )
