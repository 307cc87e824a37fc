"""Test what the Summary says of ages, decisions and sign-off."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from tests.report.example_results import Month, make_month
from tests.report.test_reservations import make_reservations
from vippsrecon.report import write_workbook
from vippsrecon.report.excel.existing_report import has_manual_entries

AGES = (0, 7, 8, 30, 31, 90, 91, 180, 181, 400)


def make_aged_month() -> Month:
    """Return a month with one discrepancy at each end of each age band, and one of unknown age."""
    month = Month()
    for number, age in enumerate([*AGES, None]):
        month.pair(
            f"aged-{number:03}",
            10_000,
            10_000 - 2**number,
            kind="under_captured",
            bucket="discrepancy",
            age_days=age,
        )
    return month


@pytest.fixture(scope="module")
def aged(tmp_path_factory):
    """Return the path of the report of `make_aged_month`."""
    folder = tmp_path_factory.mktemp("aged")
    return write_workbook(make_aged_month().reconciliation(), folder / "report.xlsx")


def read_lines(path, label_column: int, figures: tuple[int, int]) -> dict[str, tuple[int, Decimal]]:
    """Return the lines of the Summary by label, with stored rows and amount at risk."""
    rows = load_workbook(path, data_only=True)["Summary"].iter_rows(values_only=True)
    return {
        str(row[label_column]): (row[figures[0]], Decimal(str(row[figures[1]])))
        for row in rows
        if isinstance(row[figures[0]], int) and isinstance(row[figures[1]], int | float)
    }


def test_each_discrepancy_is_in_one_age_band(aged):
    """An auditor asks what is old; a row at the end of a band is counted once."""
    lines = read_lines(aged, 1, (4, 6))
    bands = {
        "0–7 days": (2, 3),
        "8–30 days": (2, 12),
        "31–90 days": (2, 48),
        "91–180 days": (2, 192),
        "Over 180 days": (2, 768),
        "Unknown age": (1, 1024),
    }
    for label, (rows, minor) in bands.items():
        assert lines[label] == (rows, Decimal(minor).scaleb(-2))


def test_all_are_undecided_at_first(aged):
    """Nobody has decided anything in a new report."""
    lines = read_lines(aged, 8, (10, 12))
    assert lines["Undecided"] == (11, Decimal("20.47"))
    assert lines["Decided"] == (0, 0)


def test_ages_and_decisions_are_checked_on_controls(aged):
    """A total that no check covers can be wrong without anyone seeing it."""
    controls = load_workbook(aged, data_only=True)["Controls"]
    results = {row[1]: row[5] for row in controls.iter_rows(values_only=True) if row[1]}
    for label in ("0–7 days", "Over 180 days", "Unknown age", "Undecided and decided"):
        assert results[f"{label}: rows, NOK"] == "OK"
        assert results[f"{label}: at risk, NOK"] == "OK"


def test_month_without_discrepancies_has_no_ages(tmp_path):
    """A table of zeros is not worth reading."""
    month = Month()
    month.pair("paid", 100, 100)
    path = write_workbook(month.reconciliation(), tmp_path / "report.xlsx")
    texts = {cell for (cell,) in load_workbook(path)["Summary"]["B1:B60"] if cell.value}
    assert not any("Age of" in str(cell.value) for cell in texts)


@pytest.fixture(scope="module")
def reserved(tmp_path_factory):
    """Return the path of the report of a month with reservations."""
    folder = tmp_path_factory.mktemp("reserved")
    return write_workbook(make_reservations().reconciliation(), folder / "report.xlsx")


def test_reservations_are_checked_against_the_payments(reserved):
    """The lines are figures, because days are counted once; their total is that of *Payments*."""
    lines = read_lines(reserved, 1, (4, 6))
    controls = load_workbook(reserved, data_only=True)["Controls"]
    [check] = [row for row in controls.values if row[1] == "Still reserved, NOK"]

    assert lines["Overdue"] == (1, Decimal("0.01"))
    assert lines["Unknown deadline"] == (1, 10)
    assert (check[2], check[5]) == (12.55, "OK")


def test_charts_are_described_and_stand_out(aged, reserved):
    """Who does not see a chart hears the same; a bar needs 3:1 (WCAG 2.2, criterion 1.4.11)."""
    for path, titles in (
        (aged, ("At risk by days since first seen, NOK", "At risk by code, NOK")),
        (reserved, ("Still reserved, by days to the capture deadline, NOK",)),
    ):
        with ZipFile(path) as book:
            drawing = unescape(book.read("xl/drawings/drawing1.xml").decode())
            charts = [
                book.read(name).decode() for name in book.namelist() if "charts/chart" in name
            ]
            drawings = "".join(
                book.read(name).decode() for name in book.namelist() if "drawings/drawing" in name
            )
        for title in titles:
            assert re.search(rf'descr="Bar chart. {title}: [^"]*\d[^"]*NOK\."', drawing)
        assert len(charts) == drawings.count("descr=")
        for colour in re.findall(r'<c:dPt>.*?srgbClr val="(\w+)"', "".join(charts)):
            assert 1.05 / (compute_luminance(colour) + 0.05) >= 3


def compute_luminance(colour: str) -> float:
    """Return the luminance of a colour such as BF7310, as WCAG defines it."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4))
    light = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]


def test_sign_off_is_on_the_summary(aged):
    """Who signs has the totals in view; the cells have one place, and programs find it by name."""
    book = load_workbook(aged)
    [(sheet, cells)] = book.defined_names["sign_off"].destinations
    assert sheet == "Summary"
    rows = book[sheet][cells]
    roles = [book[sheet].cell(row[0].row, row[0].column - 1).value for row in rows]
    assert roles == ["Prepared by", "Reviewed by", "Approved by"]
    assert not any("Sign-off" in str(cell.value) for row in book["Controls"] for cell in row)


@pytest.mark.parametrize("place", ["Summary", "Controls"])
def test_signed_report_is_recognised(place, tmp_path):
    """A signed report is kept, also one of an earlier version, which has the cells on Controls."""
    path = write_workbook(make_month(40).reconciliation(), tmp_path / "report.xlsx")
    assert not has_manual_entries(path)
    book = load_workbook(path)
    name = book.defined_names["sign_off"]
    if place == "Controls":
        name.attr_text = "Controls!$C$5:$E$7"
        for row in book["Controls"]["C5:E7"]:
            for cell in row:
                cell.value = None
    book.save(path)
    assert not has_manual_entries(path)
    [(sheet, cells)] = name.destinations
    assert sheet == place
    book[sheet][cells][1][0].value = "Kari"
    book.save(path)
    assert has_manual_entries(path)
