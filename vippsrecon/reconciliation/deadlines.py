"""Add deadlines, ages and grace periods as columns of `pairs`, in microseconds."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import narwhals.stable.v2 as nw

from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation.days import DAY_US, HOUR_US, local_day_expression
from vippsrecon.reconciliation.engines.backends import LazyFrame
from vippsrecon.vipps_rules import MARKET_OF_CURRENCY, REFUND_DAYS, find_capture_days

_Value = TypeVar("_Value", bound=Hashable)

EXPIRY_WARNING_DAYS = {"NO": 14, "SE": 14, "DK": 3, "FI": 3}
"""Days before the capture deadline from which an authorization is reported as expiring."""


def add_deadlines(
    pairs: LazyFrame, units: Sequence[SalesUnit], rules: Rules, as_of_year: int
) -> LazyFrame:
    """Add the time left until each deadline, the time since each change, and the grace periods.

    All are in microseconds, counted from the pair's cut-off time, `t_us`; `t_day` and `fetched_day`
    are local days.

    Args:
        pairs: The pairs, with their times.
        units: Configured sales units; for any other, the market follows from the currency.
        rules: Tolerances and grace periods.
        as_of_year: The year of the as-of time; no cut-off time is later.
    """
    authorized, as_of = nw.col("authorized_at_us"), nw.col("t_us")
    return pairs.with_columns(
        t_day=_local_day(as_of, units, as_of_year),
        # The fetch may be later than the cut-off time, but not by years.
        fetched_day=_local_day(nw.col("fetched_at_us"), units, as_of_year + 1),
        capture_left_us=authorized + build_capture_days(units) * DAY_US - as_of,
        refund_left_us=authorized + REFUND_DAYS * DAY_US - as_of,
        guarantee_left_us=nw.col("guarantee_us") - as_of,
        warn_us=_build_warning_days(units) * DAY_US,
        since_authorized_us=as_of - authorized,
        since_capture_us=as_of - nw.col("first_captured_us"),
        since_fulfilled_us=as_of - nw.col("fulfilled_at_us"),
        since_shop_refund_us=as_of - nw.col("refunded_at_us"),
        grace_capture_us=nw.lit(rules.capture_grace_hours * HOUR_US, nw.Int64),
        grace_refund_us=nw.lit(rules.refund_grace_hours * HOUR_US, nw.Int64),
        grace_callback_us=nw.lit(rules.callback_grace_hours * HOUR_US, nw.Int64),
        grace_delivery_us=nw.lit(rules.delivery_grace_days * DAY_US, nw.Int64),
        tolerance=nw.lit(rules.tolerance_minor, nw.Int64),
    ).with_columns(
        deadline_passed=(nw.col("capture_left_us") < 0).fill_null(value=False),
    )


def build_capture_days(units: Sequence[SalesUnit]) -> nw.Expr:
    """Return the days from authorization to the capture deadline, from columns `msn` and `currency`.

    Args:
        units: Configured sales units; for any other, and for one without a market that has no late
            capture, the market follows from the currency.
    """
    by_currency = _choose_by_currency(
        lambda currency: find_capture_days(None, currency, late_capture=False)
    )
    by_unit = {
        unit.msn: find_capture_days(unit.market, "", late_capture=unit.late_capture)
        for unit in units
        if unit.market is not None or unit.late_capture
    }
    return _choose_by_unit(by_unit, by_currency)


def _build_warning_days(units: Sequence[SalesUnit]) -> nw.Expr:
    by_currency = _choose_by_currency(
        lambda currency: EXPIRY_WARNING_DAYS[MARKET_OF_CURRENCY.get(currency, "NO")]
    )
    by_unit = {unit.msn: EXPIRY_WARNING_DAYS[unit.market] for unit in units if unit.market}
    return _choose_by_unit(by_unit, by_currency)


def _choose_by_unit(days_by_msn: Mapping[str, int], by_currency: nw.Expr) -> nw.Expr:
    """Return the days of the sales unit where they are known, else of the currency."""
    chain = by_currency
    for days, msns in _group_units(days_by_msn).items():
        chain = nw.when(nw.col("msn").is_in(msns)).then(nw.lit(days)).otherwise(chain)
    return chain


def _group_units(value_by_msn: Mapping[str, _Value]) -> dict[_Value, list[str]]:
    """Return each value with its sales units: a condition for each unit would nest too deeply."""
    msns_by_value: dict[_Value, list[str]] = {}
    for msn, value in value_by_msn.items():
        msns_by_value.setdefault(value, []).append(msn)
    return msns_by_value


def _choose_by_currency(find_days: Callable[[str], int]) -> nw.Expr:
    """Return the days of the row's currency."""
    chain: nw.Expr = nw.lit(find_days(""))
    for currency in MARKET_OF_CURRENCY:
        chain = (
            nw.when(nw.col("currency") == currency)
            .then(nw.lit(find_days(currency)))
            .otherwise(chain)
        )
    return chain


def _local_day(at: nw.Expr, units: Sequence[SalesUnit], latest_year: int) -> nw.Expr:
    """Return the local day of a time in the zone of the row's sales unit."""
    day: nw.Expr = local_day_expression(at, "Europe/Oslo", latest_year)
    for zone, msns in _group_units({unit.msn: unit.zone for unit in units}).items():
        day = (
            nw.when(nw.col("msn").is_in(msns))
            .then(local_day_expression(at, zone, latest_year))
            .otherwise(day)
        )
    return day.cast(nw.Int64)
