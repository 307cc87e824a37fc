"""Test the days on which banks book payouts, and which accounting day a moment belongs to."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import narwhals.stable.v2 as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vippsrecon.bank_days import (
    add_bank_days,
    compute_payout_bank_date,
    find_accounting_day,
    is_bank_day,
)
from vippsrecon.dates import EPOCH
from vippsrecon.errors import InputError
from vippsrecon.reconciliation.days import local_day_expression, to_microseconds
from vippsrecon.vipps_rules import ZONE_OF_MARKET

MARKETS = sorted(ZONE_OF_MARKET)


@pytest.mark.parametrize(
    ("day", "open_in"),
    [
        pytest.param("2026-04-02", "FI SE", id="Maundy Thursday"),
        pytest.param("2026-04-03", "", id="Good Friday"),
        pytest.param("2026-05-01", "DK", id="1 May"),
        pytest.param("2026-05-14", "FI", id="Ascension: TARGET is open although Finland is not"),
        pytest.param("2026-05-15", "FI NO SE", id="Friday after Ascension, closed in Denmark"),
        pytest.param("2026-06-05", "FI NO SE", id="Constitution Day of Denmark"),
        pytest.param("2026-06-19", "DK FI NO", id="Midsummer Eve"),
        pytest.param("2024-04-26", "DK FI NO SE", id="Great Prayer Day, abolished in 2024"),
        pytest.param("2023-05-05", "FI NO SE", id="Great Prayer Day, the last one"),
        pytest.param("2026-12-24", "FI NO", id="Christmas Eve: short in Norway"),
        pytest.param("2026-12-31", "FI NO", id="New Year's Eve"),
        pytest.param("2026-12-26", "", id="a Saturday"),
        pytest.param("2026-11-30", "DK FI NO SE", id="an ordinary Monday"),
    ],
)
def test_days_on_which_banks_are_open(day, open_in):
    """The calendars of banks differ from the public holidays: each difference is a row here."""
    assert [m for m in MARKETS if is_bank_day(date.fromisoformat(day), m)] == open_in.split()


@pytest.mark.parametrize(
    ("ledger_date", "market", "expected"),
    [
        ("2026-10-01", "NO", "2026-10-06"),
        ("2026-10-01", "DK", "2026-10-05"),
        ("2026-10-03", "FI", "2026-10-06"),
        ("2026-12-23", "NO", "2026-12-29"),
        ("2026-12-23", "DK", "2026-12-29"),
        ("2026-12-23", "FI", "2026-12-28"),
        ("2026-05-13", "DK", "2026-05-19"),
    ],
)
def test_expected_day_of_a_payout(ledger_date, market, expected):
    """Vipps pays on bank day three, MobilePay on bank day two."""
    day = date.fromisoformat(ledger_date)

    assert compute_payout_bank_date(day, market) == date.fromisoformat(expected)


@given(st.dates(date(2000, 1, 1), date(2099, 1, 1)), st.integers(0, 8), st.sampled_from(MARKETS))
def test_bank_days_are_counted(day, count, market):
    """The day after `count` bank days is a bank day, and so many bank days lie after the first."""
    reached = add_bank_days(day, count, market)

    between = ((day + timedelta(days=n)) for n in range(1, (reached - day).days + 1))
    assert sum(is_bank_day(other, market) for other in between) == count
    assert count == 0 or is_bank_day(reached, market)


def test_unknown_market_is_refused():
    """A market without a calendar must not count as one without holidays."""
    with pytest.raises(InputError, match="'DE' is not one of"):
        is_bank_day(date(2026, 1, 2), "DE")


@pytest.mark.parametrize(
    ("utc", "cut_off", "expected"),
    [
        pytest.param("2026-10-31T22:59:59", time(), "2026-10-31", id="before midnight"),
        pytest.param("2026-10-31T23:00:00", time(), "2026-11-01", id="midnight in winter"),
        pytest.param("2026-06-30T22:00:00", time(), "2026-07-01", id="midnight in summer"),
        pytest.param("2026-11-01T02:59:59", time(4), "2026-10-31", id="before 04:00"),
        pytest.param("2026-11-01T03:00:00", time(4), "2026-11-01", id="04:00"),
        pytest.param("2026-10-25T00:15:00", time(2, 30), "2026-10-24", id="02:15, the first"),
        pytest.param("2026-10-25T00:45:00", time(2, 30), "2026-10-25", id="02:45, the first"),
        pytest.param("2026-10-25T01:15:00", time(2, 30), "2026-10-25", id="02:15, the second"),
        pytest.param(
            "2026-03-29T00:59:59", time(3), "2026-03-28", id="01:59 before the hour is lost"
        ),
        pytest.param("2026-03-29T01:00:00", time(3), "2026-03-29", id="03:00 after it"),
    ],
)
def test_accounting_day_of_a_moment(utc, cut_off, expected):
    """A day ends at local midnight or at the configured time, also where clocks change."""
    at = datetime.fromisoformat(utc).replace(tzinfo=UTC)

    assert find_accounting_day(at, "Europe/Oslo", cut_off) == date.fromisoformat(expected)


@pytest.mark.parametrize("zone", ["Europe/Oslo", "Europe/Helsinki"])
@pytest.mark.parametrize("cut_off", [time(0), time(2, 30), time(3), time(3, 30), time(4), time(22)])
def test_accounting_days_of_a_frame_are_those_of_single_moments(zone, cut_off):
    """Also in the nights in which clocks change, where a time is shown twice or not at all."""
    nights = [datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)]
    moments = [night + timedelta(minutes=10 * n) for night in nights for n in range(200)]
    frame = nw.from_native(pl.DataFrame({"us": [to_microseconds(moment) for moment in moments]}))

    days = frame.select(day=local_day_expression(nw.col("us"), zone, 2026, cut_off))["day"]

    assert [EPOCH.date() + timedelta(days=day) for day in days] == [
        find_accounting_day(moment, zone, cut_off) for moment in moments
    ]
