"""Write what opened and closed since an earlier report, on the Summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.report.changes import CHANGE_SENTENCES
from vippsrecon.spreadsheet.cross_checks import CrossChecks, to_cell_amount, write_live_total

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
    writer.write_section(f"Since the earlier report, {currency}")
    writer.write_column_heads(
        "Change", "Meaning", "", "Rows", "At risk then", "At risk now", right_from=ROWS
    )
    for change, sentence in CHANGE_SENTENCES.items():
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
            figure = {"": "rows", "at_risk_minor": "at risk now"}.get(name, "at risk then")
            checks.add(
                f"{change}: {figure}, {currency}",
                shown,
                "" if changes.overflow_file else f"{page.worksheet.get_name()}!{cell}",
                currency if name else "",
            )
        writer.row += 1
    writer.row += 1
