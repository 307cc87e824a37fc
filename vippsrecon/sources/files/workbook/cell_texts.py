"""Format the values of workbook cells as texts of a table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from vippsrecon.sources.files.table import MARKS, NATIVE_MARK, strip_forged_marks

_MAX_EXACT_INTEGER = 2**53
"""Below this a float holds every whole number exactly."""


def name_column(place: int) -> str:
    """Return the letters of a column, whose place counts from 0.

    >>> name_column(0), name_column(27)
    ('A', 'AB')
    """
    column_letters = ""
    number = place + 1
    while number:
        number, letter = divmod(number - 1, 26)
        column_letters = chr(ord("A") + letter) + column_letters
    return column_letters


def format_cell(cell: Any) -> str:
    r"""Format the value of a cell as text of a table.

    >>> format_cell(499.5), format_cell(123.0), format_cell("000123"), format_cell(dt.date(2026, 1, 31)), format_cell(None)
    ('\x01499.5', '\x01123', '000123', '\x012026-01-31', '')
    """
    kind = type(cell)
    if kind is str:
        return str.lstrip(cell, MARKS)
    if kind is float:
        return NATIVE_MARK + _format_number(cell)
    if kind in (dt.datetime, dt.date, dt.time):
        return f"{NATIVE_MARK}{cell.isoformat()}"
    if kind is bool:
        return "true" if cell else "false"
    if kind is int:
        return f"{NATIVE_MARK}{cell}"
    return "" if cell is None else str(cell)


def format_cells(cells: Sequence[Any]) -> pl.Series:
    r"""Format a column of cells as `format_cell` does, with whole-column operations if possible.

    >>> format_cells([499.5, "", dt.datetime(2026, 1, 31, 9, 12)]).to_list()
    ['\x01499.5', '', '\x012026-01-31T09:12:00']
    """
    kinds = set(map(type, cells))
    if kinds == {str}:
        return strip_forged_marks(cells)
    if not kinds <= _COLUMN_FORMATTERS.keys():
        return pl.Series(map(format_cell, cells), dtype=pl.String)
    texts = pl.Series([""], dtype=pl.String).new_from_index(0, len(cells))
    for kind in kinds - {type(None)}:
        dtype, written = _COLUMN_FORMATTERS[kind]
        typed_cells = cells if len(kinds) == 1 else [_keep_type(kind, cell) for cell in cells]
        column = written(pl.Series(typed_cells, dtype=dtype))
        texts = column if len(kinds) == 1 else texts.zip_with(column.is_null(), column)
    return texts


def _keep_type(kind: type, cell: Any) -> Any:
    return cell if type(cell) is kind else None


def _format_number(number: float) -> str:
    """Format a number as Excel shows it at full precision, without an exponent.

    repr is the shortest text that gives the same float back.
    """
    if number.is_integer() and abs(number) < _MAX_EXACT_INTEGER:
        return str(int(number))
    shortest = repr(number)
    return shortest if "e" not in shortest else f"{Decimal(shortest):f}"


def _format_numbers(numbers: pl.Series) -> pl.Series:
    """Format floats as `_format_number` does.

    Polars writes the shortest text too, but uses an exponent for very large and small numbers.
    """
    is_whole = (
        numbers.is_finite() & (numbers == numbers.floor()) & (numbers.abs() < _MAX_EXACT_INTEGER)
    )
    shortest = numbers.cast(pl.String)
    texts = shortest.zip_with(~is_whole, numbers.cast(pl.Int64, strict=False).cast(pl.String))
    is_unusual = ~is_whole & (
        (numbers.abs() >= _MAX_EXACT_INTEGER) | shortest.str.contains("[A-Za-z]")
    )
    if is_unusual.any():
        by_hand = pl.Series(map(_format_number, numbers.filter(is_unusual)), dtype=pl.String)
        texts = texts.scatter(is_unusual.arg_true(), by_hand)
    return NATIVE_MARK + texts


def _format_times(moments: pl.Series) -> pl.Series:
    """Format dates with times as ISO 8601, with fractions of a second only if there are any."""
    texts = moments.dt.to_string("%Y-%m-%dT%H:%M:%S")
    finer = moments.dt.microsecond() != 0
    if finer.any():
        texts = texts.zip_with(~finer, moments.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f"))
    return NATIVE_MARK + texts


def _format_dates(days: pl.Series) -> pl.Series:
    """Format dates as ISO 8601."""
    return NATIVE_MARK + days.dt.to_string("%Y-%m-%d")


_COLUMN_FORMATTERS: dict[type, tuple[Any, Any]] = {
    str: (pl.String, strip_forged_marks),
    float: (pl.Float64, _format_numbers),
    dt.datetime: (pl.Datetime("us"), _format_times),
    dt.date: (pl.Date, _format_dates),
    type(None): (pl.Null, None),
}
"""Python type of cells that have a whole-column formatter, to dtype and formatter."""
