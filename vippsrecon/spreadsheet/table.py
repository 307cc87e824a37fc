"""A frame as a sheet: title, totals that are live formulas, a header to filter by, rows.

The writer goes row by row through XlsxWriter's constant-memory mode, so a sheet of a million
rows takes no more memory than one of a thousand. Amounts become `Decimal` on the way out and
stand in the file digit by digit: as a float, 9.95 would be written 9.949999999999999.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from vippsrecon.spreadsheet.layout import MAX_CELL_TEXT_LENGTH, count_text_lines, escape_cell_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from vippsrecon.spreadsheet.formats import WorkbookFormats

TableColumnKind = Literal["text", "wrapped", "count", "money", "moment", "day", "date", "input"]

ROWS_PER_SLICE = 8192
"""Rows turned into Python values at a time: bounds memory, costs nothing."""

EXCEL_MAX_ROWS = 1_048_576
"""Rows of one sheet. Source: support.microsoft.com, Excel specifications and limits."""

POINTS_BETWEEN_LINES = 11.5
CHARACTERS_PER_WIDTH = 1.18
"""Letters are narrower than the digits a column's width counts."""
MAX_WRAPPED_LINES = 12

_DAYS_BEFORE_1970 = 25_569
_MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True)
class TableColumn:
    """One column of a sheet.

    Attributes:
        header: What a person reads.
        name: The frame's column; "" for a column people fill in.
        kind: How it is written. Moments are UTC, days the sales unit's own.
        width: In characters.
        about: What it says, for the glossary on Controls.
        hidden: Kept for reading the workbook back; out of a person's way.
        printed: Within the sheet's print area, so that A4 stays legible. Those that are not
            stand last.
    """

    header: str
    name: str
    kind: TableColumnKind = "text"
    width: float = 12
    about: str = ""
    hidden: bool = False
    printed: bool = True


@dataclass(frozen=True)
class SheetTable:
    """A frame and where it stands on its sheet.

    Attributes:
        sheet: Name of the worksheet.
        title: Its heading.
        about: One sentence: the grain, and what it is for.
        columns: In order, from column A.
        data: Rows in order, with a column for each named in `columns`.
        currencies: Those with a line of totals, in order.
        head_row: Row of the header, from 0.
        limit: Rows a sheet may have.
        overflow_file: Name of the Parquet file that holds all rows, where they do not fit.
    """

    sheet: str
    title: str
    about: str
    columns: tuple[TableColumn, ...]
    data: pl.DataFrame
    currencies: tuple[str, ...] = ()
    head_row: int = 3
    limit: int = EXCEL_MAX_ROWS
    overflow_file: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def rows(self) -> int:
        """How many rows stand on the sheet."""
        return min(self.data.height, self.limit - self.head_row - 1)

    def column(self, name: str) -> int:
        """Return the number of the column that shows the frame's column `name`."""
        return next(i for i, column in enumerate(self.columns) if column.name == name)

    def letters(self, name: str) -> str:
        """Return the letters of that column."""
        from xlsxwriter.utility import xl_col_to_name

        letters: str = xl_col_to_name(self.column(name))
        return letters

    def reference(self, name: str) -> str:
        """Return the range of a column's cells, as formulas on any sheet name it.

        An empty table gives its one empty row, so that formulas stay valid.
        """
        letters = self.letters(name)
        first = self.head_row + 2
        last = self.head_row + 1 + max(self.rows, 1)
        return f"'{self.sheet}'!${letters}${first}:${letters}${last}"

    def sum_if(self, name: str, **equal: str) -> str:
        """Return a formula that sums column `name` over the rows where columns equal texts."""
        return f"SUMIFS({self.reference(name)},{self._conditions(equal)})"

    def count_if(self, **equal: str) -> str:
        """Return a formula that counts the rows where columns equal texts."""
        return f"COUNTIFS({self._conditions(equal)})"

    def _conditions(self, equal: dict[str, str]) -> str:
        return ",".join(
            f"{self.reference(name)},{format_criterion(text)}" for name, text in equal.items()
        )


def format_criterion(text: str) -> str:
    """Return the criterion of a SUMIFS that means exactly `text`, as a formula's constant.

    Wildcards and comparison signs would otherwise be obeyed.

    >>> format_criterion("NOK"), format_criterion(""), format_criterion('*"')
    ('"=NOK"', '"="', '"=~*\"\"\"')
    """
    for wild in "~*?":
        text = text.replace(wild, f"~{wild}")
    return '"=' + text.replace('"', '""') + '"'


def write_rows(
    worksheet: Worksheet,
    first_row: int,
    table: SheetTable,
    formats: Mapping[str, Sequence[Format | None]],
) -> None:
    """Write a table's rows, from `first_row` on.

    Args:
        worksheet: In constant-memory mode, nothing at or below `first_row` written yet.
        first_row: From 0.
        table: The rows, and how each column is written.
        formats: Currency to the format of each column; "" for a currency not named.
    """
    texts = worksheet.write_string
    numbers = worksheet.write_number
    shown = [(i, c) for i, c in enumerate(table.columns) if c.kind != "input"]
    plans = {
        currency: [
            (texts if column.kind in ("text", "wrapped") else numbers, i, looks[i])
            for i, column in shown
        ]
        for currency, looks in formats.items()
    }
    plan_of = plans.get
    default = plans[""]
    wrapped = [(i, column.width) for i, (_, column) in enumerate(shown) if column.kind == "wrapped"]
    to_fill = [i for i, column in enumerate(table.columns) if column.kind == "input"]
    row = first_row
    for values, currencies in _iterate_slices(table, [column for _, column in shown]):
        for cells, currency in zip(values, currencies, strict=True):
            if wrapped:
                _set_row_height(worksheet, row, [(cells[i], width) for i, width in wrapped])
            for (write, column, look), value in zip(plan_of(currency, default), cells, strict=True):
                if value is not None:
                    write(row, column, value, look)
            for column in to_fill:
                worksheet.write_blank(row, column, None, formats[""][column])
            row += 1


def _set_row_height(worksheet: Worksheet, row: int, texts: list[tuple[str | None, float]]) -> None:
    """Make a row as high as its longest wrapped text: LibreOffice does not when it opens one."""
    lines = max(_count_wrapped_lines(text or "", width) for text, width in texts)
    if lines > 1:
        worksheet.set_row(row, POINTS_BETWEEN_LINES * lines + 5)


@lru_cache(maxsize=4096)
def _count_wrapped_lines(text: str, width: float) -> int:
    return min(count_text_lines(text, int(width * CHARACTERS_PER_WIDTH)), MAX_WRAPPED_LINES)


def _iterate_slices(
    table: SheetTable, columns: list[TableColumn]
) -> Iterator[tuple[Iterator[tuple[Any, ...]], list[str]]]:
    data = table.data.head(table.rows)
    for start in range(0, data.height, ROWS_PER_SLICE):
        part = data.slice(start, ROWS_PER_SLICE)
        currencies = (
            part["currency"].to_list() if "currency" in part.columns else [""] * part.height
        )
        shown = [convert_to_cells(part[column.name], column.kind) for column in columns]
        yield zip(*shown, strict=True), currencies


def convert_to_cells(values: pl.Series, kind: TableColumnKind) -> list[Any]:
    """Return a column's values as cells take them: text, Decimal, or Excel's day numbers.

    Args:
        values: As the frame has them: minor units, UTC moments, days since 1970.
        kind: How they are to be shown.

    >>> convert_to_cells(pl.Series([995, None]), "money")
    [Decimal('9.95'), None]
    >>> convert_to_cells(pl.Series([0]), "day")
    [25569]
    """
    shown: list[Any]
    if kind == "money":
        shown = [None if minor is None else Decimal(minor).scaleb(-2) for minor in values.to_list()]
    elif kind == "moment":
        days = values.dt.timestamp("us") / _MICROSECONDS_A_DAY + _DAYS_BEFORE_1970
        shown = days.to_list()
    elif kind in ("day", "date"):
        shown = (values.cast(pl.Int32) + _DAYS_BEFORE_1970).to_list()
    elif kind == "count":
        shown = values.to_list()
    elif values.dtype == pl.Boolean:
        shown = [None if said is None else ("yes" if said else "no") for said in values.to_list()]
    else:
        shown = _convert_texts(values.cast(pl.String))
    return shown


def _convert_texts(values: pl.Series) -> list[str | None]:
    # Only these need a look at each text, and hardly any column holds one.
    risky = values.str.starts_with("<r>") | (values.str.len_bytes() > MAX_CELL_TEXT_LENGTH)
    if risky.any():
        return [escape_cell_text(text) if text else None for text in values.to_list()]
    return values.replace("", None).to_list()


def build_row_formats(
    table: SheetTable, looks: WorkbookFormats, *, suffix: bool
) -> dict[str, list[Format | None]]:
    """Return the format of each column, by currency.

    Args:
        table: Whose columns.
        looks: The workbook's formats.
        suffix: Amounts carry their currency behind them.
    """
    after = find_columns_after_numbers(table.columns)
    currencies = ["", *table.data["currency"].unique().drop_nulls()] if suffix else [""]

    def look(place: int, column: TableColumn, currency: str) -> Format | None:
        if column.kind == "money":
            return looks.money(currency)
        names = {"count": "count", "moment": "moment", "day": "date", "date": "date"}
        name = names.get(column.kind, column.kind)
        return looks.get_indented(name) if place in after else looks[name]

    return {
        currency: [look(place, column, currency) for place, column in enumerate(table.columns)]
        for currency in currencies
    }


def find_columns_after_numbers(columns: Sequence[TableColumn]) -> set[int]:
    """Return the places of the columns that begin at the left, right behind figures."""
    figures = ("money", "count")
    return {
        place
        for place, (before, column) in enumerate(pairwise(columns), start=1)
        if before.kind in figures and column.kind not in figures
    }
