"""Test output paths that cannot be written: each gives one sentence, and no file is lost."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from tests.report.example_results import make_month
from vippsrecon.errors import OutputError
from vippsrecon.report import write_workbook


@pytest.fixture(scope="module")
def month():
    """Return a month with discrepancies."""
    return make_month(20, flood=0).reconciliation()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (".", "is a folder"),
        ("nowhere/report.xlsx", "does not exist"),
        ("file.txt/report.xlsx", "is a file, not a folder"),
        ("file.txt", "does not end in .xlsx"),
        ("orders.csv", "such as orders.xlsx"),
        ("report", "does not end in .xlsx"),
    ],
    ids=["folder", "missing folder", "file as folder", "another file", "an export", "no ending"],
)
def test_an_unusable_path_is_refused(path, message, month, tmp_path):
    """The message states what is wrong, before an hour of work is lost."""
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(OutputError, match=message):
        write_workbook(month, tmp_path / path)
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.parametrize(
    "lock", [".~lock.report.xlsx#", "~$report.xlsx"], ids=["LibreOffice", "Excel"]
)
def test_an_open_report_is_not_replaced(lock, month, tmp_path):
    """If it were replaced, the edits of the person who has it open would be lost."""
    (tmp_path / "report.xlsx").write_bytes(b"good")
    (tmp_path / lock).write_text("")
    with pytest.raises(OutputError, match="is open in"):
        write_workbook(month, tmp_path / "report.xlsx")
    assert (tmp_path / "report.xlsx").read_bytes() == b"good"


SMALL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.path.insert(0, sys.argv[1])
from tests.report.example_results import make_month
from vippsrecon.report import write_workbook
from vippsrecon.errors import OutputError
month = make_month(400).reconciliation()
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    write_workbook(month, sys.argv[2])
except OutputError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("size", [20_000, 60_000], ids=["while rows are written", "while zipping"])
def test_a_full_disk_leaves_the_old_report(size, tmp_path):
    """A limit on file size simulates a full disk: the write itself fails."""
    report = tmp_path / "report.xlsx"
    report.write_bytes(b"good")
    completed = subprocess.run(
        [
            sys.executable,
            "-B",  # or bytecode is cut off too
            "-W",
            "error",
            "-c",
            SMALL_DISK,
            str(Path(__file__).parents[2]),
            str(report),
            str(size),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert completed.returncode == 7, completed.stderr
    assert "the disk is full" in completed.stdout
    assert completed.stderr == ""
    assert [p.name for p in tmp_path.iterdir()] == ["report.xlsx"]
    assert report.read_bytes() == b"good"


def test_nothing_is_left_beside_a_report(month, tmp_path):
    """Temporary files must not remain in a shared folder."""
    write_workbook(month, tmp_path / "report.xlsx")
    assert [p.name for p in tmp_path.iterdir()] == ["report.xlsx"]


def _fill_in(report: Path, entry: str) -> None:
    """Fill in one cell of the workbook and save it, as a controller does."""
    book = load_workbook(report)
    if entry == "Name":
        [(sheet, cells)] = book.defined_names["sign_off"].destinations
        book[sheet][cells][0][0].value = "Kari"
    else:
        sheet = book["Discrepancies"]
        head = next(row for row in sheet.iter_rows(max_row=20) if row[0].value == "Severity")
        column = next(cell.column for cell in head if cell.value == entry)
        sheet.cell(sheet.max_row, column, "refund")
    book.save(report)


@pytest.mark.ci
def test_a_report_with_manual_entries_is_kept(month, tmp_path, caplog):
    """A day of decisions must survive a second run, and the log must state where they are."""
    report = write_workbook(month, tmp_path / "report.xlsx")
    fresh = report.read_bytes()
    for n, entry in enumerate(("Owner", "Decision", "Note", "Name"), start=1):
        _fill_in(report, entry)
        edited = report.read_bytes()
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            write_workbook(month, report)
        backup = tmp_path / f"report.before-{n}.xlsx"
        assert backup.read_bytes() == edited
        assert report.read_bytes() == fresh
        assert backup.name in caplog.text


def test_a_report_without_manual_entries_is_replaced(month, tmp_path, caplog):
    """Ten runs without manual entries must not leave ten reports."""
    report = write_workbook(month, tmp_path / "report.xlsx")
    saved = load_workbook(report)
    saved.save(report)
    write_workbook(month, report)
    assert [p.name for p in tmp_path.iterdir()] == ["report.xlsx"]
    assert caplog.text == ""


def test_workbook_that_is_not_a_report_is_kept(month, tmp_path):
    """An order export can be a workbook too, and a user may give its name to `--out` by mistake."""
    export = tmp_path / "orders.xlsx"
    book = Workbook()
    book.active.append(["Order", "Total"])
    book.save(export)
    before = export.read_bytes()
    write_workbook(month, export)
    assert (tmp_path / "orders.before-1.xlsx").read_bytes() == before


def test_unreadable_file_is_kept(month, tmp_path):
    """A file that cannot be read as a report is never deleted."""
    (tmp_path / "report.xlsx").write_bytes(b"not a workbook")
    write_workbook(month, tmp_path / "report.xlsx")
    assert (tmp_path / "report.before-1.xlsx").read_bytes() == b"not a workbook"
