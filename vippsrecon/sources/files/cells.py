"""Cells of a workbook as text: numbers and dates marked, so that none is read as text again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from vippsrecon.sources.files.table import NATIVE_MARK

_MAX_EXACT_INTEGER = 2**53
"""Up to here a float holds every whole number."""


def format_cell(cell: Any) -> str:
    r"""Return a cell's value as a table holds it.

    >>> format_cell(499.5), format_cell(123.0), format_cell("000123"), format_cell(dt.date(2026, 1, 31)), format_cell(None)
    ('\x01499.5', '\x01123', '000123', '\x012026-01-31', '')
    """
    kind = type(cell)
    if kind is str:
        return str.lstrip(cell, NATIVE_MARK)
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
    r"""Return a column's cells as `format_cell` gives each, a whole column at a time where it can.

    >>> format_cells([499.5, "", dt.datetime(2026, 1, 31, 9, 12)]).to_list()
    ['\x01499.5', '', '\x012026-01-31T09:12:00']
    """
    kinds = set(map(type, cells))
    if kinds == {str}:
        return _strip_native_mark(pl.Series(cells, dtype=pl.String))
    if not kinds <= _COLUMN_FORMATTERS.keys():
        return pl.Series(map(format_cell, cells), dtype=pl.String)
    made = pl.Series([""], dtype=pl.String).new_from_index(0, len(cells))
    for kind in kinds - {type(None)}:
        dtype, written = _COLUMN_FORMATTERS[kind]
        mine = cells if len(kinds) == 1 else [_keep_type(kind, cell) for cell in cells]
        column = written(pl.Series(mine, dtype=dtype))
        made = column if len(kinds) == 1 else made.zip_with(column.is_null(), column)
    return made


def _keep_type(kind: type, cell: Any) -> Any:
    return cell if type(cell) is kind else None


def _format_number(number: float) -> str:
    """Return a number as Excel shows it at full precision, without an exponent.

    repr is the shortest text that gives the same float back.
    """
    if number.is_integer() and abs(number) < _MAX_EXACT_INTEGER:
        return str(int(number))
    shortest = repr(number)
    return shortest if "e" not in shortest else f"{Decimal(shortest):f}"


def _strip_native_mark(strings: pl.Series) -> pl.Series:
    """Return texts without the mark of numbers and dates, which none of them may forge."""
    forged = strings.str.starts_with(NATIVE_MARK)
    return strings.str.strip_chars_start(NATIVE_MARK) if forged.any() else strings


def _format_numbers(numbers: pl.Series) -> pl.Series:
    """Return floats as `_format_number` writes them.

    Polars writes the shortest text too, but for the largest and smallest has an exponent.
    """
    whole = (
        numbers.is_finite() & (numbers == numbers.floor()) & (numbers.abs() < _MAX_EXACT_INTEGER)
    )
    shortest = numbers.cast(pl.String)
    made = shortest.zip_with(~whole, numbers.cast(pl.Int64, strict=False).cast(pl.String))
    odd = ~whole & ((numbers.abs() >= _MAX_EXACT_INTEGER) | shortest.str.contains("[A-Za-z]"))
    if odd.any():
        by_hand = pl.Series(map(_format_number, numbers.filter(odd)), dtype=pl.String)
        made = made.scatter(odd.arg_true(), by_hand)
    return NATIVE_MARK + made


def _format_times(moments: pl.Series) -> pl.Series:
    """Return dates with times as ISO 8601, parts of a second where there are any."""
    made = moments.dt.to_string("%Y-%m-%dT%H:%M:%S")
    finer = moments.dt.microsecond() != 0
    if finer.any():
        made = made.zip_with(~finer, moments.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f"))
    return NATIVE_MARK + made


def _format_dates(days: pl.Series) -> pl.Series:
    """Return dates as ISO 8601."""
    return NATIVE_MARK + days.dt.to_string("%Y-%m-%d")


_COLUMN_FORMATTERS: dict[type, tuple[Any, Any]] = {
    str: (pl.String, _strip_native_mark),
    float: (pl.Float64, _format_numbers),
    dt.datetime: (pl.Datetime("us"), _format_times),
    dt.date: (pl.Date, _format_dates),
    type(None): (pl.Null, None),
}
"""Kinds of cells that are turned to text a column at a time: their dtype, and how."""
