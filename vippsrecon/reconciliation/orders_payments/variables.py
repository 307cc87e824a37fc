"""Add the variables of the rules as columns of `pairs`. Amounts are in minor units.

O order total · Or refunded by the shop · A, C, R, X authorized, captured, refunded, cancelled ·
K what can still be captured or released · E, Er what should have been captured and refunded.

Two amounts are netted first, because neither is a discrepancy: q, which the shop refunded before
capture, so that it never had to be captured, and p, which was captured in excess and refunded.
"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals.stable.v2 as nw

from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation.backends import LazyFrame
from vippsrecon.reconciliation.days import DAY_US, HOUR_US, local_day_expression
from vippsrecon.reconciliation.orders_payments.event_history import ENDED_STATES
from vippsrecon.vipps_rules import CAPTURE_DAYS, LATE_CAPTURE_DAYS, MARKET_OF_CURRENCY, REFUND_DAYS

EXPIRY_WARNING_DAYS = {"NO": 14, "SE": 14, "DK": 3, "FI": 3}
"""Days before the capture deadline from which an authorization is reported as expiring."""


def add_variables(
    pairs: LazyFrame,
    as_of_us: int,
    units: Sequence[SalesUnit],
    rules: Rules,
    waived: frozenset[tuple[str, str]],
) -> LazyFrame:
    """Add the amounts, deadlines and days that the checks use. The rows stay the same."""
    return _add_expected_amounts(
        _add_deadlines(_fill_both_sides(pairs, as_of_us, units, waived), units, rules, as_of_us)
    )


def _fill_both_sides(
    pairs: LazyFrame, as_of_us: int, units: Sequence[SalesUnit], waived: frozenset[tuple[str, str]]
) -> LazyFrame:
    has_order = ~nw.col("source_file").is_null()
    has_payment = ~nw.col("reference").is_null()
    amounts = ("O", "Or", "A", "C", "R", "X", "K", "gap", "n_captures", "amount_minor")
    export_us = nw.col("exported_at_us").fill_null(as_of_us)
    order_as_of_us = nw.when(export_us < as_of_us).then(export_us).otherwise(nw.lit(as_of_us))
    currency = (
        nw.when(has_payment).then(nw.col("payment_currency")).otherwise(nw.col("order_currency"))
    )
    at_once = [unit.msn for unit in units if unit.capture == "at_once"]
    return pairs.with_columns(
        *(nw.col(name).fill_null(0).cast(nw.Int64).alias(name) for name in amounts),
        has_order=has_order & (nw.col("role") == "pair"),
        has_payment=has_payment,
        currency=currency,
        payment_reference=nw.col("reference"),
        reference=nw.when(has_payment).then(nw.col("reference")).otherwise(nw.col("okey")),
        no_events=nw.col("as_fetched").fill_null(value=False),
        changed_after=nw.col("changed_after").fill_null(value=False),
        no_reference=nw.col("no_reference").fill_null(value=False),
        combined=nw.col("combined").fill_null(value=False),
        split=(nw.col("payments") > 1).fill_null(value=False),
        t_us=nw.when(nw.col("t_us").is_null())
        .then(order_as_of_us)
        .otherwise(nw.col("t_us"))
        .cast(nw.Int64),
        state=nw.col("state").fill_null(""),
        raw_status=nw.col("status").fill_null(""),
        paid=nw.col("paid").fill_null("unknown"),
        recurring=nw.col("recurring").fill_null(value=False),
        split_tender=nw.col("split_tender").fill_null(value=False),
        shop_currency_only=nw.col("shop_currency_only").fill_null(value=False),
        captures_at_once=nw.col("msn").is_in(at_once),
        waived=is_in_keys(waived, nw.col("okey").fill_null(nw.col("reference"))),
    )


def is_in_keys(keys: frozenset[tuple[str, str]], reference: nw.Expr) -> nw.Expr:
    """Test whether (msn, `reference`) of the row is one of these keys."""
    if not keys:
        return nw.lit(value=False)
    # One text per key, because `is_in` takes one column only.
    names = sorted(f"{msn}:{name}" for msn, name in keys)
    return nw.concat_str(nw.col("msn"), nw.lit(":"), reference).is_in(names).fill_null(value=False)


def _choose_by_unit(
    units: Sequence[SalesUnit], value_of: dict[str, int], by_currency: nw.Expr
) -> nw.Expr:
    """Return the value of the sales unit if its market is configured, else of the currency."""
    chain = by_currency
    for unit in units:
        if unit.market is not None:
            chain = (
                nw.when(nw.col("msn") == unit.msn).then(nw.lit(value_of[unit.msn])).otherwise(chain)
            )
    return chain


def _choose_by_currency(value_of_market: dict[str, int]) -> nw.Expr:
    """Return the value of the market that uses the row's currency; Norway's for an unknown one."""
    chain: nw.Expr = nw.lit(value_of_market["NO"])
    for currency, market in MARKET_OF_CURRENCY.items():
        chain = (
            nw.when(nw.col("currency") == currency)
            .then(nw.lit(value_of_market[market]))
            .otherwise(chain)
        )
    return chain


def _add_deadlines(
    pairs: LazyFrame, units: Sequence[SalesUnit], rules: Rules, as_of_us: int
) -> LazyFrame:
    capture_days = {
        unit.msn: LATE_CAPTURE_DAYS if unit.late_capture else CAPTURE_DAYS[unit.market]
        for unit in units
        if unit.market is not None
    }
    warning_days = {
        unit.msn: EXPIRY_WARNING_DAYS[unit.market] for unit in units if unit.market is not None
    }
    t_day: nw.Expr = local_day_expression(nw.col("t_us"), "Europe/Oslo", as_of_us)
    for unit in units:
        t_day = (
            nw.when(nw.col("msn") == unit.msn)
            .then(local_day_expression(nw.col("t_us"), unit.zone, as_of_us))
            .otherwise(t_day)
        )
    authorized, as_of = nw.col("authorized_at_us"), nw.col("t_us")
    fetched = nw.col("fetched_at_us")
    shop_later = (nw.col("fulfilled_at_us") > fetched).fill_null(value=False) | (
        nw.col("refunded_at_us") > fetched
    ).fill_null(value=False)
    return pairs.with_columns(
        t_day=t_day.cast(nw.Int64),
        capture_left_us=authorized
        + _choose_by_unit(units, capture_days, _choose_by_currency(CAPTURE_DAYS)) * DAY_US
        - as_of,
        refund_left_us=authorized + REFUND_DAYS * DAY_US - as_of,
        guarantee_left_us=nw.col("guarantee_us") - as_of,
        warn_us=_choose_by_unit(units, warning_days, _choose_by_currency(EXPIRY_WARNING_DAYS))
        * DAY_US,
        shop_later=shop_later,
        since_capture_us=as_of - nw.col("first_captured_us"),
        since_fulfilled_us=as_of - nw.col("fulfilled_at_us"),
        since_shop_refund_us=as_of - nw.col("refunded_at_us"),
        grace_capture_us=nw.lit(rules.capture_grace_hours * HOUR_US, nw.Int64),
        grace_refund_us=nw.lit(rules.refund_grace_hours * HOUR_US, nw.Int64),
        grace_delivery_us=nw.lit(rules.delivery_grace_days * DAY_US, nw.Int64),
        tolerance=nw.lit(rules.tolerance_minor, nw.Int64),
    ).with_columns(
        deadline_passed=(nw.col("capture_left_us") < 0).fill_null(value=False),
        dead=nw.col("state").is_in(list(ENDED_STATES)),
    )


def _add_expected_amounts(pairs: LazyFrame) -> LazyFrame:
    """Add the interpreted status, q and p, and the expected amounts E and Er."""
    # An order of unknown status counts as fulfilled if money was captured, otherwise as open. An
    # open order counts as fulfilled if its sales unit captures at once, and an open or partial one
    # if the shop refunded all of it.
    o, o_r, c, r = (nw.col(letter) for letter in ("O", "Or", "C", "R"))
    raw = nw.col("raw_status")
    interpreted = (
        nw.when(raw == "unknown")
        .then(nw.when(c > 0).then(nw.lit("fulfilled")).otherwise(nw.lit("open")))
        .otherwise(
            nw.when((raw == "open") & nw.col("captures_at_once"))
            .then(nw.lit("fulfilled"))
            .otherwise(raw)
        )
    )
    refunded_in_full = (o_r >= o) & (o > 0)
    status = (
        nw.when(interpreted.is_in(["open", "partial"]) & refunded_in_full)
        .then(nw.lit("fulfilled"))
        .otherwise(interpreted)
    )
    with_status = pairs.with_columns(status=status)
    netted = (nw.col("status") != "cancelled") & ~((nw.col("status") == "open") & (c > 0))
    refunded_before_capture = nw.when(o - c < o_r - r).then(o - c).otherwise(o_r - r)
    excess_given_back = nw.when(c - o < r - o_r).then(c - o).otherwise(r - o_r)
    return (
        with_status.with_columns(
            q=nw.when(netted & (refunded_before_capture > 0))
            .then(refunded_before_capture)
            .otherwise(nw.lit(0, nw.Int64)),
            p=nw.when(netted & (excess_given_back > 0))
            .then(excess_given_back)
            .otherwise(nw.lit(0, nw.Int64)),
        )
        .with_columns(
            E=o - nw.col("q") + nw.col("p"),
            Er=o_r - nw.col("q") + nw.col("p"),
        )
        .with_columns(
            under=nw.col("E") - c,
            over=c - nw.col("E"),
            refund_short=nw.col("Er") - r,
        )
    )
