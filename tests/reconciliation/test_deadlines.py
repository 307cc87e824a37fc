"""Test that a comparison and a plan give a payment the same capture deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import narwhals.stable.v2 as nw
import polars as pl
import pytest

from vippsrecon.api.models import Event, Payment
from vippsrecon.bulk.execution.row.checks import RowCheck, find_objection
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.config.settings import SalesUnit
from vippsrecon.reconciliation.deadlines import build_capture_days

NOW = datetime(2026, 11, 5, 8, tzinfo=UTC)
CURRENCIES = ("NOK", "SEK", "DKK", "EUR", "USD")
UNITS = [
    SalesUnit("123456", market=market, late_capture=late_capture)
    for market in (None, "NO", "SE", "DK", "FI")
    for late_capture in (False, True)
]


def count_compared_days(unit: SalesUnit, currency: str) -> int:
    """Return the days to capture that a comparison counts with."""
    row = nw.from_native(pl.DataFrame({"msn": [unit.msn], "currency": [currency]}))
    return row.select(days=build_capture_days([unit])).item()


def capture_is_refused(unit: SalesUnit, currency: str, days: int) -> bool:
    """Return whether a plan refuses to capture a payment that was authorized so many days ago."""
    row = PlanRow(
        1, unit.msn, "order-0001", None, currency, 100, "other", "", "", None, None,
        1000, 0, 0, 0, False,
    )  # fmt: skip
    authorized = f"{NOW - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
    event = Event(
        unit.msn, "order-0001", "psp-1", "AUTHORIZED", 1000, currency, authorized, None, True
    )
    payment = Payment(
        unit.msn, "order-0001", "psp-1", "AUTHORIZED", currency, 1000, 1000, 0, 0, 0, None, None
    )
    soon = NOW + timedelta(hours=1)
    check = RowCheck("capture", row, "key", payment, [event], (), unit, NOW, soon, soon, False)
    return "deadline to capture" in find_objection(check)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: f"{unit.market} {unit.late_capture}")
def test_plan_and_comparison_have_one_capture_deadline(unit):
    """Otherwise a report calls a reservation lost that a plan would still capture, or the reverse."""
    for currency in CURRENCIES:
        days = count_compared_days(unit, currency)
        assert not capture_is_refused(unit, currency, days), currency
        assert capture_is_refused(unit, currency, days + 1), currency


def test_late_capture_counts_without_a_market():
    """The setting says 180 days, so it holds whether or not the market is configured."""
    assert count_compared_days(SalesUnit("123456", late_capture=True), "DKK") == 180
    assert count_compared_days(SalesUnit("123456"), "DKK") == 14
