"""Write what opened and closed since an earlier report, on the Summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.report import names
from vippsrecon.report.changes import CHANGES
from vippsrecon.spreadsheet.cross_checks import CrossChecks, to_cell_amount, write_live_total
from vippsrecon.spreadsheet.ranges import quote_sheet
from vippsrecon.texts import say

if TYPE_CHECKING:
    from vippsrecon.spreadsheet.sections import SectionWriter
    from vippsrecon.spreadsheet.table import SheetTable

LABEL, MEANING, ROWS, THEN, NOW = 1, 2, 4, 5, 6
"""Columns of the Summary."""


def write_change_totals(
    writer: SectionWriter, changes: SheetTable, checks: CrossChecks, currency: str
) -> None:
    """Write one line per kind of change, with formulas over *What changed*.

    Args:
        writer: The Summary, at the row of the new section.
        changes: The sheet *What changed*.
        checks: Receives each total, for Controls.
        currency: The currency of the lines; nothing is written if it has no change.
    """
    rows = changes.data.filter(pl.col("currency") == currency)
    if rows.is_empty():
        return
    page, formats = writer.page, writer.formats
    sheet = quote_sheet(page.worksheet.get_name())
    writer.write_section(names.format_heading("changes", currency))
    writer.write_column_heads(
        *names.list_table_heads("change", "meaning"),
        "",
        *names.list_table_heads("rows", "at_risk_then", "at_risk_now"),
        right_from=ROWS,
    )
    for name_of_change in CHANGES:
        change = say(f"changes.words.{name_of_change}")
        sentence = say(f"changes.meanings.{name_of_change}")
        same = rows.filter(pl.col("change") == change)
        chosen = {"change": change, "currency": currency}
        page.text(writer.row, LABEL, change, formats["code"])
        page.merged_text(writer.row, MEANING, ROWS - 1, sentence, formats["text"])
        for column, name in ((ROWS, ""), (THEN, "at_risk_then_minor"), (NOW, "at_risk_minor")):
            shown = to_cell_amount(int(same[name].sum())) if name else same.height
            write_live_total(
                page,
                (writer.row, column),
                changes,
                changes.sum_if(name, **chosen) if name else changes.count_if(**chosen),
                shown,
                cell_format=formats.money() if name else formats["count"],
            )
            cell = xl_rowcol_to_cell(writer.row, column, row_abs=True, col_abs=True)
            figure = {"": "rows", "at_risk_minor": "at_risk_now"}.get(name, "at_risk_then")
            checks.add(
                say(
                    "checks.of_label",
                    label=change,
                    figure=say(f"checks.{figure}"),
                    currency=currency,
                ),
                shown,
                "" if changes.overflow_file else f"{sheet}!{cell}",
                currency if name else "",
            )
        writer.row += 1
    writer.row += 1
