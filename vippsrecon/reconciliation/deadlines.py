"""Add deadlines, ages and grace periods as columns of `pairs`, in microseconds."""

from __future__ import annotations

from collections.abc import Sequence

import narwhals.stable.v2 as nw

from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation.days import DAY_US, HOUR_US, local_day_expression
from vippsrecon.reconciliation.engines.backends import LazyFrame
from vippsrecon.vipps_rules import CAPTURE_DAYS, LATE_CAPTURE_DAYS, MARKET_OF_CURRENCY, REFUND_DAYS

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
    warning_days = {
        unit.msn: EXPIRY_WARNING_DAYS[unit.market] for unit in units if unit.market is not None
    }
    authorized, as_of = nw.col("authorized_at_us"), nw.col("t_us")
    return pairs.with_columns(
        t_day=_local_day(as_of, units, as_of_year),
        # The fetch may be later than the cut-off time, but not by years.
        fetched_day=_local_day(nw.col("fetched_at_us"), units, as_of_year + 1),
        capture_left_us=authorized + build_capture_days(units) * DAY_US - as_of,
        refund_left_us=authorized + REFUND_DAYS * DAY_US - as_of,
        guarantee_left_us=nw.col("guarantee_us") - as_of,
        warn_us=_choose_by_unit(units, warning_days, _choose_by_currency(EXPIRY_WARNING_DAYS))
        * DAY_US,
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
        units: Configured sales units; for any other, the market follows from the currency.
    """
    capture_days = {
        unit.msn: LATE_CAPTURE_DAYS if unit.late_capture else CAPTURE_DAYS[unit.market]
        for unit in units
        if unit.market is not None
    }
    return _choose_by_unit(units, capture_days, _choose_by_currency(CAPTURE_DAYS))


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


def _local_day(at: nw.Expr, units: Sequence[SalesUnit], latest_year: int) -> nw.Expr:
    """Return the local day of a time in the zone of the row's sales unit."""
    day: nw.Expr = local_day_expression(at, "Europe/Oslo", latest_year)
    for unit in units:
        day = (
            nw.when(nw.col("msn") == unit.msn)
            .then(local_day_expression(at, unit.zone, latest_year))
            .otherwise(day)
        )
    return day.cast(nw.Int64)
