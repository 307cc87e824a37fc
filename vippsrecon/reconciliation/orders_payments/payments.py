"""Prepare the payment side of the pairs: choose which payments of an order count.

A payment held money if any was captured (C > 0) or is still reserved (K > 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import LazyFrame, is_empty, materialize
from vippsrecon.reconciliation.engines.plans import planned
from vippsrecon.reconciliation.orders_payments.attempt_ranking import (
    find_equal_amounts,
    rank_attempts,
)
from vippsrecon.reconciliation.orders_payments.covered_orders import add_surplus_refunds
from vippsrecon.reconciliation.orders_payments.orders import ORDER_KEY

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
    "largest",
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
    "largest",
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


LINKS_OF_FURTHER_PAYMENTS = ("named", "attempt")
"""Links of payments that can be one of several for their order."""


@dataclass(frozen=True)
class PaymentSide:
    """The payments, divided by how they are compared.

    Attributes:
        counted: One row per order with payments (msn, okey, PAYMENT_COLUMNS, payments): the
            payment that counts, or the sum of a split payment.
        orphans: Payments without a known order (msn, PAYMENT_COLUMNS).
        members: Parts of split payments, which are compared as a sum (msn, okey, reference).
        additional: Further payments of the order (msn, okey, PAYMENT_COLUMNS, Or, role): `second`
            holds or held money and is one too many, `superseded` is an attempt that never did.
            Or is the part of the shop's refund that was paid back from this payment. None if no
            order has further payments; the same for the frames below.
        refunded_elsewhere: msn, okey, elsewhere_minor: what the shop refunded of each order, and
            further payments paid back.
        refunded_elsewhere_now: The same, after every event fetched.
        chosen_otherwise: msn, okey of orders of which another payment counts after every event.
    """

    counted: LazyFrame
    orphans: LazyFrame
    members: LazyFrame
    additional: LazyFrame | None = None
    refunded_elsewhere: LazyFrame | None = None
    refunded_elsewhere_now: LazyFrame | None = None
    chosen_otherwise: LazyFrame | None = None


def select_attempts(payments: LazyFrame) -> LazyFrame:
    """Select the payments of the orders that have, or may have, several."""
    shared = (
        payments.filter(nw.col("link").is_in(list(LINKS_OF_FURTHER_PAYMENTS)))
        .select(*ORDER_KEY)
        .unique()
    )
    return _select_linked(payments).join(materialize(shared), on=ORDER_KEY, how="semi")


def choose_payments(payments: LazyFrame, groups: LazyFrame, attempts: LazyFrame) -> PaymentSide:
    """Choose the payment that counts for each order, and divide the others by role.

    Args:
        payments: msn, okey, PAYMENT_COLUMNS; one row per payment.
        groups: The orders to compare (msn, okey, O, Or, …).
        attempts: Result of `select_attempts`; only their orders need a choice.
    """
    columns = [*ORDER_KEY, *PAYMENT_COLUMNS, "payments"]
    one_payment = nw.lit(1, nw.Int64)
    linked = _select_linked(payments)
    orphans = payments.filter(nw.col("okey").is_null()).select("msn", *PAYMENT_COLUMNS)
    if is_empty(attempts):
        counted = linked.with_columns(payments=one_payment).select(columns)
        return PaymentSide(counted, orphans, linked.select(*ORDER_KEY, "reference").head(0))
    single = linked.join(attempts.select(*ORDER_KEY).unique(), on=ORDER_KEY, how="anti")
    ranked = _rank_and_fit(attempts, groups)
    primary = ranked.filter(nw.col("role") == "primary")
    split = ranked.filter(nw.col("role") == "split")
    return PaymentSide(
        nw.concat(
            [
                single.with_columns(payments=one_payment).select(columns),
                primary.with_columns(payments=one_payment).select(columns),
                _sum_split_payments(split).select(columns),
            ],
            how="vertical",
        ),
        orphans,
        split.select(*ORDER_KEY, "reference"),
        ranked.filter(nw.col("role").is_in(["second", "superseded"])).select(
            *ORDER_KEY, *PAYMENT_COLUMNS, "role", Or=nw.col("paid_back")
        ),
        _sum_surplus_refunds(ranked),
        *_choose_again(attempts, ranked, groups),
    )


def _select_linked(payments: LazyFrame) -> LazyFrame:
    return payments.filter(~nw.col("okey").is_null())


def _rank_and_fit(attempts: LazyFrame, groups: LazyFrame) -> LazyFrame:
    return materialize(add_surplus_refunds(materialize(_assign_roles(attempts, groups))))


def _sum_surplus_refunds(ranked: LazyFrame) -> LazyFrame:
    return materialize(
        ranked.filter(nw.col("paid_back") > 0)
        .group_by(*ORDER_KEY)
        .agg(elsewhere_minor=nw.col("paid_back").sum().cast(nw.Int64))
    )


def _choose_again(
    attempts: LazyFrame, ranked: LazyFrame, groups: LazyFrame
) -> tuple[LazyFrame, LazyFrame]:
    """Choose again with every event fetched: return surplus refunds, and orders that differ."""
    changed = attempts.filter(nw.col("changed_after")).select(*ORDER_KEY).unique()
    moved = materialize(attempts.join(materialize(changed), on=ORDER_KEY, how="semi"))
    ranked_now = _rank_and_fit(
        moved.with_columns(C=nw.col("C_now"), R=nw.col("R_now"), K=nw.col("K_now")), groups
    )
    counts = nw.col("role").is_in(["primary", "split"])
    keys = [*ORDER_KEY, "reference"]
    before, now = (
        materialize(rows.select(*keys, counts=_count_where(counts)))
        for rows in (ranked, ranked_now)
    )
    both = now.join(before, on=keys, how="inner", suffix="_before")
    other = both.filter(nw.col("counts") != nw.col("counts_before")).select(*ORDER_KEY).unique()
    unmoved = ranked.join(materialize(changed), on=ORDER_KEY, how="anti")
    now_elsewhere = nw.concat(
        [rows.select(*ORDER_KEY, "paid_back") for rows in (ranked_now, unmoved)], how="vertical"
    )
    return _sum_surplus_refunds(now_elsewhere), materialize(other)


@planned
def _assign_roles(shared: LazyFrame, groups: LazyFrame) -> LazyFrame:
    """Add `role` where an order has several attempts: split, primary, second, superseded.

    Payments that hold or held money are one split payment if each is less than the order, unless
    two were created for one amount and together are more than the order; or if the order's own
    cell names several of them. Otherwise one counts, by the order of `rank_attempts`.
    """
    held = (nw.col("C") > 0) | (nw.col("K") > 0)
    named = nw.col("link").is_in(["exact", "named"])
    part = nw.col("C") + nw.col("K")
    nothing = nw.lit(0, nw.Int64)
    order_amounts = groups.filter(~nw.col("okey").is_null()).select(
        *ORDER_KEY,
        "O",
        "Or",
        "by_vipps",
        "recurring",
        "refunds_unknown",
        order_currency=nw.col("currency"),
    )
    with_order = shared.join(order_amounts, on=ORDER_KEY, how="left").with_columns(
        held=held, part=nw.when(held).then(part).otherwise(nothing)
    )
    equal_amounts = find_equal_amounts(with_order)
    totals = (
        with_order.with_columns(
            held_count=_count_where(held),
            held_named_count=_count_where(held & named),
            held_full_count=_count_where(held & (nw.col("part") >= nw.col("O"))),
            refund_fits=_count_where(held & (nw.col("R") == nw.col("Or")) & (nw.col("R") > 0)),
            held_currency=nw.when(held).then(nw.col("payment_currency")),
        )
        .group_by(*ORDER_KEY)
        .agg(
            nw.col("held_count", "held_named_count", "held_full_count", "refund_fits")
            .sum()
            .cast(nw.Int64),
            first_currency=nw.col("held_currency").min(),
            last_currency=nw.col("held_currency").max(),
        )
    )
    attempts = (
        with_order.join(materialize(totals), on=ORDER_KEY, how="left")
        .join(equal_amounts, on=ORDER_KEY, how="left")
        .with_columns(
            one_currency=(nw.col("first_currency") == nw.col("last_currency")).fill_null(
                value=False
            ),
            parts_only=(nw.col("held_count") >= 2)
            & (nw.col("held_full_count") == 0)
            & (nw.col("equal_amounts").fill_null(0) == 0),
        )
    )
    by_name = nw.col("held_named_count") >= 2
    # An order that was paid another way, or is a recurring charge, has no split payment.
    is_due = nw.col("by_vipps").fill_null(value=True) & ~nw.col("recurring").fill_null(value=False)
    is_split = nw.col("one_currency") & (by_name | nw.col("parts_only")) & is_due
    is_part = is_split & nw.col("held") & (~by_name | named)
    role = (
        nw.when(is_part)
        .then(nw.lit("split"))
        .otherwise(
            nw.when(~is_split & (nw.col("place") == 1))
            .then(nw.lit("primary"))
            .otherwise(
                nw.when(nw.col("held")).then(nw.lit("second")).otherwise(nw.lit("superseded"))
            )
        )
    )
    return rank_attempts(attempts, named).with_columns(role=role)


def _count_where(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0))


@planned
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
