"""Test what the report prints: four sheets, legibly, on A4."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from openpyxl import load_workbook

from tests.report.example_results import frame, make_month
from tests.report.test_closing_blocks import ITEMS, REFUNDS
from tests.report.test_money_sheets import CUT_OFF_ITEMS, make_result
from vippsrecon import schemas
from vippsrecon.report import write_workbook
from vippsrecon.report.excel.table_sheet import MAX_PRINTED_ROWS
from vippsrecon.spreadsheet.sections import PAGE_WIDTH_POINTS

PRINTED = ("Summary", "Discrepancies", "Figures", "Controls")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return the path of the report of a month with several pages of payments."""
    folder = tmp_path_factory.mktemp("print")
    return write_workbook(make_month(300).reconciliation(), folder / "report.xlsx")


def read_print_area(sheet):
    """Return the cells of a sheet's print area, row by row."""
    return sheet[sheet.print_area.split("!")[-1].replace("$", "")]


def test_sheets_for_the_screen_have_an_empty_print_area(report):
    """Whoever prints the whole workbook wants the findings, not hundreds of pages of events."""
    book = load_workbook(report)
    for sheet in book:
        area = read_print_area(sheet)
        if sheet.title in PRINTED:
            assert len(area) > 20
        else:
            assert area.value is None


def test_discrepancies_are_legible_on_a4(report):
    """A print of 9 points that is shrunk below 7 is not read by anyone who has to sign it."""
    sheet = load_workbook(report)["Discrepancies"]
    widths = [
        sheet.column_dimensions[cell.column_letter].width for cell in read_print_area(sheet)[0]
    ]
    scale = PAGE_WIDTH_POINTS / sum(width * 7 * 0.75 for width in widths)
    assert 9 * scale >= 6.9


def test_printed_discrepancies_can_be_decided_on_paper(report):
    """What is wrong, how much is at risk, what to do, and room for the answers."""
    sheet = load_workbook(report)["Discrepancies"]
    head = int(sheet.print_title_rows.split(":")[0].strip("$"))
    area = read_print_area(sheet)
    heads = [cell.value for cell in area[head - 1]]
    assert heads == [
        *("Severity", "Code", "Order", "Reference", "Expected", "Actual", "At risk", "Age, days"),
        *("What happened", "Next step", "Owner", "Decision", "Note"),
    ]
    for name in ("What happened", "Next step", "Owner", "Decision", "Note"):
        assert area[head][heads.index(name)].alignment.wrap_text


def test_lines_above_the_discrepancies_are_wrapped(report):
    """A sentence about a large group is cut at the end of the page if it is not wrapped."""
    sheet = load_workbook(report)["Discrepancies"]
    [cell] = [c for (c,) in sheet["A1:A20"] if str(c.value).startswith("30 rows of")]
    assert cell.alignment.wrap_text
    assert any(cell.coordinate in merged for merged in sheet.merged_cells.ranges)


def test_controls_print_without_lists_and_glossary(report):
    """The lists of the drop-downs and the meaning of each column are for the screen."""
    sheet = load_workbook(report)["Controls"]
    texts = {cell.value for row in read_print_area(sheet) for cell in row}
    assert any(str(text).startswith("Checks") for text in texts)
    assert not {"Decisions", "Columns (not printed)", "What it says"} & texts


@pytest.mark.ci
def test_long_names_on_controls_are_wrapped(tmp_path):
    """The cell beside a name has a figure, which hides what does not fit into the first cell."""
    month = make_month().reconciliation()
    manifest = {**month.manifest, "language": "nb"}
    path = write_workbook(month.with_changes(manifest=manifest), tmp_path / "report.xlsx")
    sheet = load_workbook(path)["Kontroll"]
    names = [row[1] for row in read_print_area(sheet) if len(str(row[1].value or "")) > 50]
    names = [cell for cell in names if sheet.cell(cell.row, 3).value is not None]
    assert any("timing_" in cell.value for cell in names)
    for cell in names:
        assert cell.alignment.wrap_text, cell.value
        assert sheet.row_dimensions[cell.row].height > 25, cell.value


def test_a_section_of_the_summary_starts_a_page_rather_than_be_cut(report):
    """A chart that is cut in two by the end of the page cannot be read."""
    sheet = load_workbook(report)["Summary"]
    starts = {sheet.cell(mark.id + 1, 2).value for mark in sheet.row_breaks.brk}
    assert any(str(text).startswith("Discrepancies by code") for text in starts)


@pytest.mark.ci
@pytest.mark.office
@pytest.mark.skipif(
    shutil.which("soffice") is None or shutil.which("pdftotext") is None,
    reason="LibreOffice (soffice) or pdftotext is not installed here",
)
def test_libreoffice_prints_four_sheets(report, tmp_path):
    """LibreOffice prints a whole workbook: what it leaves out, no program has to print."""
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", str(tmp_path)]
    subprocess.run([*command, str(report)], check=True, capture_output=True, timeout=300)
    pdf = tmp_path / "report.pdf"
    text = subprocess.run(
        ["pdftotext", "-layout", str(pdf), "-"], check=True, capture_output=True, text=True
    ).stdout
    footers = [re.split(r"\s{3,}", line.strip()) for line in re.findall(r".*Page \d+ of \d+", text)]
    assert {footer[1] for footer in footers} == set(PRINTED)
    assert 5 < len(footers) < 30


def test_papers_of_a_closing_print_with_their_blocks(tmp_path):
    """The cut-off pack with the clearing account and the refunds below it; not the vouchers."""
    result = make_result(
        clearing=frame(schemas.CLEARING, ITEMS),
        refund_ageing=frame(schemas.REFUND_AGEING, REFUNDS),
    )
    book = load_workbook(write_workbook(result, tmp_path / "report.xlsx"))
    texts = {cell.value for row in read_print_area(book["Cut-off"]) for cell in row}

    assert {"Owed by Vipps MobilePay (ledger balance)", "Clearing account"} <= texts
    assert {"Refunds not deducted yet", "Total NOK", "order-3"} <= texts
    assert book["Cut-off"].print_title_rows is None
    assert book["Payouts and bank"].print_title_rows is not None
    assert len(read_print_area(book["Payouts and bank"])) > 5
    assert read_print_area(book["Vouchers"]).value is None


def test_long_cut_off_pack_is_for_the_screen(tmp_path):
    """Hundreds of pages of reservations are not printed by whoever prints the workbook."""
    items = [dict(CUT_OFF_ITEMS[0], reference=f"order-{n}") for n in range(MAX_PRINTED_ROWS)]
    result = make_result(cut_off_items=frame(schemas.CUT_OFF_ITEMS, items))
    book = load_workbook(write_workbook(result, tmp_path / "report.xlsx"))

    assert read_print_area(book["Cut-off"]).value is None
