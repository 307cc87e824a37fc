"""Write Controls: inputs, settings, checks and the meaning of each column."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell

from vippsrecon.report.excel.drop_downs import (
    CONTROLS_SHEET_NAME,
    LIST_ROW,
    LIST_ROWS,
    OWNER_LIST_COLUMN,
    write_drop_down_lists,
)
from vippsrecon.report.run_facts import (
    MAX_VALUE_CHARACTERS,
    list_input_files,
    list_run_facts,
    list_setting_groups,
)
from vippsrecon.spreadsheet.cross_checks import CHECK_RESULTS_NAME, CrossCheck, CrossChecks
from vippsrecon.spreadsheet.formats import colour_cells_by_text
from vippsrecon.spreadsheet.layout import count_text_lines
from vippsrecon.spreadsheet.sections import SectionWriter

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.spreadsheet.table import SheetTable

CONTROLS_COLUMN_WIDTHS = (1.5, 50, 44, 26, 18, 14, 2, 18, 14, 34)
"""Columns A to J: margin, name, value, three figures, gap, three lists. The lists are not printed."""

B, C, D, E, F = 1, 2, 3, 4, 5

PROTECTION_NOTES = (
    "Only the yellow cells can be changed. There is no password.",
    "To sort rows or change a figure, first choose Review > Unprotect",
    "Sheet (LibreOffice: Tools > Protect Sheet).",
)


class ControlsSheetWriter(SectionWriter):
    """Lays out the Controls sheet, from the top down."""

    LAST_COLUMN: ClassVar[int] = F

    def write(
        self, reconciliation: Reconciliation, tables: Mapping[str, SheetTable], checks: CrossChecks
    ) -> None:
        """Lay out the whole sheet and write it."""
        manifest = reconciliation.manifest
        self.page.text(0, B, "Controls", self.formats["sheet_title"])
        self.page.height(0, 24)
        about = "Inputs and settings of this report, and whether its figures agree."
        self.page.text(1, B, about, self.formats["muted"])
        paper = "Printed: Summary, Discrepancies and Controls."
        self.page.text(0, OWNER_LIST_COLUMN, paper, self.formats["muted"])
        screen = "The other sheets are for the screen: their print area is empty."
        self.page.text(1, OWNER_LIST_COLUMN, screen, self.formats["muted"])
        for place, text in enumerate(PROTECTION_NOTES):
            row = LIST_ROW + LIST_ROWS + 1 + place
            self.page.text(row, OWNER_LIST_COLUMN, text, self.formats["muted"])
        write_drop_down_lists(self.page, self.formats, manifest)
        self.row = 2
        self._write_pairs("Run", list_run_facts(reconciliation))
        self._write_inputs(manifest)
        self._write_files_of_left_out_sheets(tables)
        self._write_overflowing_tables(tables)
        for title, rows in list_setting_groups(manifest):
            self._write_pairs(title, rows)
        self._write_checks(checks)
        last_printed = self.row - 2
        self._write_glossary(tables)
        self.set_up_pages(CONTROLS_COLUMN_WIDTHS, last_printed, F)
        self.page.write()

    def _write_pairs(self, title: str, rows: list[tuple[str, str]]) -> None:
        if not rows:
            return
        self.write_section(title)
        for name, value in rows:
            self.page.text(self.row, B, name, self.formats["muted"])
            if len(value) > MAX_VALUE_CHARACTERS:
                self.page.merged_text(self.row, C, F, value, self.formats["wrapped_flush"])
                self.page.height(self.row, 3 + 12 * count_text_lines(value, 92))
            else:
                self.page.text(self.row, C, value, self.formats["text"])
            self.row += 1
        self.row += 1

    def _write_inputs(self, manifest: Mapping[str, Any]) -> None:
        files = list_input_files(manifest)
        if not files:
            return
        self.write_section("Inputs")
        self.write_column_heads("File", "SHA-256", "", "Exported at", "")
        for file in files:
            name, sha256, at = file
            self.page.text(self.row, B, name, self.formats["wrapped_flush"])
            self.page.merged_text(self.row, C, D, sha256, self.formats["mono"])
            self.page.merged_text(self.row, E, F, at, self.formats["wrapped_flush"])
            self.page.height(
                self.row, 4 + 12 * max(count_text_lines(at, 32), count_text_lines(name, 48))
            )
            self.row += 1
        self.row += 1

    def _write_files_of_left_out_sheets(self, tables: Mapping[str, SheetTable]) -> None:
        left_out = [table for table in tables.values() if table.left_out]
        if not left_out:
            return
        self.write_section("Rows that are not in this workbook, in files beside it")
        self.write_column_heads("File", "SHA-256", "", "Sheet", "Rows", right_from=F)
        for table in left_out:
            file = table.overflow_file
            self.page.text(self.row, B, file, self.formats["wrapped_flush"])
            self.page.merged_text(self.row, C, D, table.file_sha256, self.formats["mono"])
            self.page.text(self.row, E, table.sheet, self.formats["text"])
            self.page.number(self.row, F, table.data.height, self.formats["count"])
            self.page.height(self.row, 4 + 12 * count_text_lines(file, 48))
            self.row += 1
        self.row += 1

    def _write_overflowing_tables(self, tables: Mapping[str, SheetTable]) -> None:
        overflowing = [
            table for table in tables.values() if table.overflow_file and not table.left_out
        ]
        if not overflowing:
            return
        self.write_section("Tables with more rows than a sheet can hold")
        self.write_column_heads(
            "Sheet", "File with all rows, in the folder of this workbook", "Rows", "On the sheet"
        )
        for table in overflowing:
            self.page.text(self.row, B, table.sheet, self.formats["bold"])
            self.page.text(self.row, C, table.overflow_file, self.formats["text"])
            self.page.number(self.row, D, table.data.height, self.formats["count"])
            self.page.number(self.row, E, table.rows, self.formats["count"])
            self.row += 1
        self.row += 1

    def _write_checks(self, checks: CrossChecks) -> None:
        self.write_section("Checks: computed by vippsrecon and by the formulas of this workbook")
        self.write_column_heads(
            "Figure", "Computed", "By formula", "Difference", "Result", right_from=C
        )
        first = self.row
        for check in checks.items:
            self._add_cross_check(check)
        last = max(first, self.row - 1)
        self.workbook.define_name(
            CHECK_RESULTS_NAME, f"={CONTROLS_SHEET_NAME}!{xl_range_abs(first, F, last, F)}"
        )
        colour_cells_by_text(self.page.worksheet, (first, last), F, self.formats.checks())
        self.row += 1

    def _add_cross_check(self, check: CrossCheck) -> None:
        page, row = self.page, self.row
        amount = isinstance(check.computed, Decimal)
        cell_format = self.formats.money(check.currency) if amount else self.formats["count"]
        page.text(row, B, check.figure_label, self.formats["text"])
        page.number(row, C, check.computed, cell_format)
        if check.formula:
            computed, formula, difference = (xl_rowcol_to_cell(row, c) for c in (C, D, E))
            page.formula(row, D, f"={check.formula}", check.computed, cell_format)
            page.formula(row, E, f"=ROUND({formula}-{computed},2)", Decimal(0), cell_format)
            result = f'=IF({difference}=0,"OK","DIFFERS")'
            page.formula(row, F, result, check.cached_result, self.formats["check"])
        else:
            page.text(row, F, check.cached_result, self.formats["check"])
        self.row += 1

    def _write_glossary(self, tables: Mapping[str, SheetTable]) -> None:
        self.write_section("Columns (not printed)")
        self.write_column_heads("Sheet and heading", "What it says", "Column of the frame", "Unit")
        units = {"money": "major units", "moment": "UTC", "day": "local day", "date": "local day"}
        for table in (table for table in tables.values() if not table.left_out):
            for column in table.columns:
                hidden = (
                    " (hidden)" if column.hidden else "" if column.printed else " (not printed)"
                )
                heading = f"{table.sheet}: {column.header}{hidden}"
                self.page.text(self.row, B, heading, self.formats["wrapped_flush"])
                self.page.text(self.row, C, column.about, self.formats["wrapped_flush"])
                lines = max(
                    count_text_lines(column.about, MAX_VALUE_CHARACTERS + 4),
                    count_text_lines(heading, MAX_VALUE_CHARACTERS + 4),
                )
                if lines > 1:
                    self.page.height(self.row, 4 + 12 * lines)
                frame_column = "" if column.kind == "link" else column.name
                self.page.text(self.row, D, frame_column, self.formats["code"])
                self.page.text(self.row, E, units.get(column.kind, ""), self.formats["muted"])
                self.row += 1
