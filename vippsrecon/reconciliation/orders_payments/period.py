"""Decide which pairs belong to a period, and how much of their money moved in it.

A pair belongs to a period if one of its days is in it: created, authorized, captured, refunded or
cancelled at Vipps MobilePay, or ordered, fulfilled or refunded in the shop. A pair that began
before the end of the period and is a discrepancy or timing belongs to it too, so that nothing
is lost between two months. Every pair is compared with all its amounts; only the figures of the
period count the events dated in it, so the figures of two months add up to those of both.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.codes import DISCREPANCY_KINDS, TIMING_KINDS
from vippsrecon.reconciliation.engines.backends import LazyFrame, is_empty, materialize
from vippsrecon.reconciliation.orders_payments.event_log.event_history import MONEY_EVENTS
from vippsrecon.reconciliation.orders_payments.orders import ORDER_KEY
from vippsrecon.schemas.inputs import PAYMENT_KEY

Period = tuple[int, int]
"""First and last local day, as day numbers, both included."""

PERIOD_COLUMNS = ("C_in", "R_in", "later_C", "later_R", "off_C", "off_R")
"""Amounts in minor units, for the figures of a period.

`C_in`, `R_in`: captured and refunded in the period, up to the cut-off time. `later_C`, `later_R`:
after the cut-off time. `off_C`, `off_R`: the payment's aggregate minus the sum of all its events.
"""

ORDER_DAYS = ("ordered_day", "fulfilled_day", "refunded_day")
PAYMENT_DAYS = ("created_day", "authorized_day")

_ZERO = nw.lit(0, nw.Int64)
_COUNTED_EVENTS = ("CREATED", *MONEY_EVENTS)
_AGGREGATES = {"C": "captured_minor", "R": "refunded_minor"}


def add_period_amounts(
    pairs: LazyFrame,
    payments: LazyFrame,
    events: LazyFrame | None,
    members: LazyFrame,
    period: Period | None,
) -> LazyFrame:
    """Add `PERIOD_COLUMNS`, `in_period` and `before_end` to the pairs. The rows stay the same.

    Args:
        pairs: The pairs, with the variables of `variables.add_variables`.
        payments: One row per payment, as `event_history.add_amounts_as_of` returns it.
        events: One row per event; may include other payments. None if no event log was fetched.
        members: msn, okey, reference of the parts of split payments.
        period: First and last local day; None: all days.
    """
    amounts = _find_late_amounts(payments)
    if period is not None and events is not None:
        moved = materialize(_sum_movements(_select_events(events, payments), period))
        keys = materialize(
            nw.concat([amounts.select(PAYMENT_KEY), moved.select(PAYMENT_KEY)], how="vertical")
        )
        amounts = (
            keys.unique()
            .join(amounts, on=PAYMENT_KEY, how="left")
            .join(moved, on=PAYMENT_KEY, how="left")
        )
    else:
        amounts = amounts.with_columns(C_in=_ZERO, R_in=_ZERO, n_in=_ZERO)
    amounts = materialize(amounts)
    if not is_empty(members):
        amounts = materialize(_sum_members(amounts, members))
    joined = pairs.join(
        amounts.rename({"reference": "payment_reference"}),
        on=["msn", "payment_reference"],
        how="left",
    ).with_columns(nw.col(*PERIOD_COLUMNS, "n_in").fill_null(0))
    return _add_period_conditions(joined, period)


def add_exact_match_period(
    exact_matches: LazyFrame,
    dated: tuple[LazyFrame, LazyFrame, LazyFrame | None] | None,
    period: Period | None,
) -> LazyFrame:
    """Add `C_in`, `R_in` and `outside` to the exact matches, none of which has an event after the cut-off.

    Args:
        exact_matches: One row per exact match.
        dated: All orders, payments and events; None, the same as `period`, for all days.
        period: First and last local day.
    """
    if period is None or dated is None:
        return exact_matches.with_columns(
            C_in=nw.col("O"), R_in=nw.col("Or"), outside=nw.lit(value=False)
        )
    orders, payments, events = dated
    order_days = orders.select("source_file", "source_row", *ORDER_DAYS)
    with_days = exact_matches.join(order_days, on=["source_file", "source_row"], how="left").join(
        payments.select(*PAYMENT_KEY, *PAYMENT_DAYS), on=PAYMENT_KEY, how="left"
    )
    if events is None:
        counted = with_days.with_columns(C_in=_ZERO, R_in=_ZERO, n_in=_ZERO)
    else:
        moved = materialize(_sum_movements(_select_period_events(events, period), period))
        counted = with_days.join(moved, on=PAYMENT_KEY, how="left").with_columns(
            nw.col("C_in", "R_in", "n_in").fill_null(0)
        )
    conditions = _add_period_conditions(
        counted.with_columns(
            C=nw.col("O"),
            R=nw.col("Or"),
            no_events=nw.lit(value=events is None),
            fetched_day=nw.lit(None).cast(nw.Int64),  # an exact match has a created_day
        ),
        period,
    )
    names = exact_matches.collect_schema().names()
    return materialize(
        conditions.select(*names, "C_in", "R_in", outside=~nw.col("in_period")), large=True
    )


def exclude_outside_period(answered: LazyFrame) -> LazyFrame:
    """Set the kind of every pair outside the period to `outside_period`, and clear its other kinds.

    Args:
        answered: Pairs with the kind of each question, and the columns of `add_period_amounts`.
    """
    questions = ("there", "captured", "refunded", "reserved", "aggregate")
    kinds = [nw.col(f"{question}_kind") for question in questions]
    unsettled = nw.col("compared") & nw.col("changed_after")
    for kind in kinds:
        unsettled = unsettled | kind.is_in([*DISCREPANCY_KINDS, *TIMING_KINDS]).fill_null(
            value=False
        )
    decided = nw.col("there_kind").is_in(["not_checked", "waived"]).fill_null(value=False)
    outside = ~nw.col("in_period") & ~(unsettled & nw.col("before_end")) & ~decided
    # In two steps: `compared` and the kinds decide what is outside.
    return (
        answered.with_columns(outside=outside)
        .with_columns(
            *(
                nw.when(~nw.col("outside")).then(kind).alias(f"{question}_kind")
                for question, kind in zip(questions, kinds, strict=True)
            ),
            compared=nw.col("compared") & ~nw.col("outside"),
        )
        .with_columns(
            there_kind=nw.when(nw.col("outside"))
            .then(nw.lit("outside_period"))
            .otherwise(nw.col("there_kind"))
        )
        .drop("outside")
    )


def _find_late_amounts(payments: LazyFrame) -> LazyFrame:
    """Return the few payments with events after the cut-off time, or with wrong totals."""
    amounts = payments.select(
        *PAYMENT_KEY,
        *(
            nw.col(f"later_{letter}").fill_null(0).alias(f"later_{letter}")
            for letter in _AGGREGATES
        ),
        *(
            (nw.col(total) - nw.col(letter) - nw.col(f"later_{letter}").fill_null(0)).alias(
                f"off_{letter}"
            )
            for letter, total in _AGGREGATES.items()
        ),
    )
    differs = nw.lit(value=False)
    for name in ("later_C", "later_R", "off_C", "off_R"):
        differs = differs | (nw.col(name) != 0)
    return materialize(amounts.filter(differs))


def _select_events(events: LazyFrame, payments: LazyFrame) -> LazyFrame:
    """Return the events of these payments up to each payment's cut-off time."""
    cut_offs = materialize(payments.select(*PAYMENT_KEY, "t_us"))
    own_events = events.join(cut_offs, on=PAYMENT_KEY, how="inner")
    return own_events.filter(nw.col("event_at_us") <= nw.col("t_us"))


def _select_period_events(events: LazyFrame, period: Period) -> LazyFrame:
    first, last = period
    return events.filter((nw.col("event_day") >= first) & (nw.col("event_day") <= last))


def _sum_movements(events: LazyFrame, period: Period) -> LazyFrame:
    """Sum the successful events dated in the period: msn, reference, C_in, R_in, n_in (count)."""
    inside = _select_period_events(events, period).filter(
        nw.col("success") & nw.col("name").is_in(list(_COUNTED_EVENTS))
    )
    return (
        inside.select(
            *PAYMENT_KEY, C_in=_amount_of("CAPTURED"), R_in=_amount_of("REFUNDED"), n_in=_ZERO + 1
        )
        .group_by(*PAYMENT_KEY)
        .agg(nw.col("C_in", "R_in", "n_in").sum().cast(nw.Int64))
    )


def _amount_of(name: str) -> nw.Expr:
    return nw.when(nw.col("name") == name).then(nw.col("amount_minor")).otherwise(_ZERO)


def _sum_members(amounts: LazyFrame, members: LazyFrame) -> LazyFrame:
    """Add up the parts of each split payment, under the reference that its pair has."""
    columns = [*PAYMENT_KEY, *PERIOD_COLUMNS, "n_in"]
    single = amounts.join(members.select(PAYMENT_KEY), on=PAYMENT_KEY, how="anti")
    # The pair of a split payment has the smallest reference of its parts.
    summed = (
        members.select(*ORDER_KEY, "reference")
        .join(amounts, on=PAYMENT_KEY, how="left")
        .with_columns(nw.col(*PERIOD_COLUMNS, "n_in").fill_null(0))
        .group_by(*ORDER_KEY)
        .agg(
            nw.col("reference").min(),
            nw.col(*PERIOD_COLUMNS, "n_in").sum().cast(nw.Int64),
        )
    )
    filled = single.with_columns(nw.col(*PERIOD_COLUMNS, "n_in").fill_null(0))
    return nw.concat([filled.select(columns), summed.select(columns)], how="vertical")


def _add_period_conditions(rows: LazyFrame, period: Period | None) -> LazyFrame:
    """Add `in_period` and `before_end`, and the amounts of payments without an event log."""
    if period is None:
        return rows.with_columns(
            C_in=nw.col("C"),
            R_in=nw.col("R"),
            in_period=nw.lit(value=True),
            before_end=nw.lit(value=True),
        ).drop("n_in")
    first, last = period

    def is_inside(day: nw.Expr) -> nw.Expr:
        return ((day >= first) & (day <= last)).fill_null(value=False)

    days = [nw.col(name) for name in (*ORDER_DAYS, *PAYMENT_DAYS)]
    undated = nw.lit(value=True)
    in_period = nw.col("n_in") > 0
    for day in days:
        in_period = in_period | is_inside(day)
        undated = undated & day.is_null()
    start = [nw.col(name) for name in ("ordered_day", "created_day")]
    before_end = start[0].is_null() & start[1].is_null()
    for day in start:
        before_end = before_end | (day <= last).fill_null(value=False)
    # Without a log, all money of a payment counts on the day it was authorized; without any day,
    # on the day it was fetched, so that it counts in one period only.
    paid_inside = is_inside(
        nw.coalesce("authorized_day", "created_day", "ordered_day", "fetched_day")
    )
    return (
        rows.with_columns(
            in_period=in_period | undated, before_end=before_end, paid_inside=paid_inside
        )
        .with_columns(
            *(
                nw.when(~nw.col("no_events"))
                .then(nw.col(f"{letter}_in"))
                .otherwise(nw.when(nw.col("paid_inside")).then(nw.col(letter)).otherwise(_ZERO))
                .alias(f"{letter}_in")
                for letter in _AGGREGATES
            )
        )
        .drop("n_in", "paid_inside")
    )
