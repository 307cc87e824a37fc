"""Where a report cannot be written: one sentence, and nothing lost."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from tests.report.building import a_month
from vippsrecon.errors import OutputError
from vippsrecon.report import write_workbook


@pytest.fixture(scope="module")
def month():
    """A month with trouble in it."""
    return a_month(20, flood=0).reconciliation()


@pytest.mark.parametrize(
    ("place", "said"),
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
def test_a_place_that_cannot_be(place, said, month, tmp_path):
    """Each says what is wrong with the place, before an hour of work is lost to it."""
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(OutputError, match=said):
        write_workbook(month, tmp_path / place)
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.parametrize(
    "lock", [".~lock.report.xlsx#", "~$report.xlsx"], ids=["LibreOffice", "Excel"]
)
def test_a_report_somebody_has_open(lock, month, tmp_path):
    """Replaced under their eyes, their edits would be lost when they save."""
    (tmp_path / "report.xlsx").write_bytes(b"good")
    (tmp_path / lock).write_text("")
    with pytest.raises(OutputError, match="is open in"):
        write_workbook(month, tmp_path / "report.xlsx")
    assert (tmp_path / "report.xlsx").read_bytes() == b"good"


SMALL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.path.insert(0, sys.argv[1])
from tests.report.building import a_month
from vippsrecon.report import write_workbook
from vippsrecon.errors import OutputError
month = a_month(400).reconciliation()
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    write_workbook(month, sys.argv[2])
except OutputError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("size", [20_000, 60_000], ids=["while rows are written", "while zipping"])
def test_a_full_disk_leaves_the_old_report(size, tmp_path):
    """A limit on file size stands in for a full disk: the write itself fails."""
    report = tmp_path / "report.xlsx"
    report.write_bytes(b"good")
    ran = subprocess.run(
        [
            sys.executable,
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
    assert ran.returncode == 7, ran.stderr
    assert "the disk is full" in ran.stdout
    assert ran.stderr == ""
    assert [p.name for p in tmp_path.iterdir()] == ["report.xlsx"]
    assert report.read_bytes() == b"good"


def test_nothing_is_left_beside_a_report(month, tmp_path):
    """Working files in a shared folder frighten people."""
    write_workbook(month, tmp_path / "report.xlsx")
    assert [p.name for p in tmp_path.iterdir()] == ["report.xlsx"]


def _fill_in(report: Path, what: str) -> None:
    """Do in the workbook what a controller does: fill in one cell, and save."""
    book = load_workbook(report)
    if what == "Name":
        sheet = book["Controls"]
        top = next(c.row for (c,) in sheet["B1:B20"] if c.value == "Prepared by")
        sheet.cell(top, 3, "Kari")
    else:
        sheet = book["Discrepancies"]
        head = next(row for row in sheet.iter_rows(max_row=20) if row[0].value == "Severity")
        column = next(cell.column for cell in head if cell.value == what)
        sheet.cell(sheet.max_row, column, "refund")
    book.save(report)


@pytest.mark.parametrize("what", ["Owner", "Decision", "Note", "Name"])
def test_a_report_somebody_worked_in_is_kept(what, month, tmp_path, caplog):
    """A day of decisions must survive a second run, and whoever ran it must learn where."""
    report = write_workbook(month, tmp_path / "report.xlsx")
    fresh = report.read_bytes()
    for n in (1, 2):
        _fill_in(report, what)
        worked = report.read_bytes()
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            write_workbook(month, report)
        kept = tmp_path / f"report.before-{n}.xlsx"
        assert kept.read_bytes() == worked
        assert report.read_bytes() == fresh
        assert kept.name in caplog.text


def test_a_report_nobody_worked_in_is_replaced(month, tmp_path, caplog):
    """A run repeated ten times must not leave ten reports."""
    report = write_workbook(month, tmp_path / "report.xlsx")
    saved = load_workbook(report)
    saved.save(report)
    write_workbook(month, report)
    assert [p.name for p in tmp_path.iterdir()] == ["report.xlsx"]
    assert caplog.text == ""


def test_a_workbook_that_is_no_report_is_kept(month, tmp_path):
    """The order export is a workbook too, and `--out` is easily given its name."""
    export = tmp_path / "orders.xlsx"
    book = Workbook()
    book.active.append(["Order", "Total"])
    book.save(export)
    before = export.read_bytes()
    write_workbook(month, export)
    assert (tmp_path / "orders.before-1.xlsx").read_bytes() == before


def test_a_file_that_cannot_be_read_is_kept(month, tmp_path):
    """What is not understood is not thrown away."""
    (tmp_path / "report.xlsx").write_bytes(b"not a workbook")
    write_workbook(month, tmp_path / "report.xlsx")
    assert (tmp_path / "report.before-1.xlsx").read_bytes() == b"not a workbook"
