"""Test what the rows of a code have in common, with the share of all orders beside it."""

from __future__ import annotations

import pytest
from openpyxl import load_workbook

from tests.report.example_results import Month, make_month
from vippsrecon.report import write_workbook
from vippsrecon.report.frames import build_report_frames
from vippsrecon.report.html.page import render_page
from vippsrecon.report.totals.concentration import Concentration, find_concentrations


def find(month):
    """Return the concentrations of a month."""
    frames = build_report_frames(month.reconciliation())
    return find_concentrations(frames.discrepancies, frames.orders)


def add(month, prefix, count, *, store, wrong=False, **more):
    """Add pairs of one store."""
    kind = {"kind": "under_captured", "bucket": "discrepancy"} if wrong else {}
    for number in range(count):
        month.pair(f"{prefix}-{number}", 100, 50 if wrong else 100, store=store, **kind, **more)


def test_store_of_most_rows_is_found_with_its_share_of_all_orders():
    """9 of 10 rows are Bergen's, but only 10 of 40 orders."""
    month = Month()
    add(month, "bergen", 9, store="bergen", wrong=True)
    add(month, "right", 1, store="bergen")
    add(month, "wrong", 1, store="oslo", wrong=True)
    add(month, "oslo", 29, store="oslo")

    stores = [found for found in find(month) if found.name == "store"]
    assert stores == [Concentration("NOK", "under_captured", "store", "bergen", 10, 9, 40, 10)]


def test_what_all_orders_have_in_common_is_not_named():
    """With one store, one payment method and one sales unit, there is nothing to find in them."""
    month = Month()
    add(month, "wrong", 6, store="oslo", wrong=True)
    add(month, "right", 100, store="oslo")

    assert {found.name for found in find(month)} <= {"week"}


def test_few_rows_and_other_currencies_do_not_count():
    """Four rows may be chance; orders in kroner say nothing of orders in euros."""
    month = Month()
    add(month, "few", 4, store="bergen", wrong=True)
    add(month, "right", 20, store="oslo")
    add(month, "euro", 6, store="turku", wrong=True, currency="EUR", msn="555555")
    month.payments.reverse()

    assert [found for found in find(month) if found.name != "week"] == []


def test_week_is_that_of_the_order():
    """The first rows of the month were ordered in its first week, all others later."""
    month = Month()
    add(month, "wrong", 10, store="oslo", wrong=True)
    add(month, "right", 60, store="oslo")

    [week] = find(month)
    assert (week.name, week.value, week.rows, week.value_rows) == ("week", "2026-W40", 10, 10)
    assert week.value_orders < 20


def test_page_states_both_shares():
    """A share means nothing without the share of all orders beside it."""
    html = render_page(make_month().reconciliation())
    assert "of under_captured are store bergen" in html.replace("\n", " ")
    assert "of all orders" in html


@pytest.mark.ci
def test_summary_has_both_shares(tmp_path):
    """The workbook names the same, with the shares as figures."""
    path = write_workbook(make_month().reconciliation(), tmp_path / "report.xlsx")
    rows = list(load_workbook(path)["Summary"].iter_rows(values_only=True))
    start = next(place for place, row in enumerate(rows) if row[1] == "What is concentrated where")
    [row] = [row for row in rows[start + 2 : start + 9] if row[2] == "store bergen"]

    assert row[1:5] == ("under_captured", "store bergen", "NOK", 30)
    assert row[5] > 2 * row[6] > 0
