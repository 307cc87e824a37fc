"""A table put on its worksheet: heading, totals, notes, header, rows, filter, drop-downs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.money import format_count
from vippsrecon.report import names
from vippsrecon.report.excel import controls
from vippsrecon.report.excel.existing_report import ROWS
from vippsrecon.spreadsheet.cross_checks import Checks, live, major
from vippsrecon.spreadsheet.formats import colour_words
from vippsrecon.spreadsheet.layout import Page
from vippsrecon.spreadsheet.table import after_numbers, row_formats, write_rows

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

    from vippsrecon.spreadsheet.formats import Looks
    from vippsrecon.spreadsheet.table import Table

_COUNTED = "Rows shown"
_CHOICES = {
    "owner": (controls.OWNERS, "Who takes care of it", "From the list on Controls, or any name."),
    "decision": (controls.DECISIONS, "What shall be done", "From the list on Controls."),
    "note": (controls.NOTES, "Anything worth keeping", "From the list on Controls, or any text."),
}


def write_table(
    workbook: Workbook, worksheet: Worksheet, table: Table, looks: Looks, checks: Checks
) -> None:
    """Write a table's sheet, top to bottom, and its checks.

    The name `<sheet>_rows` is defined over header and rows, hidden columns included: that is
    where a workbook people worked in is read back from.
    """
    head = table.head_row
    discrepancies = table.sheet == "Discrepancies"
    last_column = len(table.columns) - 1
    last_row = head + max(table.rows, 1)
    for place, column in enumerate(table.columns):
        worksheet.set_column(
            place, place, column.width, None, {"hidden": True} if column.hidden else {}
        )
    _top(Page(worksheet), table, looks, checks)
    formats = row_formats(table, looks, suffix=discrepancies)
    write_rows(worksheet, head + 1, table, formats)
    worksheet.freeze_panes(head + 1, _frozen_columns(table))
    worksheet.autofilter(head, 0, last_row, last_column)
    worksheet.repeat_rows(head)
    worksheet.ignore_errors({"number_stored_as_text": f"A1:XFD{last_row + 1}"})
    name = ROWS if discrepancies else f"{table.sheet.lower().replace(' ', '_')}_rows"
    ends = (
        xl_rowcol_to_cell(head, 0, True, True),
        xl_rowcol_to_cell(last_row, last_column, True, True),
    )
    workbook.define_name(name, f"='{table.sheet}'!{ends[0]}:{ends[1]}")
    if discrepancies:
        _colours(worksheet, table, looks)
        _drop_downs(worksheet, table)
    printed = sum(column.printed and not column.hidden for column in table.columns)
    worksheet.print_area(0, 0, last_row, printed - 1)


def _frozen_columns(table: Table) -> int:
    """Keep everything up to the reference in sight."""
    names = [column.name for column in table.columns]
    return names.index("reference") + 1 if "reference" in names[:4] else 0


def _top(page: Page, table: Table, looks: Looks, checks: Checks) -> None:
    page.text(0, 0, table.title, looks["sheet_title"])
    page.height(0, 22)
    page.text(1, 0, table.about, looks["muted"])
    row = 2
    for currency in table.currencies:
        _totals(page, row, table, currency, looks=looks, checks=checks)
        row += 1
    key = next(c.name for c in table.columns if c.name in ("what", "msn"))
    page.text(row, 0, _COUNTED, looks["muted"])
    first = f"SUBTOTAL(103,{table.reference(key)})"
    page.formula(row, 1, f"={first}", table.rows, looks["count"])
    row += 1
    for note in table.notes:
        page.text(row, 0, note, looks["bold"])
        row += 1
    if table.spilled:
        page.text(row, 0, _spilled(table), looks["check_left"])
        row += 1
    after = after_numbers(table.columns)
    for place, column in enumerate(table.columns):
        right = column.kind in ("money", "count")
        indented = place in after or column.kind == "wrapped"
        look = looks.after_number("head") if indented else looks["head"]
        page.text(table.head_row, place, column.header, looks["head_right"] if right else look)
    page.height(table.head_row, 28)
    page.write()


def _spilled(table: Table) -> str:
    return (
        f"{format_count(table.data.height, 'row')}, more than a sheet holds: the first "
        f"{names.grouped(table.rows)} are here, ALL of them in {table.spilled} beside this workbook. Totals are of all rows."
    )


def _totals(
    page: Page, row: int, table: Table, currency: str, *, looks: Looks, checks: Checks
) -> None:
    import polars as pl

    rows = table.data.filter(pl.col("currency") == currency)
    page.text(row, 0, f"Total {currency}", looks["bold"])
    live(page, (row, 1), table, table.count_if(currency=currency), rows.height, look=looks["count"])
    _check(checks, f"{table.sheet}: rows, {currency}", rows.height, table, (row, 1))
    for place, column in enumerate(table.columns):
        if column.kind != "money" or table.sheet == "Events" or column.name == "proposal_minor":
            # Operations of several kinds: their sum says nothing.
            continue
        total = major(int(rows[column.name].sum() or 0))
        formula = table.sum_if(column.name, currency=currency)
        live(page, (row, place), table, formula, total, look=looks.money())
        what = f"{table.sheet}: {column.header}, {currency}"
        _check(checks, what, total, table, (row, place), currency=currency)


def _check(
    checks: Checks,
    what: str,
    computed: Any,
    table: Table,
    cell: tuple[int, int],
    *,
    currency: str = "",
) -> None:
    at = xl_rowcol_to_cell(*cell, row_abs=True, col_abs=True)
    checks.add(what, computed, "" if table.spilled else f"'{table.sheet}'!{at}", currency)


def _colours(worksheet: Worksheet, table: Table, looks: Looks) -> None:
    column = table.column("severity")
    first, last = table.head_row + 1, table.head_row + max(table.rows, 1)
    # As a condition, the line runs under cells that hold nothing too, and stays when rows move.
    # Not over the severities: LibreOffice obeys one condition a cell.
    ruled = {"type": "formula", "criteria": "=TRUE", "format": looks.ruled()}
    worksheet.conditional_format(first, column + 1, last, table.column("note"), ruled)
    colour_words(worksheet, (first, last), column, looks.severities())


def _drop_downs(worksheet: Worksheet, table: Table) -> None:
    first, last = table.head_row + 1, table.head_row + max(table.rows, 1)
    for name, (source, title, message) in _CHOICES.items():
        column = table.column(name)
        worksheet.data_validation(
            first,
            column,
            last,
            column,
            {
                "validate": "list",
                "source": controls.list_range(source),
                "input_title": title,
                "input_message": message,
                "show_error": name == "decision",
                "error_title": "Not on the list",
                "error_message": "Choose a decision from the list; more may be added on Controls.",
            },
        )
