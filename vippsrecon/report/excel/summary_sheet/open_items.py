"""Write the open items by status, on the Summary: formulas over the sheet *Open items*."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.report import names
from vippsrecon.report.totals.open_items import LEFT_TOTALS
from vippsrecon.spreadsheet.cross_checks import CrossChecks, to_cell_amount, write_live_total

if TYPE_CHECKING:
    from decimal import Decimal

    from vippsrecon.report.totals.open_items import ItemTotals
    from vippsrecon.spreadsheet.sections import SectionWriter
    from vippsrecon.spreadsheet.table import SheetTable

LABEL, MEANING, OLDEST, ROWS, LEFT, AT_RISK = range(1, 7)
"""Columns of the Summary."""


def write_open_items(
    writer: SectionWriter,
    items: SheetTable,
    checks: CrossChecks,
    totals: tuple[ItemTotals, ...],
) -> None:
    """Write one line per status of one currency, and the total of what is open.

    Args:
        writer: The Summary, at the row of the new section.
        items: The sheet *Open items*.
        checks: Receives each total, for Controls.
        totals: The statuses of one currency; nothing is written without any.
    """
    if not totals:
        return
    page, formats, currency = writer.page, writer.formats, totals[0].currency
    writer.write_section(names.format_heading("open_items", currency))
    page.text(writer.row, LABEL, names.OPEN_ITEMS_ABOUT, formats["muted"])
    writer.row += 1
    writer.write_column_heads(*names.ITEM_HEADINGS, right_from=OLDEST)
    open_lines = []
    for each in totals:
        if each.status not in LEFT_TOTALS:
            open_lines.append(writer.row)
        _write_line(writer, items, checks, each)
        writer.row += 1
    page.text(writer.row, LABEL, f"Total {currency}", formats["total_text"])
    page.blank(writer.row, range(MEANING, ROWS), formats["total_text"])
    page.blank(writer.row, range(LEFT, AT_RISK), formats["total_text"])
    first, last = open_lines[0], open_lines[-1]
    total = sum(each.at_risk_minor for each in totals)
    for column, value, cell_format in (
        (
            ROWS,
            sum(each.rows for each in totals if each.status not in LEFT_TOTALS),
            formats["total_count"],
        ),
        (AT_RISK, to_cell_amount(total), formats.money(total=True)),
    ):
        top, end = (xl_rowcol_to_cell(row, column) for row in (first, last))
        page.formula(writer.row, column, f"=SUM({top}:{end})", value, cell_format)
    writer.row += 2


def _write_line(
    writer: SectionWriter, items: SheetTable, checks: CrossChecks, totals: ItemTotals
) -> None:
    page, formats, row = writer.page, writer.formats, writer.row
    status = names.ITEM_STATUS_NAMES[totals.status]
    page.text(row, LABEL, status, formats["text"])
    meaning = names.ITEM_STATUS_MEANINGS[totals.status]
    page.text(row, MEANING, meaning, formats["muted"])
    if totals.oldest_days is not None:
        page.number(row, OLDEST, totals.oldest_days, formats["count"])
    chosen = {"item_status": status, "currency": totals.currency}
    left = totals.status in LEFT_TOTALS
    amount = (
        ("left_minor", LEFT, totals.left_minor)
        if left
        else ("open_minor", AT_RISK, totals.at_risk_minor)
    )
    figures: list[tuple[int, str, Decimal | int, str]] = [
        (ROWS, items.count_if(**chosen), totals.rows, "rows"),
    ]
    # Where no run reported an amount, it is unknown, not zero.
    if totals.rows == 0 or totals.unknown_rows < totals.rows:
        name, column, minor = amount
        label = "left the totals" if left else "at risk"
        figures.append((column, items.sum_if(name, **chosen), to_cell_amount(minor), label))
    for column, formula, value, label in figures:
        is_amount = column != ROWS
        cell_format = formats.money() if is_amount else formats["count"]
        write_live_total(page, (row, column), items, formula, value, cell_format=cell_format)
        cell = xl_rowcol_to_cell(row, column, row_abs=True, col_abs=True)
        checks.add(
            f"Open items, {status}: {label}, {totals.currency}",
            value,
            "" if items.overflow_file else f"{page.worksheet.get_name()}!{cell}",
            totals.currency if is_amount else "",
        )
