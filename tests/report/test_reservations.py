"""Test what is still reserved by the days that are left, and that each report shows the same."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.report.example_pages import Page, read_minor
from tests.report.example_results import AS_OF, MANIFEST, Month
from vippsrecon.report.figures import compute_figures
from vippsrecon.report.frames import build_report_frames
from vippsrecon.report.html.page import render_page

HOUR = timedelta(hours=1)
DAY = 24 * HOUR

LEFT = {
    "overdue": -HOUR,
    "last hour": HOUR,
    "three days": 4 * DAY - HOUR,
    "four days": 4 * DAY,
    "fourteen days": 15 * DAY - HOUR,
    "fifteen days": 15 * DAY,
    "sixty days": 61 * DAY - HOUR,
    "sixty-one days": 61 * DAY,
}
"""Reservation in NOK to the time until its deadline, 180 days after it was authorized."""


def make_reservations() -> Month:
    """Return a month with one reservation at each end of each band, and some that do not count."""
    month = Month()

    def reserve(reference, minor, authorized_at, **where):
        month.pair(reference, 100_000, 100_000 - minor, **where)
        month.payments[-1]["authorized_at"] = authorized_at

    for number, (reference, left) in enumerate(LEFT.items()):
        reserve(reference, 2**number, AS_OF + left - 180 * DAY)
    reserve("unknown", 1_000, None)
    reserve("captured whole", 0, AS_OF)
    for state in ("TERMINATED", "EXPIRED"):
        reserve(state, 50_000, AS_OF)
        month.payments[-1]["state"] = state
    reserve("cancelled", 7_000, AS_OF)
    month.payments[-1]["cancelled_minor"] = 7_000
    reserve("danish", 300, AS_OF - 20 * DAY, currency="DKK", msn="654321")
    return month


def compute(month, units=()):
    """Return the figures of a month with these sales units in its settings."""
    manifest = MANIFEST | {"settings": {"sales_units": list(units)}}
    return compute_figures(build_report_frames(month.reconciliation(manifest=manifest)))


@pytest.fixture(scope="module")
def month():
    """Return the month of all tests."""
    return make_reservations()


def list_bands(figures, currency):
    """Return the bands of one currency as plain rows."""
    return [
        (each.from_days, each.to_days, each.payments, each.reserved_minor)
        for each in figures.select_reservations(currency)
    ]


def test_each_reservation_is_in_one_band(month):
    """A deadline that passed an hour ago is overdue; an unknown one is not called far away."""
    assert list_bands(compute(month), "NOK") == [
        (None, -1, 1, 1),
        (0, 3, 2, 6),
        (4, 14, 2, 24),
        (15, 60, 2, 96),
        (61, None, 1, 128),
        (None, None, 1, 1_000),
    ]


@pytest.mark.parametrize(
    ("unit", "band"),
    [
        (None, (None, -1)),
        ({"msn": "654321", "market": "DK"}, (None, -1)),
        ({"msn": "654321", "market": "DK", "late_capture": True}, (61, None)),
        ({"msn": "654321", "market": "NO"}, (61, None)),
    ],
)
def test_deadline_is_that_of_the_sales_unit(month, unit, band):
    """Twenty days are too many in Denmark, unless late capture was agreed."""
    bands = list_bands(compute(month, [unit] if unit else ()), "DKK")

    assert [row for row in bands if row[2]] == [(*band, 1, 300)]


def test_without_a_cutoff_time_each_deadline_is_unknown(month):
    """No time is guessed from which days would be counted."""
    result = month.reconciliation(manifest={**MANIFEST, "as_of": None})
    figures = compute_figures(build_report_frames(result))

    assert [row for row in list_bands(figures, "NOK") if row[2]] == [(None, None, 9, 1_255)]


def test_page_shows_the_bands(month):
    """Overdue is named, and the total is that of all bands."""
    page = Page(render_page(month.reconciliation()))
    danish, norwegian = page.find_tables("reservations")

    assert [row[0] for row in norwegian] == [
        "Days left", "Overdue", "0–3 days", "4–14 days", "15–60 days", "Over 60 days",
        "Unknown deadline", "Total NOK",
    ]  # fmt: skip
    assert [read_minor(row[3]) for row in norwegian[1:]] == [1, 6, 24, 96, 128, 1_000, 1_255]
    assert norwegian[2][1:3] == ["2", "0.5%"]
    assert [read_minor(row[3]) for row in danish if row[0] in ("Overdue", "Total DKK")] == [
        300,
        300,
    ]
