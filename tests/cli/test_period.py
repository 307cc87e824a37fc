"""Test `reconcile --period`: the days of a month or a day, by the sales unit's own calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.cli.assertions import assert_one_sentence_error
from vippsrecon.dates import parse_period
from vippsrecon.errors import InputError

BEFORE_MIDNIGHT_IN_UTC = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
"""In Oslo this is 1 November, 00:30: the last month is October."""


@pytest.fixture
def reconcile(run, keys, orders, fetched):
    """Return a function that reconciles at a time of day and prints JSON."""

    def reconcile(*arguments, now=BEFORE_MIDNIGHT_IN_UTC, out="report.xlsx"):
        options = ("reconcile", "--orders", orders, "--payments", fetched, "--out", out)
        return run(*options, *arguments, obj=lambda: now)

    return reconcile


@pytest.mark.parametrize(
    ("text", "today", "first", "last"),
    [
        ("last-month", date(2026, 1, 1), date(2025, 12, 1), date(2025, 12, 31)),
        ("last-month", date(2028, 3, 31), date(2028, 2, 1), date(2028, 2, 29)),
        ("yesterday", date(2026, 1, 1), date(2025, 12, 31), date(2025, 12, 31)),
        ("2026-10", date(2030, 5, 5), date(2026, 10, 1), date(2026, 10, 31)),
        ("2026-10-31", date(2030, 5, 5), date(2026, 10, 31), date(2026, 10, 31)),
        ("2100-02", date(2030, 5, 5), date(2100, 2, 1), date(2100, 2, 28)),
    ],
)
def test_period_has_whole_days(text, today, first, last):
    """A month has all its days, also over New Year and in February."""
    assert parse_period(text, today)[:2] == (first, last)


@pytest.mark.parametrize(
    "text", ["", "2026-13", "2026-1", "1969-12", "2200-01", "last month", "٢٠٢٦-١٠", "2026-02-29"]
)
def test_anything_else_is_refused(text):
    """A typing error must not become a report of another period."""
    with pytest.raises(InputError, match="--period: "):
        parse_period(text, date(2026, 11, 5), "--period")


@pytest.mark.ci
def test_last_month_follows_the_sales_units_time_zone(reconcile, folder):
    """In UTC it is still October, so the last month would be September, which has no orders."""
    by_name = reconcile("--period", "last-month", out="report-{period}.xlsx")
    assert "2026-10-01 to 2026-10-31" in by_name.stdout
    assert (folder / "report-2026-10.xlsx").is_file()
    assert (folder / "report-2026-10.data").is_dir()

    by_days = reconcile("--from", "2026-10-01", "--to", "2026-10-31", out="days.xlsx")
    assert by_days.exit_code == by_name.exit_code
    assert (folder / "days.xlsx").read_bytes() == (folder / "report-2026-10.xlsx").read_bytes()


def test_yesterday_is_one_local_day(reconcile, folder):
    """A daily run compares the day that ended at midnight in Oslo."""
    now = datetime(2026, 10, 20, 22, 5, tzinfo=UTC)  # 21 October, 00:05 in Oslo
    assert "2026-10-20 to 2026-10-20" in reconcile("--period", "yesterday", now=now).stdout


def test_a_named_month_needs_no_clock(reconcile, folder):
    """A missed month is run later by its name."""
    late = datetime(2027, 2, 1, tzinfo=UTC)
    assert "2026-10-01 to 2026-10-31" in reconcile("--period", "2026-10", now=late).stdout


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (("--period", "last-month", "--from", "2026-10-01"), ("--period", "--from")),
        (("--period", "last-month", "--to", "2026-10-31"), ("--period", "--to")),
        (("--period", "next-month"), ("--period", "last-month, yesterday, a month")),
        (("--period", "2026-00"), ("--period", "2026-00")),
    ],
)
def test_a_contradiction_gives_one_sentence(reconcile, folder, arguments, texts):
    """Nothing is written: which of the two periods was meant is not known."""
    assert_one_sentence_error(reconcile(*arguments), *texts)
    assert not list(folder.glob("*.xlsx"))


def test_a_place_for_the_period_needs_a_period(reconcile, folder):
    """Otherwise a file with braces in its name would be written."""
    assert_one_sentence_error(reconcile(out="report-{period}.xlsx"), "--out", "--period")
