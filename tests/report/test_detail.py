"""Test the report of findings: small enough to mail, its other rows in files beside it."""

from __future__ import annotations

import hashlib
import re
import stat
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from openpyxl import load_workbook

from tests.benchmarks.write_report import MAX_FINDINGS_BYTES
from tests.benchmarks.write_report import make_month as make_large_month
from tests.report.example_results import Month, make_month
from vippsrecon.errors import InputError, OutputError
from vippsrecon.report import write_workbook
from vippsrecon.report.detail import MAX_RAW_ROWS, choose_detail
from vippsrecon.spreadsheet.cross_checks import CHECK_RESULTS_NAME

if TYPE_CHECKING:
    from pathlib import Path

RAW_SHEETS = ("matched", "payments", "events", "orders")
"""Those that are left out of a report of orders and payments alone."""

SHEETS = ["Summary", "Discrepancies", "Timing", "Rejects and failures", "Figures", "Controls"]


@pytest.fixture(scope="module")
def month():
    """Return a small month with discrepancies of several kinds."""
    return make_month(60).reconciliation()


@pytest.fixture(scope="module")
def report(month, tmp_path_factory) -> Path:
    """Return the path of a report of findings, alone in its folder with its rows."""
    return write_workbook(
        month, tmp_path_factory.mktemp("report") / "october.xlsx", detail="findings"
    )


def read_formulas(path: Path) -> list[str]:
    """Return all formulas of a workbook, of cells and of defined names."""
    book = load_workbook(path)
    cells = [
        str(cell.value)
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
    ]
    return [*cells, *(name.attr_text for name in book.defined_names.values())]


def read_values(path: Path, sheet: str) -> list[list[object]]:
    """Return the rows of a sheet without empty cells, formulas as their stored results."""
    book = load_workbook(path, data_only=True)
    rows = book[sheet].iter_rows(values_only=True)
    return [[value for value in row if value not in (None, "")] for row in rows]


def test_findings_leave_out_what_was_read(report):
    """The rows that agree, and everything that was read, make a report too large to mail."""
    assert load_workbook(report).sheetnames == SHEETS


def test_no_formula_refers_to_a_left_out_sheet(report, month, tmp_path):
    """A reference to a missing sheet is #REF! in Excel, and the check beside it DIFFERS."""
    sheets = re.compile(rf"\b({'|'.join(map(str.title, RAW_SHEETS))})\b'?!")
    assert not [text for text in read_formulas(report) if sheets.search(text)]
    full = write_workbook(month, tmp_path / "full.xlsx", detail="full")
    assert [text for text in read_formulas(full) if sheets.search(text)]


def test_totals_equal_those_of_the_full_report(report, month, tmp_path):
    """Whoever gets the short report must see the same figures."""
    full = write_workbook(month, tmp_path / "october.xlsx", detail="full")
    findings_rows, full_rows = (
        [row for row in read_values(path, "Summary") if "left out" not in str(row)]
        for path in (report, full)
    )
    assert findings_rows == full_rows


def test_checks_agree_or_say_in_file(report, month):
    """A total of rows that are not in the workbook cannot be checked by it."""
    book = load_workbook(report, data_only=True)
    [(sheet, cells)] = book.defined_names[CHECK_RESULTS_NAME].destinations
    results = [row[0].value for row in book[sheet][cells]]
    assert {"OK", "IN FILE"} == set(results)


def test_rows_are_beside_the_report_and_named_on_controls(report, month):
    """An auditor can open the rows, and see that they are those of this report."""
    folder = report.parent / "october.data"
    assert sorted(path.name for path in report.parent.iterdir()) == ["october.data", "october.xlsx"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{sheet}_rows.parquet" for sheet in RAW_SHEETS
    )
    controls = read_values(report, "Controls")
    for sheet in RAW_SHEETS:
        file = folder / f"{sheet}_rows.parquet"
        rows = pq.read_table(file).num_rows
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        assert [f"october.data/{file.name}", sha256, sheet.title(), rows] in controls
    payments = pq.read_table(folder / "payments_rows.parquet")
    assert payments.num_rows == len(month.payments)
    assert set(month.payments.columns) <= set(payments.column_names)


def test_only_this_account_can_open_the_rows(report):
    """They are the payments of customers."""
    folder = report.parent / "october.data"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_cover_says_where_the_rows_are(report, month):
    """A reader who looks for the sheet Payments must learn that it was left out, and where it is."""
    [[sentence]] = [row for row in read_values(report, "Summary") if "left out" in str(row)]
    assert "Matched, Payments, Events and Orders" in sentence
    assert "folder october.data" in sentence


def test_discrepancy_has_the_totals_of_its_payment(report, month):
    """Without the sheet Payments, a reviewer needs them here; a discrepancy may have no payment."""
    payments = {(row.msn, row.reference): row for row in month.payments.itertuples()}
    sheet = load_workbook(report)["Discrepancies"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    head = next(n for n, row in enumerate(rows) if "discrepancy_id" in row)
    shown = [dict(zip(rows[head], row, strict=True)) for row in rows[head + 1 :]]
    assert len(shown) == len(month.discrepancies)
    for row in shown:
        payment = payments.get((row["Sales unit"], row["Reference"]))
        assert row["State"] == (payment and payment.state)
        captured = payment and payment.captured_minor / 100
        assert row["Captured"] == captured


def test_same_input_gives_the_same_files(month, report, tmp_path):
    """The hash on Controls means nothing if each run gives other files."""
    again = write_workbook(month, tmp_path / "october.xlsx", detail="findings")
    assert again.read_bytes() == report.read_bytes()
    for sheet in RAW_SHEETS:
        file = f"october.data/{sheet}_rows.parquet"
        assert (tmp_path / file).read_bytes() == (report.parent / file).read_bytes()


def test_number_of_rows_decides_by_default(month):
    """A small report stays whole; a large one can be mailed without thinking of an option."""
    large = Month()
    for number in range(MAX_RAW_ROWS // 5 + 1):
        large.pair(f"r-{number}", 100, 100)
    rows = large.reconciliation()
    assert len(rows.orders) + len(rows.payments) + len(rows.events) > MAX_RAW_ROWS
    assert choose_detail(rows) == "findings"
    assert choose_detail(rows, "full") == "full"
    assert choose_detail(month) == "full"
    assert choose_detail(month, "findings") == "findings"


def test_unknown_detail_is_refused(month, tmp_path):
    """A misspelled word must not decide by the number of rows."""
    with pytest.raises(InputError, match="'finding'"):
        write_workbook(month, tmp_path / "report.xlsx", detail="finding")
    assert list(tmp_path.iterdir()) == []


def test_file_in_place_of_the_folder_is_an_error(month, tmp_path):
    """The rows need a place: without them the report says nothing of what agrees."""
    (tmp_path / "report.data").write_text("notes")
    with pytest.raises(OutputError, match="is a file, but the rows of the report"):
        write_workbook(month, tmp_path / "report.xlsx", detail="findings")
    assert [path.name for path in tmp_path.iterdir()] == ["report.data"]


def test_fetched_payments_beside_the_report_are_kept(month, tmp_path):
    """`report.data/` also holds the payments of the fetch, from which the run can be repeated."""
    folder = tmp_path / "report.data"
    folder.mkdir()
    for name in ("payments.parquet", "events.parquet", "fetch.json"):
        (folder / name).write_text(f"fetched {name}")
    write_workbook(month, tmp_path / "report.xlsx", detail="findings")
    for name in ("payments.parquet", "events.parquet", "fetch.json"):
        assert (folder / name).read_text() == f"fetched {name}"


@pytest.mark.nightly
def test_a_month_of_50_000_payments_can_be_mailed(tmp_path):
    """Many mail servers refuse more; a report of this size has findings only by default."""
    path = write_workbook(make_large_month(tmp_path, 50_000), tmp_path / "report.xlsx")

    assert load_workbook(path, read_only=True).sheetnames == SHEETS
    assert path.stat().st_size < MAX_FINDINGS_BYTES
