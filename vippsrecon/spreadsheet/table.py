"""Write rows as a sheet: header, filter, print area, and a frame's values as cells.

    SheetTable (frame and columns)
        → build_row_formats   one format per column and currency
        → write_rows          in bulk, a slice of the frame at a time; unusual rows cell by cell
        → finish_sheet        filter, frozen header, print area

XlsxWriter runs in constant-memory mode, so a sheet of a million rows takes no more memory than one
of a thousand. Amounts become `Decimal` and are written digit by digit: as a float, 9.95 would be
written 9.949999999999999.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon.money import COMMON_DECIMALS
from vippsrecon.spreadsheet.bulk_rows import (
    append_rows,
    build_rows,
    can_append_rows,
    flush_row,
    to_excel_days,
    to_excel_moments,
)
from vippsrecon.spreadsheet.columns import (
    NUMBER_KINDS,
    TableColumn,
    TableColumnKind,
    choose_cell_format,
)
from vippsrecon.spreadsheet.layout import MAX_CELL_TEXT_LENGTH, count_text_lines, escape_cell_text
from vippsrecon.spreadsheet.ranges import SheetRanges
from vippsrecon.texts import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from vippsrecon.spreadsheet.formats import WorkbookFormats


ROWS_PER_SLICE = 8192
"""Rows converted at a time: limits memory without costing speed."""

EXCEL_MAX_ROWS = 1_048_576
"""Rows of one sheet. Source: support.microsoft.com, Excel specifications and limits."""

HEADER_HEIGHT = 28
POINTS_BETWEEN_LINES = 11.5
CHARACTERS_PER_WIDTH = 1.18
"""Letters are narrower than the digits in which a column's width is measured."""
MAX_WRAPPED_LINES = 12

_WRITTEN_AS_NUMBERS = (*NUMBER_KINDS, "moment", "day", "date")


@dataclass(frozen=True)
class SheetTable(SheetRanges):
    """A frame and its position on its sheet.

    Attributes:
        key: What the sheet is called in this package, such as "orders".
        sheet: Name of the worksheet, and heading of the sheet, in the language of the report.
        about: One sentence below it: the grain and the purpose.
        columns: In order, from column A.
        data: Rows in order, with a column for each named in `columns`.
        currencies: Currencies that have a line of totals, in order.
        head_row: Row of the header, from 0.
        limit: Maximum number of rows of a sheet.
        overflow_file: Name of the Parquet file with all rows, if the sheet cannot hold them or
            is left out.
        left_out: Whether the workbook is written without the sheet.
        file_sha256: Hash of the Parquet file of a sheet that is left out.
        notes: Lines between the totals and the header.
        title: Heading of a block; "" for the rows of a sheet, whose heading is its name.
        blocks: Small tables below the rows. A column of theirs without a name is left empty.
    """

    key: str
    sheet: str
    about: str
    columns: tuple[TableColumn, ...]
    data: pl.DataFrame
    currencies: tuple[str, ...] = ()
    head_row: int = 3
    limit: int = EXCEL_MAX_ROWS
    overflow_file: str = ""
    left_out: bool = False
    file_sha256: str = ""
    notes: tuple[str, ...] = field(default=())
    title: str = ""
    blocks: tuple[SheetTable, ...] = field(default=())

    @property
    def rows(self) -> int:
        """Number of rows on the sheet."""
        return min(self.data.height, self.limit - self.head_row - 1)


def finish_sheet(
    worksheet: Worksheet,
    columns: Sequence[TableColumn],
    *,
    head_row: int,
    last_row: int,
    frozen: int,
) -> None:
    """Add filter, frozen panes and print area to a sheet of rows.

    Args:
        worksheet: Its rows are written.
        columns: In order, from column A.
        head_row: Row of the header, from 0.
        last_row: Last row with cells; the row below the header if there are none.
        frozen: Number of columns that stay visible.
    """
    worksheet.freeze_panes(head_row + 1, frozen)
    worksheet.autofilter(head_row, 0, last_row, len(columns) - 1)
    worksheet.ignore_errors({"number_stored_as_text": f"A1:XFD{last_row + 1}"})
    printed = sum(column.printed and not column.hidden for column in columns)
    worksheet.print_area(0, 0, last_row, printed - 1)


def write_rows(
    worksheet: Worksheet,
    first_row: int,
    table: SheetTable,
    row_formats: Mapping[str, Sequence[Format | None]],
) -> None:
    """Write the rows of a table, starting at `first_row`.

    Args:
        worksheet: In constant-memory mode, with nothing written at or below `first_row`.
        first_row: From 0.
        table: The rows, and how each column is written.
        row_formats: Currency to the format of each column; "" for any other currency.
    """
    data, columns = table.data.head(table.rows), table.columns
    in_bulk = can_append_rows(worksheet)
    compared = False
    for start in range(0, data.height, ROWS_PER_SLICE):
        part = data.slice(start, ROWS_PER_SLICE)
        row = first_row + start
        if not in_bulk:
            _write_slice(worksheet, row, part, columns, row_formats)
            continue
        rows = build_rows(part, columns, row, row_formats, _find_high_rows(part, columns))
        for offset, length, plain in _find_runs(rows.is_not_null()):
            written = 0
            if plain and not compared:
                _write_slice(worksheet, row + offset, part.slice(offset, 1), columns, row_formats)
                in_bulk = flush_row(worksheet, row + offset + 1) == rows[offset]
                compared, written = True, 1
            run = part.slice(offset + written, length - written)
            first = row + offset + written
            if plain and in_bulk and run.height:
                texts = rows.slice(offset + written, run.height)
                append_rows(worksheet, first, len(columns) - 1, texts)
            else:
                _write_slice(worksheet, first, run, columns, row_formats)


def _write_slice(
    worksheet: Worksheet,
    first_row: int,
    data: pl.DataFrame,
    columns: Sequence[TableColumn],
    row_formats: Mapping[str, Sequence[Format | None]],
) -> None:
    write_cells(worksheet, first_row, columns, _iterate_rows(data, columns), row_formats)


def write_cells(
    worksheet: Worksheet,
    first_row: int,
    columns: Sequence[TableColumn],
    rows: Iterable[tuple[Sequence[Any], str]],
    row_formats: Mapping[str, Sequence[Format | None]],
    *,
    max_lines: int = MAX_WRAPPED_LINES,
) -> int:
    """Write rows of cells as they arrive, starting at `first_row`. Return how many there were.

    Args:
        worksheet: In constant-memory mode, with nothing written at or below `first_row`.
        first_row: From 0.
        columns: In order, from column A. Those of the kind "input" get a cell in every row.
        rows: The cells of the columns, as `convert_to_cells` makes them, and the currency.
        row_formats: Currency to the format of each column; "" for any other currency.
        max_lines: See `set_row_height`.
    """
    # One worksheet call per cell is the cost of a report: everything else is decided before.
    write_text = worksheet.write_string
    write_number = worksheet.write_number
    writers_by_currency = {
        currency: [
            (
                write_number
                if column.kind in _WRITTEN_AS_NUMBERS
                else partial(_write_link, worksheet, column.link_text)
                if column.kind == "link"
                else write_text,
                i,
                column_formats[i],
            )
            for i, column in enumerate(columns)
        ]
        for currency, column_formats in row_formats.items()
    }
    default = writers_by_currency[""]
    wrapped = [(i, column.width) for i, column in enumerate(columns) if column.kind == "wrapped"]
    input_columns = [i for i, column in enumerate(columns) if column.kind == "input"]
    count = 0
    for count, (cells, currency) in enumerate(rows, start=1):
        row = first_row + count - 1
        if wrapped:
            texts = [(cells[i], width) for i, width in wrapped]
            set_row_height(worksheet, row, texts, max_lines=max_lines)
        writers = writers_by_currency.get(currency, default)
        for (write, column, cell_format), value in zip(writers, cells, strict=True):
            if value is not None:
                write(row, column, value, cell_format)
        for column in input_columns:
            if cells[column] is None:
                worksheet.write_blank(row, column, None, row_formats[""][column])
    return count


def _write_link(  # noqa: PLR0917 - the order of XlsxWriter
    worksheet: Worksheet,
    text: str,
    row: int,
    column: int,
    formula: str,
    cell_format: Format | None,
) -> None:
    worksheet.write_formula(row, column, formula, cell_format, text)


def set_row_height(
    worksheet: Worksheet,
    row: int,
    texts: Sequence[tuple[str | None, float]],
    *,
    max_lines: int = MAX_WRAPPED_LINES,
) -> None:
    """Make a row as high as its longest wrapped text, because LibreOffice does not.

    Args:
        worksheet: Nothing is written to the row yet.
        row: From 0.
        texts: Each wrapped text with the width of its column.
        max_lines: Longer texts are cut off on the screen, not in the cell.
    """
    lines = max((_count_wrapped_lines(text or "", width) for text, width in texts), default=1)
    if lines > 1:
        worksheet.set_row(row, POINTS_BETWEEN_LINES * min(lines, max_lines) + 5)


@lru_cache(maxsize=4096)
def _count_wrapped_lines(text: str, width: float) -> int:
    # The indent of wrapped texts takes one character.
    return count_text_lines(text, int((width - 1) * CHARACTERS_PER_WIDTH))


def _iterate_rows(
    data: pl.DataFrame, columns: Sequence[TableColumn]
) -> Iterator[tuple[tuple[Any, ...], str]]:
    currencies = data["currency"].to_list() if "currency" in data.columns else [""] * data.height
    empty = [None] * data.height
    cells = [
        convert_to_cells(data[c.name], c.kind) if c.name in data.columns else empty for c in columns
    ]
    return zip(zip(*cells, strict=True), currencies, strict=True)


def _find_high_rows(data: pl.DataFrame, columns: Sequence[TableColumn]) -> pl.Series:
    """Return which rows need more than one line."""
    high = pl.repeat(False, data.height, dtype=pl.Boolean, eager=True)
    for column in columns:
        if column.kind == "wrapped":
            texts = data[column.name].cast(pl.String).to_list()
            lines = [_count_wrapped_lines(text or "", column.width) for text in texts]
            high |= pl.Series(lines, dtype=pl.Int64) > 1
    return high


def _find_runs(flags: pl.Series) -> Iterator[tuple[int, int, bool]]:
    """Yield offset, length and flag of each run of equal flags."""
    runs = flags.rle().struct.unnest()
    offset = 0
    for length, flag in runs.iter_rows():
        yield offset, length, flag
        offset += length


def convert_to_cells(values: pl.Series, kind: TableColumnKind) -> list[Any]:
    """Return a column's values as cells hold them: text, Decimal, or Excel's day numbers.

    Args:
        values: As in the frame: minor units, UTC moments, days since 1970.
        kind: How they are shown.

    >>> convert_to_cells(pl.Series([995, None]), "money")
    [Decimal('9.95'), None]
    >>> convert_to_cells(pl.Series([0]), "day")
    [25569]
    """
    if kind == "money":
        return [
            None if minor is None else Decimal(minor).scaleb(-COMMON_DECIMALS)
            for minor in values.to_list()
        ]
    if kind == "moment":
        return to_excel_moments(values).to_list()
    if kind in ("day", "date"):
        return to_excel_days(values).to_list()
    if kind == "count":
        return values.to_list()
    if values.dtype == pl.Boolean:
        words = {True: say("words.yes"), False: say("words.no"), None: None}
        return [words[flag] for flag in values.to_list()]
    return _convert_texts(values.cast(pl.String))


def _convert_texts(values: pl.Series) -> list[str | None]:
    # Hardly any column holds a text that must be escaped or cut, so ask once per column.
    risky = values.str.starts_with("<r>") | (values.str.len_bytes() > MAX_CELL_TEXT_LENGTH)
    if risky.any():
        return [escape_cell_text(text) if text else None for text in values.to_list()]
    return values.replace("", None).to_list()


def build_row_formats(
    table: SheetTable, formats: WorkbookFormats, *, suffix: bool
) -> dict[str, list[Format | None]]:
    """Return the format of each column, by currency.

    Args:
        table: The table whose columns are formatted.
        formats: The workbook's formats.
        suffix: Whether amounts show their currency behind them.
    """
    currencies = ["", *table.data["currency"].drop_nulls().unique().sort()] if suffix else [""]
    return {
        currency: [
            choose_cell_format(table.columns, place, formats, currency)
            for place in range(len(table.columns))
        ]
        for currency in currencies
    }
