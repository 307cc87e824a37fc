"""Open items on every sheet and page: their status, and waived ones outside the totals."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from openpyxl import load_workbook

from tests.report.example_results import Month, frame
from tests.report.test_changes import fill_in, read_sheet
from vippsrecon import schemas
from vippsrecon.report import write_html, write_workbook
from vippsrecon.report.changes import compare_with_report
from vippsrecon.report.html.tiles import render_summary_tiles
from vippsrecon.report.terminal import format_summary
from vippsrecon.sources.reviewed_report.read import read_reviewed_report

BEFORE, NOW = datetime(2026, 10, 2, tzinfo=UTC), datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


def item(reference, status, at_risk, *, age=31, **more):
    """Return a row of `schemas.OPEN_ITEMS`."""
    return {
        "discrepancy_id": f"under_captured:123456:{reference}",
        "status": status,
        "kind": "under_captured",
        "msn": "123456",
        "reference": reference,
        "currency": "NOK",
        "at_risk_minor": at_risk,
        "first_seen_date": date(2026, 10, 2),
        "last_seen_date": date(2026, 11, 2),
        "age_days": age,
        "status_at": BEFORE,
        "as_of_at": NOW,
        **more,
    }


ITEMS = [
    item("back", "reopened", 50, status_at=NOW),
    item("fresh", "open", 80, age=0),
    item("kari", "in_progress", 30, who="Kari", why="=asked"),
    item("agreed", "waived", 2000, who="Ola", why="Dispute", until_date=date(2026, 12, 31)),
    item("test-1", "waived", None, first_seen_date=None, last_seen_date=None, age=None),
    item("paid", "closed_by_evidence", 700, status_at=NOW, closed_by="run-2", age=40),
]


def month(items=ITEMS):
    """Return a month with three discrepancies and open items."""
    rows = Month()
    for reference, captured in (("back", 50), ("fresh", 20), ("kari", 70)):
        rows.pair(reference, 100, captured, kind="under_captured", bucket="discrepancy")
    rows.pair("paid", 100, 100)
    return rows.reconciliation(open_items=frame(schemas.OPEN_ITEMS, items))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Write the month's workbook once."""
    return write_workbook(month(), tmp_path_factory.mktemp("items") / "report.xlsx")


def test_status_and_payout_are_the_last_columns_of_discrepancies(path):
    """Programs that read the sheet by its columns find the others where they were."""
    rows = read_sheet(path, "Discrepancies")
    assert {reference: row["Status"] for reference, row in rows.items()} == {
        "back": "reopened",
        "fresh": "open",
        "kari": "in progress",
    }
    assert list(rows["back"])[-3:] == ["row_hash", "Status", "Payout"]


def test_open_items_are_listed_with_what_left_the_totals_apart(path):
    """Amounts of waived and closed items are in a column of their own; an unknown one is empty."""
    rows = read_sheet(path, "Open items")
    amounts = {name: (row["At risk"], row["Left the totals"]) for name, row in rows.items()}
    assert amounts == {
        "back": (0.5, None), "fresh": (0.8, None), "kari": (0.3, None),
        "agreed": (None, 20), "test-1": (None, None), "paid": (None, 7),
    }  # fmt: skip
    assert rows["agreed"]["Who"] == "Ola"
    assert rows["agreed"]["Until"].date() == date(2026, 12, 31)
    assert rows["paid"]["Closed by run"] == "run-2"
    why = [
        cell
        for row in load_workbook(path)["Open items"].iter_rows()
        for cell in row
        if cell.value == "=asked"
    ]
    assert [cell.data_type for cell in why] == ["s"]


def test_summary_adds_up_what_is_open(path):
    """Waived and closed items are counted, and are not in the total."""
    rows = list(load_workbook(path, data_only=True)["Summary"].iter_rows(values_only=True))
    start = next(n for n, row in enumerate(rows) if str(row[1]).startswith("Open items over"))
    lines = {row[1]: row[3:7] for row in rows[start + 3 : start + 9]}
    assert lines == {
        "reopened": (31, 1, None, 0.5),
        "open": (0, 1, None, 0.8),
        "in progress": (31, 1, None, 0.3),
        "waived": (31, 2, 20, None),
        "closed by evidence": (40, 1, 7, None),
        "Total NOK": (None, 3, None, 1.6),
    }
    checks = load_workbook(path, data_only=True)["Controls"].iter_rows(values_only=True)
    assert not [row for row in checks if "DIFFERS" in row]


def test_without_an_earlier_run_there_is_no_list(tmp_path):
    """*Discrepancies* has all there is to tell; an item that is not there any more is told."""
    first = month([item("back", "open", 50, age=0), item("fresh", "open", 80, age=0)])
    path = write_workbook(first, tmp_path / "first.xlsx")
    assert "Open items" not in load_workbook(path).sheetnames
    assert "Open items" not in format_summary(first)

    gone = month([item("gone", "open", 50, age=0)])
    assert "Open items" in load_workbook(write_workbook(gone, tmp_path / "gone.xlsx")).sheetnames


def test_page_terminal_and_notebook_count_them(tmp_path):
    """The same counts everywhere; what people typed is escaped."""
    counts = "1 reopened, 1 open, 1 in progress, 2 waived, 1 closed by evidence"
    evil = item("kari", "in_progress", 30, who="<b>Kari</b>", why="a & b")
    result = month([*ITEMS[:2], evil, *ITEMS[3:]])
    page = write_html(result, tmp_path / "report.html").read_text(encoding="utf-8")

    assert f"Open items: {counts}; 1.60 NOK at risk." in format_summary(result)
    assert f"Open items: {counts};" in render_summary_tiles(result)
    section = page[page.index('<section id="items">') :]
    assert "&lt;b&gt;Kari&lt;/b&gt;" in section
    assert "a &amp; b" in section
    assert "Status: in progress" in page
    assert 'class="stack open-items" data-currency="NOK"' in page


def test_what_changed_has_the_status_and_the_days(tmp_path):
    """A discrepancy that was waived since the earlier report left the totals."""
    before = Month()
    for reference in ("back", "kari", "agreed"):
        before.pair(reference, 100, 60, kind="under_captured", bucket="discrepancy")
    earlier = write_workbook(before.reconciliation(), tmp_path / "earlier.xlsx")
    fill_in(earlier, {"kari": ("Kari", "in progress", "asked")})
    result = month()
    rows = read_sheet(
        write_workbook(result, tmp_path / "now.xlsx", earlier=earlier), "What changed"
    )

    columns = ("Change", "At risk then", "At risk now", "Status")
    assert tuple(rows["agreed"][name] for name in columns) == ("waived", 0.4, 0, "waived")
    assert rows["kari"]["Status"] == "in progress"
    assert rows["back"]["Last seen"].date() == date(2026, 11, 2)
    last = ["discrepancy_id", "Status", "First seen", "Last seen", "Payout"]
    assert list(rows["back"])[-5:] == last
    changes = compare_with_report(result, read_reviewed_report(earlier))
    assert dict(changes.entries.select("discrepancy_id", "decision").iter_rows()) == {
        "under_captured:123456:kari": "in progress"
    }
