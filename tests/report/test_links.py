"""Test the links of a report: codes to discrepancies, discrepancies to what was read."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from dataclasses import replace

import pytest
from openpyxl import load_workbook

from tests.report.example_results import Month, make_month
from vippsrecon.report import write_workbook

KEYS = {
    "Payments": ("Sales unit", "Reference"),
    "Events": ("Sales unit", "Reference"),
    "Orders": ("Sales unit", "Order"),
}
LINKS = {"To payment": "Payments", "To events": "Events", "To order": "Orders"}


def reconcile_confusing_month():
    """Return the result of a month whose references and order numbers are easily mistaken for one another."""
    month = Month()
    wrong = {"kind": "under_captured", "bucket": "discrepancy"}
    for msn in ("123456", "654321"):
        for reference in ("same-in-both", "Same-In-Both", "wild*card", "wildXcard", "a?b", "=1+1"):
            month.pair(reference, 100, 90, msn=msn, order_number=f"#{reference}", **wrong)
    month.pair("matched-1", 100, 100)
    month.pair("order-7", 100, 90, order_number="7", **wrong)
    # The second payment of an order, and a payment without an order.
    month.pair("order-7-1", 100, 90, order_number="7", **wrong)
    month.pair("no-order", 100, 90, **wrong)
    month.discrepancies[-1]["order_number"] = None
    month.pair("no-payment", 100, 90, **wrong)
    month.payments.pop()
    month.events = month.events[:-3]
    result = month.reconciliation()
    without_order = result.orders["reference"].isin(["order-7-1", "no-order"])
    return replace(result, orders=result.orders[~without_order].reset_index(drop=True))


def read_rows(sheet) -> dict[int, dict[str, object]]:
    """Return the rows of a sheet below its header by their row number."""
    head = int(re.search(r"\d+", sheet.auto_filter.ref).group())
    heads = [cell.value for cell in sheet[head]]
    return {
        number: dict(zip(heads, row, strict=True))
        for number, row in enumerate(
            sheet.iter_rows(min_row=head + 1, values_only=True), start=head + 1
        )
        if any(value is not None for value in row)
    }


@pytest.fixture(scope="module")
def confusing(tmp_path_factory):
    """Return the path of the report of `reconcile_confusing_month`."""
    folder = tmp_path_factory.mktemp("links")
    return write_workbook(reconcile_confusing_month(), folder / "report.xlsx")


def assert_links_lead_to_their_rows(book, get_row):
    """Assert that each link leads to the first row of its payment or order, if there is one.

    Args:
        book: A workbook whose links hold what `get_row` reads.
        get_row: Returns the row number that a link leads to.
    """
    targets = {name: read_rows(book[name]) for name in KEYS}
    discrepancies = read_rows(book["Discrepancies"])
    assert len(discrepancies) > 10
    for row in discrepancies.values():
        for heading, sheet in LINKS.items():
            key = [str(row[name]) for name in KEYS[sheet]]
            rows = [
                number
                for number, target in targets[sheet].items()
                if [str(target[name]) for name in KEYS[sheet]] == key
            ]
            assert bool(row[heading]) == bool(rows), (heading, key)
            if rows:
                assert get_row(row[heading]) == rows[0], (heading, key)


def test_each_discrepancy_leads_to_what_was_read(confusing):
    """Who clicks must not land at the payment of another sales unit or customer."""
    book = load_workbook(confusing)

    def read_row(formula: str) -> int:
        # The row counts only if its cells equal those beside the link.
        pairs = re.findall(r"EXACT\('(\w+)'!(\$[A-Z]+\$\d+),(\$[A-Z]+\d+)\)", formula)
        assert len(pairs) >= 2
        for sheet, there, here in pairs:
            assert book[sheet][there.replace("$", "")].value == (
                book["Discrepancies"][here.replace("$", "")].value
            )
        return int(re.search(r"\),(\d+),", formula).group(1))

    assert_links_lead_to_their_rows(book, read_row)


def test_links_show_their_text_without_calculation(confusing):
    """A viewer that does not compute formulas shows what is stored."""
    rows = read_rows(load_workbook(confusing, data_only=True)["Discrepancies"])
    for heading, text in (
        ("To payment", "Payment"),
        ("To events", "Events"),
        ("To order", "Order"),
    ):
        assert {row[heading] for row in rows.values()} == {text, None}


def test_no_text_from_data_is_part_of_a_link(confusing):
    """A reference that is part of a formula could change what the formula does."""
    formulas = [
        cell.value
        for row in load_workbook(confusing)["Discrepancies"].iter_rows()
        for cell in row
        if cell.data_type == "f" and "HYPERLINK" in cell.value
    ]
    assert len(formulas) > 30
    for formula in formulas:
        texts = set(re.findall(r'"([^"]*)"', formula))
        assert texts <= {
            *("#'Payments'!A", "#'Events'!A", "#'Orders'!A", "Payment", "Events", "Order"),
            *("#'Summary'!A1", "Back to Summary"),
        }


def test_report_has_no_external_link_and_no_hyperlink_of_a_cell(confusing):
    """Excel allows 65,530 hyperlinks of cells on a sheet; an external link would act when opened."""
    with zipfile.ZipFile(confusing) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            assert b"<hyperlink" not in content, name
            assert b'TargetMode="External"' not in content, name


def test_report_of_findings_links_only_to_its_own_sheets(tmp_path):
    """A link to a sheet that was left out leads nowhere."""
    path = write_workbook(make_month(60).reconciliation(), tmp_path / "r.xlsx", detail="findings")
    book = load_workbook(path)
    assert not set(LINKS) & set(next(iter(read_rows(book["Discrepancies"]).values())))
    targets = {
        target
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
        for target in re.findall(r"#'([^']+)'!", cell.value)
    }
    assert targets == {"Summary", "Discrepancies", "Controls"}


def test_each_sheet_of_rows_leads_back(confusing):
    """The link is above the header, which stays visible."""
    for sheet in load_workbook(confusing):
        if sheet.title not in ("Summary", "Figures", "Controls"):
            head = int(re.search(r"\d+", sheet.auto_filter.ref).group())
            texts = [str(cell.value) for cell in sheet[head - 1]]
            assert any("'Summary'!A1" in text for text in texts), sheet.title


@pytest.mark.ci
@pytest.mark.office
@pytest.mark.skipif(
    shutil.which("soffice") is None, reason="LibreOffice (soffice) is not installed here"
)
def test_links_are_found_after_sorting(confusing, tmp_path):
    """A person sorts what was read by amount; the links must lead to the same payments as before."""
    for order in ("written", "reversed"):
        book = load_workbook(confusing)
        if order == "reversed":
            for name in KEYS:
                _reverse_rows(book[name])
        _show_targets(book)
        book.save(tmp_path / f"{order}.xlsx")
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [
        *("soffice", profile, "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML"),
        *("--outdir", str(tmp_path / "out"), *map(str, tmp_path.glob("*.xlsx"))),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    for order in ("written", "reversed"):
        book = load_workbook(tmp_path / "out" / f"{order}.xlsx", data_only=True)
        assert_links_lead_to_their_rows(book, lambda text: int(text.split("!A")[1]))
        first = next(iter(read_rows(book["Discrepancies"])))
        codes = {cell.value for cell in book["Summary"]["B"]}
        assert f"#'Discrepancies'!A{first}" in codes


def _reverse_rows(sheet):
    first, last = min(read_rows(sheet)), max(read_rows(sheet))
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=first, max_row=last)]
    for number, values in enumerate(reversed(rows), start=first):
        for column, value in enumerate(values, start=1):
            cell = sheet.cell(number, column)
            cell.value = value
            if isinstance(value, str):
                cell.data_type = "s"


def _show_targets(book):
    """Make each link show where it leads."""
    for sheet in (book["Discrepancies"], book["Summary"]):
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f" and "!A" + '"&' in cell.value:
                    cell.value = re.sub(r'^=HYPERLINK\((.*),"[^"]*"\)$', r"=\1", cell.value)
