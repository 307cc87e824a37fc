"""Write Controls: inputs, settings, checks and the meaning of each column."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell

from vippsrecon.report.excel.drop_downs import (
    LIST_ROW,
    LIST_ROWS,
    OWNER_LIST_COLUMN,
    write_drop_down_lists,
)
from vippsrecon.report.names import list_table_heads
from vippsrecon.report.run_facts import (
    MAX_VALUE_CHARACTERS,
    list_input_files,
    list_run_facts,
    list_setting_groups,
)
from vippsrecon.spreadsheet.cross_checks import (
    CHECK_RESULTS_NAME,
    CrossCheck,
    CrossChecks,
    get_check_formats,
)
from vippsrecon.spreadsheet.formats import colour_cells_by_text
from vippsrecon.spreadsheet.layout import count_text_lines
from vippsrecon.spreadsheet.ranges import quote_sheet
from vippsrecon.spreadsheet.sections import SectionWriter
from vippsrecon.texts import list_section, say

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.spreadsheet.table import SheetTable

CONTROLS_COLUMN_WIDTHS = (1.5, 50, 44, 26, 18, 14, 2, 18, 14, 34)
"""Columns A to J: margin, name, value, three figures, gap, three lists. The lists are not printed."""

B, C, D, E, F = 1, 2, 3, 4, 5

_NAME_CHARACTERS = 48
"""Characters of a line in column B. The cell beside it is never empty, so a longer text would be cut."""

_PROTECTION_NOTES = ("protection_1", "protection_2", "protection_3")


class ControlsSheetWriter(SectionWriter):
    """Lays out the Controls sheet, from the top down."""

    LAST_COLUMN: ClassVar[int] = F

    def write(
        self, reconciliation: Reconciliation, tables: Mapping[str, SheetTable], checks: CrossChecks
    ) -> None:
        """Lay out the whole sheet and write it."""
        manifest = reconciliation.manifest
        self.page.text(0, B, say("headings.controls"), self.formats["sheet_title"])
        self.page.height(0, 24)
        muted = self.formats["muted"]
        self.page.text(1, B, say("controls.about"), muted)
        self.page.text(0, OWNER_LIST_COLUMN, say("controls.printed"), muted)
        self.page.text(1, OWNER_LIST_COLUMN, say("controls.screen"), muted)
        for row, note in enumerate(_PROTECTION_NOTES, start=LIST_ROW + LIST_ROWS + 1):
            self.page.text(row, OWNER_LIST_COLUMN, say(f"controls.{note}"), muted)
        write_drop_down_lists(self.page, self.formats, manifest)
        self.row = 2
        self._write_pairs(say("headings.run"), list_run_facts(reconciliation))
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
            self.page.text(self.row, B, name, self.formats["muted_wrapped"])
            lines = count_text_lines(name, _NAME_CHARACTERS)
            if len(value) > MAX_VALUE_CHARACTERS:
                self.page.merged_text(self.row, C, F, value, self.formats["wrapped_flush"])
                self.page.height(self.row, 3 + 12 * max(lines, count_text_lines(value, 92)))
            else:
                self.page.text(self.row, C, value, self.formats["text"])
                if lines > 1:
                    self.page.height(self.row, 4 + 12 * lines)
            self.row += 1
        self.row += 1

    def _write_inputs(self, manifest: Mapping[str, Any]) -> None:
        files = list_input_files(manifest)
        if not files:
            return
        self.write_section(say("headings.inputs"))
        self.write_column_heads(say("table.file"), "SHA-256", "", say("table.exported_at"), "")
        for file in files:
            name, sha256, at = file
            self.page.text(self.row, B, name, self.formats["wrapped_flush"])
            self.page.merged_text(self.row, C, D, sha256, self.formats["mono"])
            self.page.merged_text(self.row, E, F, at, self.formats["wrapped_flush"])
            self.page.height(
                self.row,
                4 + 12 * max(count_text_lines(at, 32), count_text_lines(name, _NAME_CHARACTERS)),
            )
            self.row += 1
        self.row += 1

    def _write_files_of_left_out_sheets(self, tables: Mapping[str, SheetTable]) -> None:
        left_out = [table for table in tables.values() if table.left_out]
        if not left_out:
            return
        self.write_section(say("controls.rows_in_files"))
        file_head, sheet_head, rows_head = list_table_heads("file", "sheet", "rows")
        self.write_column_heads(file_head, "SHA-256", "", sheet_head, rows_head, right_from=F)
        for table in left_out:
            file = table.overflow_file
            self.page.text(self.row, B, file, self.formats["wrapped_flush"])
            self.page.merged_text(self.row, C, D, table.file_sha256, self.formats["mono"])
            self.page.text(self.row, E, table.sheet, self.formats["text"])
            self.page.number(self.row, F, table.data.height, self.formats["count"])
            self.page.height(self.row, 4 + 12 * count_text_lines(file, _NAME_CHARACTERS))
            self.row += 1
        self.row += 1

    def _write_overflowing_tables(self, tables: Mapping[str, SheetTable]) -> None:
        overflowing = [
            table for table in tables.values() if table.overflow_file and not table.left_out
        ]
        if not overflowing:
            return
        self.write_section(say("controls.long_tables"))
        self.write_column_heads(
            say("table.sheet"),
            say("controls.file_with_all"),
            say("table.rows"),
            say("controls.on_the_sheet"),
        )
        for table in overflowing:
            self.page.text(self.row, B, table.sheet, self.formats["bold"])
            self.page.text(self.row, C, table.overflow_file, self.formats["text"])
            self.page.number(self.row, D, table.data.height, self.formats["count"])
            self.page.number(self.row, E, table.rows, self.formats["count"])
            self.row += 1
        self.row += 1

    def _write_checks(self, checks: CrossChecks) -> None:
        self.write_section(say("controls.checks"))
        self.write_column_heads(
            say("controls.figure"),
            say("controls.computed"),
            say("controls.by_formula"),
            say("table.difference"),
            say("controls.result"),
            right_from=C,
        )
        first = self.row
        for check in checks.items:
            self._add_cross_check(check)
        last = max(first, self.row - 1)
        self.workbook.define_name(
            CHECK_RESULTS_NAME,
            f"={quote_sheet(say('sheets.controls'))}!{xl_range_abs(first, F, last, F)}",
        )
        colour_cells_by_text(self.page.worksheet, (first, last), F, get_check_formats(self.formats))
        self.row += 1

    def _add_cross_check(self, check: CrossCheck) -> None:
        page, row = self.page, self.row
        amount = isinstance(check.computed, Decimal)
        cell_format = self.formats.money(check.currency) if amount else self.formats["count"]
        page.text(row, B, check.figure_label, self.formats["wrapped_flush"])
        lines = count_text_lines(check.figure_label, _NAME_CHARACTERS)
        if lines > 1:
            page.height(row, 4 + 12 * lines)
        page.number(row, C, check.computed, cell_format)
        if check.formula:
            computed, formula, difference = (xl_rowcol_to_cell(row, c) for c in (C, D, E))
            page.formula(row, D, f"={check.formula}", check.computed, cell_format)
            page.formula(row, E, f"=ROUND({formula}-{computed},2)", Decimal(0), cell_format)
            good, bad = say("controls.ok"), say("controls.differs")
            result = f'=IF({difference}=0,"{good}","{bad}")'
            page.formula(row, F, result, check.cached_result, self.formats["check"])
        else:
            page.text(row, F, check.cached_result, self.formats["check"])
        self.row += 1

    def _write_glossary(self, tables: Mapping[str, SheetTable]) -> None:
        self.write_section(say("controls.columns"))
        heads = ("sheet_and_heading", "what_it_says", "column_of_frame", "unit")
        self.write_column_heads(*(say(f"controls.{head}") for head in heads))
        units = list_section("units")
        shown = [table for table in tables.values() if not table.left_out]
        for table in (part for sheet in shown for part in (sheet, *sheet.blocks)):
            for column in (column for column in table.columns if column.name):
                hidden = ""
                if column.hidden or not column.printed:
                    hidden = say("controls.hidden" if column.hidden else "controls.not_printed")
                place = f"{table.sheet}, {table.title}" if table.title else table.sheet
                heading = f"{place}: {column.header}{hidden}"
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
