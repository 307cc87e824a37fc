"""Write small tables below the rows of a sheet, such as the clearing account below the cut-off pack.

A filter and frozen rows belong to the rows of the sheet. A block has headings, rows and totals of its
own in the same columns, and a link to it is beside the link to *Summary*.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.report.columns import list_block_columns
from vippsrecon.report.money.columns import WITHOUT_TOTALS
from vippsrecon.spreadsheet.columns import choose_header_formats
from vippsrecon.spreadsheet.cross_checks import CrossChecks, to_cell_amount
from vippsrecon.spreadsheet.layout import SheetLayout
from vippsrecon.spreadsheet.links import format_link
from vippsrecon.spreadsheet.table import (
    HEADER_HEIGHT,
    SheetTable,
    build_row_formats,
    write_rows,
)
from vippsrecon.texts import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xlsxwriter.worksheet import Worksheet

    from vippsrecon.spreadsheet.formats import WorkbookFormats

_ROWS_ABOVE_HEAD = 2
"""Title and sentence."""


def build_block(block: str, sheet: SheetTable, data: pl.DataFrame, about: str = "") -> SheetTable:
    """Return a block of a sheet; `place_blocks` gives it its row.

    Args:
        block: Such as "clearing".
        sheet: The sheet below whose rows it is.
        data: Its rows.
        about: The sentence below its title; "" for that of the catalogue.
    """
    return SheetTable(
        block,
        sheet.sheet,
        about or say(f"blocks.{block}.about"),
        list_block_columns(block, sheet.key),
        # The value of the columns that a block leaves empty.
        data.with_columns(pl.lit(None, dtype=pl.String).alias("")),
        currencies=()
        if block in WITHOUT_TOTALS
        else tuple(data["currency"].unique().drop_nulls().sort()),
        title=say(f"blocks.{block}.title"),
    )


def place_blocks(table: SheetTable) -> SheetTable:
    """Return a sheet with its blocks one below the other, after its rows."""
    row = table.head_row + max(table.rows, 1) + 2
    placed = []
    for block in table.blocks:
        head = row + _ROWS_ABOVE_HEAD
        placed.append(replace(block, head_row=head))
        row = head + max(block.data.height, 1) + len(block.currencies) + 2
    return replace(table, blocks=tuple(placed))


def find_last_row(table: SheetTable) -> int:
    """Return the last row of a sheet: that of its last block, if it has one."""
    last = table.blocks[-1] if table.blocks else table
    return last.head_row + max(last.rows, 1) + (len(last.currencies) if table.blocks else 0)


def add_block_links(page: SheetLayout, table: SheetTable, formats: WorkbookFormats) -> None:
    """Add a link to each block, in the row of the link to *Summary*."""
    for column, block in enumerate(table.blocks, start=1):
        cell = xl_rowcol_to_cell(block.head_row - _ROWS_ABOVE_HEAD, 0)
        link = format_link(table.sheet, cell, block.title)
        page.formula(table.head_row - 1, column, link, block.title, formats["link"])


def write_blocks(
    worksheet: Worksheet,
    blocks: Sequence[SheetTable],
    formats: WorkbookFormats,
    checks: CrossChecks,
) -> None:
    """Write the blocks of a sheet whose rows are written, and add the checks of their totals."""
    for block in blocks:
        top = SheetLayout(worksheet)
        title = block.head_row - _ROWS_ABOVE_HEAD
        top.text(title, 0, block.title, formats["sheet_title"])
        top.height(title, 22)
        top.text(title + 1, 0, block.about, formats["muted"])
        for place, cell_format in enumerate(choose_header_formats(block.columns, formats)):
            if block.columns[place].name:
                top.text(block.head_row, place, block.columns[place].header, cell_format)
        top.blank(block.head_row, range(_find_last_column(block)), formats["head"])
        top.height(block.head_row, HEADER_HEIGHT)
        top.write()
        row_formats = build_row_formats(block, formats, suffix=False)
        write_rows(worksheet, block.head_row + 1, block, row_formats)
        _write_totals(worksheet, block, formats, checks)


def _find_last_column(block: SheetTable) -> int:
    return max(place for place, column in enumerate(block.columns) if column.name)


def _write_totals(
    worksheet: Worksheet, block: SheetTable, formats: WorkbookFormats, checks: CrossChecks
) -> None:
    page = SheetLayout(worksheet)
    row = block.head_row + max(block.rows, 1)
    sums = [column for column in block.columns if column.kind == "money"]
    last = _find_last_column(block)
    for currency in block.currencies:
        row += 1
        own = block.data.filter(pl.col("currency") == currency)
        page.text(row, 0, say("words.total", currency=currency), formats["total_text"])
        for column in sums:
            place = block.column(column.name)
            total = to_cell_amount(int(own[column.name].sum() or 0))
            formula = block.sum_if(column.name, currency=currency)
            page.formula(row, place, f"={formula}", total, formats.money(total=True))
            at = xl_rowcol_to_cell(row, place, row_abs=True, col_abs=True)
            label = say(
                "checks.of_label",
                label=f"{block.sheet}, {block.title}",
                figure=column.header,
                currency=currency,
            )
            checks.add(label, total, f"'{block.sheet}'!{at}", currency)
        page.blank(row, range(1, last + 1), formats["total_text"])
    page.write()
