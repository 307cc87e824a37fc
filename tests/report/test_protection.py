"""Test that figures are locked and the cells to fill in are not."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from openpyxl import load_workbook

from tests.report.example_results import make_month
from vippsrecon.report import write_workbook
from vippsrecon.report.excel.existing_report import has_manual_entries


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return the path of a report."""
    folder = tmp_path_factory.mktemp("protected")
    return write_workbook(make_month(60).reconciliation(), folder / "report.xlsx")


def list_unlocked(sheet) -> set[str]:
    """Return the cells of a protected sheet that can be changed."""
    return {cell.coordinate for row in sheet.iter_rows() for cell in row if is_unlocked(cell)}


def is_unlocked(cell) -> bool:
    """Return whether a cell can be changed on a protected sheet."""
    return not cell.protection.locked


def list_inputs(book) -> dict[str, set[str]]:
    """Return the cells of each sheet that people fill in."""
    [(summary, signed)] = book.defined_names["sign_off"].destinations
    sheet = book["Discrepancies"]
    head = int(re.search(r"\d+", sheet.auto_filter.ref).group())
    fields = [c.column for c in sheet[head] if c.value in ("Owner", "Decision", "Note")]
    lists = {v.formula1.split("!")[1] for v in sheet.data_validations.dataValidation}
    inputs = {name: set() for name in book.sheetnames}
    inputs[summary] = {c.coordinate for row in book[summary][signed] for c in row}
    inputs["Discrepancies"] = {
        sheet.cell(row, column).coordinate
        for row in range(head + 1, sheet.max_row + 1)
        for column in fields
    }
    inputs["Controls"] = {
        c.coordinate
        for cells in lists
        for row in book["Controls"][cells.replace("$", "")]
        for c in row
    }
    return inputs


def assert_only_inputs_are_unlocked(book):
    """Assert that on each sheet exactly the cells to fill in can be changed."""
    for name, cells in list_inputs(book).items():
        assert book[name].protection.sheet, name
        assert list_unlocked(book[name]) == cells, name


def test_only_inputs_can_be_changed(report):
    """A figure that is overwritten by mistake makes a report wrong without anyone seeing it."""
    assert_only_inputs_are_unlocked(load_workbook(report))


def test_no_password_and_filters_stay_usable(report):
    """A reader filters and widens columns; whoever must change more removes the protection."""
    for sheet in load_workbook(report):
        flags = sheet.protection
        assert not flags.password
        # In the file, a flag that is set forbids.
        assert not any((flags.autoFilter, flags.sort, flags.formatColumns, flags.formatRows))
        assert flags.insertRows
        assert flags.deleteRows
        assert not flags.selectLockedCells


def test_filled_in_report_is_recognised(report, tmp_path):
    """A program that fills in decisions sees no difference between protected and other sheets."""
    path = tmp_path / "report.xlsx"
    book = load_workbook(report)
    cell = sorted(list_inputs(book)["Discrepancies"])[0]
    book["Discrepancies"][cell].value = "Kari"
    book.save(path)
    assert has_manual_entries(path)


@pytest.mark.ci
@pytest.mark.office
@pytest.mark.skipif(
    shutil.which("soffice") is None, reason="LibreOffice (soffice) is not installed here"
)
def test_libreoffice_keeps_what_is_locked(report, tmp_path):
    """A person works in LibreOffice; it must understand the same cells as locked and unlocked."""
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [
        *("soffice", profile, "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML"),
        *("--outdir", str(tmp_path / "out"), str(report)),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    original, saved = load_workbook(report), load_workbook(tmp_path / "out" / "report.xlsx")
    for name, cells in list_inputs(original).items():
        sheet = saved[name]
        assert sheet.protection.sheet, name
        assert all(is_unlocked(sheet[cell]) for cell in cells), name
        used = {c.coordinate for row in original[name].iter_rows() for c in row if c.value}
        assert not any(is_unlocked(sheet[cell]) for cell in used - cells), name
        assert not sheet.protection.autoFilter
