"""Write a table of the report to its worksheet: heading, totals, notes, rows, drop-downs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.report.columns import PAYMENT_OF_DISCREPANCY_COLUMNS
from vippsrecon.report.excel import drop_downs
from vippsrecon.report.excel.blocks import add_block_links, find_last_row, write_blocks
from vippsrecon.report.excel.existing_report import DISCREPANCIES_RANGE_NAME
from vippsrecon.report.excel.tables import get_file_name
from vippsrecon.report.money.columns import NOT_SUMMED
from vippsrecon.spreadsheet.columns import choose_header_formats, set_column_widths
from vippsrecon.spreadsheet.cross_checks import CrossChecks, to_cell_amount, write_live_total
from vippsrecon.spreadsheet.formats import colour_cells_by_text
from vippsrecon.spreadsheet.layout import SheetLayout, count_text_lines
from vippsrecon.spreadsheet.links import format_link
from vippsrecon.spreadsheet.table import HEADER_HEIGHT, build_row_formats, finish_sheet, write_rows
from vippsrecon.texts import count_of, say

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

    from vippsrecon.spreadsheet.formats import WorkbookFormats
    from vippsrecon.spreadsheet.table import SheetTable

_LABEL_WIDTH = 9.5
"""A label before a number needs a column of this width."""

_DROP_DOWNS = {
    "owner": drop_downs.OWNER_LIST_COLUMN,
    "decision": drop_downs.DECISION_LIST_COLUMN,
    "note": drop_downs.NOTE_LIST_COLUMN,
}
"""Column that people fill in, to the column of its list on Controls."""

_PRINTED_IF_SHORT = ("payouts_bank", "cutoff", "restatement")
"""Sheets that belong to the papers of a closing."""

MAX_PRINTED_ROWS = 300
"""Some eight pages."""

_NOT_ADDED = ("events", "restatement")
"""Sheets whose amounts are of several kinds: the same money may be an event, an entry and a payout."""

_PAYMENT_COLUMNS = {column.name for column in PAYMENT_OF_DISCREPANCY_COLUMNS}


def write_table(
    workbook: Workbook,
    worksheet: Worksheet,
    table: SheetTable,
    formats: WorkbookFormats,
    checks: CrossChecks,
) -> None:
    """Write a table's sheet from top to bottom, and add its checks.

    The name `<sheet>_rows` is defined for header and rows, including hidden columns: a workbook
    that people worked in is read back from these cells.
    """
    head = table.head_row
    discrepancies = table.key == "discrepancies"
    last_column = len(table.columns) - 1
    last_row = head + max(table.rows, 1)
    set_column_widths(worksheet, table.columns)
    _write_table_head(SheetLayout(worksheet), table, formats, checks)
    row_formats = build_row_formats(table, formats, suffix=discrepancies)
    write_rows(worksheet, head + 1, table, row_formats)
    finish_sheet(
        worksheet,
        table.columns,
        head_row=head,
        last_row=last_row,
        frozen=_count_frozen_columns(table),
    )
    if not table.blocks:
        # The headings would be repeated above the rows of a block, which has others.
        worksheet.repeat_rows(head)
    if table.key in _PRINTED_IF_SHORT and table.rows <= MAX_PRINTED_ROWS:
        _print_with_blocks(worksheet, table)
    elif not discrepancies:
        _leave_out_of_print(worksheet, last_column)
    name = DISCREPANCIES_RANGE_NAME if discrepancies else f"{get_file_name(table)}_rows"
    ends = (
        xl_rowcol_to_cell(head, 0, True, True),
        xl_rowcol_to_cell(last_row, last_column, True, True),
    )
    workbook.define_name(name, f"='{table.sheet}'!{ends[0]}:{ends[1]}")
    if discrepancies:
        _add_colours(worksheet, table, formats)
        _add_drop_downs(worksheet, table)
    write_blocks(worksheet, table.blocks, formats, checks)


def _print_with_blocks(worksheet: Worksheet, table: SheetTable) -> None:
    """Print a sheet together with the blocks below its rows, which have headings of their own."""
    printed = sum(column.printed and not column.hidden for column in table.columns)
    last_row = find_last_row(table)
    worksheet.print_area(0, 0, last_row, printed - 1)


def _leave_out_of_print(worksheet: Worksheet, last_column: int) -> None:
    """Set the print area of a sheet for the screen to one empty cell.

    A program that prints a whole workbook prints every sheet: hundreds of pages of payments. No
    setting of the file format leaves a sheet out, but an empty area has nothing to print.
    """
    worksheet.print_area(0, last_column + 2, 0, last_column + 2)


def _count_frozen_columns(table: SheetTable) -> int:
    """Return the number of columns up to the reference, which stay visible."""
    names = [column.name for column in table.columns]
    return names.index("reference") + 1 if "reference" in names else 0


def _write_table_head(
    page: SheetLayout, table: SheetTable, formats: WorkbookFormats, checks: CrossChecks
) -> None:
    page.text(0, 0, table.sheet, formats["sheet_title"])
    page.height(0, 22)
    page.text(1, 0, table.about, formats["muted"])
    row = 2
    for currency in table.currencies:
        _write_currency_total(page, row, table, currency, formats=formats, checks=checks)
        row += 1
    key = next(c.name for c in table.columns if c.name in ("what", "msn"))
    count_column = _choose_count_column(table)
    page.text(row, 0, say("sheet_texts.rows_shown"), formats["muted"])
    # 103 counts the rows that the filter shows.
    page.formula(
        row, count_column, f"=SUBTOTAL(103,{table.cells(key)})", table.rows, formats["count"]
    )
    row += 1
    for note in table.notes:
        _write_note(page, row, table, note, formats)
        row += 1
    # Not on paper, and above the header, which stays visible.
    back = table.column("note") + 1 if table.key == "discrepancies" else 0
    text = say("sheet_texts.back")
    link = format_link(say("sheets.summary"), "A1", text)
    page.formula(table.head_row - 1, back, link, text, formats["link"])
    add_block_links(page, table, formats)
    if table.overflow_file:
        page.text(row, 0, _describe_overflow(table), formats["check_left"])
        row += 1
    for place, cell_format in enumerate(choose_header_formats(table.columns, formats)):
        page.text(table.head_row, place, table.columns[place].header, cell_format)
    page.height(table.head_row, HEADER_HEIGHT)
    page.write()


def _choose_count_column(table: SheetTable) -> int:
    """Return the column of the number of rows: the second, or the third if the first is narrow."""
    return 1 if table.columns[0].width >= _LABEL_WIDTH else 2


def _write_note(
    page: SheetLayout, row: int, table: SheetTable, note: str, formats: WorkbookFormats
) -> None:
    """Write a note across the printed columns, with as many lines as it needs."""
    printed = [column.width for column in table.columns if column.printed and not column.hidden]
    page.merged_text(row, 0, len(printed) - 1, note, formats["note"])
    page.height(row, 4 + 12 * count_text_lines(note, int(sum(printed))))


def _describe_overflow(table: SheetTable) -> str:
    return say(
        "sheet_texts.overflow",
        rows=count_of("row", table.data.height),
        shown=table.rows,
        file=table.overflow_file,
    )


def _write_currency_total(
    page: SheetLayout,
    row: int,
    table: SheetTable,
    currency: str,
    *,
    formats: WorkbookFormats,
    checks: CrossChecks,
) -> None:
    import polars as pl

    rows = table.data.filter(pl.col("currency") == currency)
    count_column = _choose_count_column(table)
    page.text(row, 0, say("words.total", currency=currency), formats["bold"])
    write_live_total(
        page,
        (row, count_column),
        table,
        table.count_if(currency=currency),
        rows.height,
        cell_format=formats["count"],
    )
    _add_table_check(
        checks,
        _label_check(table, say("checks.rows"), currency),
        rows.height,
        table,
        (row, count_column),
    )
    for place, column in enumerate(table.columns):
        if (
            column.kind != "money"
            or table.key in _NOT_ADDED
            or column.name in ("proposal_minor", *NOT_SUMMED)
        ):
            continue
        if table.key == "discrepancies" and column.name in _PAYMENT_COLUMNS:
            # A payment with two discrepancies would be counted twice.
            continue
        total = to_cell_amount(int(rows[column.name].sum() or 0))
        formula = table.sum_if(column.name, currency=currency)
        write_live_total(page, (row, place), table, formula, total, cell_format=formats.money())
        label = _label_check(table, column.header, currency)
        _add_table_check(checks, label, total, table, (row, place), currency=currency)


def _label_check(table: SheetTable, figure: str, currency: str) -> str:
    return say("checks.of_label", label=table.sheet, figure=figure, currency=currency)


def _add_table_check(
    checks: CrossChecks,
    label: str,
    computed: Any,
    table: SheetTable,
    cell: tuple[int, int],
    *,
    currency: str = "",
) -> None:
    at = xl_rowcol_to_cell(*cell, row_abs=True, col_abs=True)
    checks.add(label, computed, "" if table.overflow_file else f"'{table.sheet}'!{at}", currency)


def _add_colours(worksheet: Worksheet, table: SheetTable, formats: WorkbookFormats) -> None:
    column = table.column("severity")
    first, last = table.head_row + 1, table.head_row + max(table.rows, 1)
    # A condition also draws the line under empty cells, and the line stays when rows are sorted.
    # Not on the severities: LibreOffice applies only one condition per cell.
    ruled = {"type": "formula", "criteria": "=TRUE", "format": formats.get_rule_format()}
    worksheet.conditional_format(first, column + 1, last, len(table.columns) - 1, ruled)
    colour_cells_by_text(worksheet, (first, last), column, formats.get_severity_formats())


def _add_drop_downs(worksheet: Worksheet, table: SheetTable) -> None:
    first, last = table.head_row + 1, table.head_row + max(table.rows, 1)
    for name, source in _DROP_DOWNS.items():
        column = table.column(name)
        worksheet.data_validation(
            first,
            column,
            last,
            column,
            {
                "validate": "list",
                "source": drop_downs.format_list_range(source),
                "input_title": say(f"sheet_texts.{name}_title"),
                "input_message": say(f"sheet_texts.{name}_message"),
                "show_error": name == "decision",
                "error_title": say("sheet_texts.not_on_list"),
                "error_message": say("sheet_texts.choose_from_list"),
            },
        )
