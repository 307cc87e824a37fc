"""Read the cells of a report: rows below a header, texts, amounts and times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from vippsrecon.errors import SourceError
from vippsrecon.money import to_minor

_MAX_ROWS_ABOVE_HEADER = 200
"""Title, totals and notes are above a header."""


def iterate_rows(
    sheet: Sequence[Sequence[Any]], columns: Mapping[str, str], file: str, name: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the sheet row's number and its cells by field, for each row below the header."""
    required = set(columns.values())
    head = next(
        (
            n
            for n, row in enumerate(sheet[:_MAX_ROWS_ABOVE_HEADER])
            if required <= set(map(str, row))
        ),
        None,
    )
    if head is None:
        raise SourceError(
            f"its sheet {name} lacks columns of a report, some of which are hidden; take the "
            "workbook as vippsrecon wrote it, decisions added",
            file=file,
        )
    titles = [str(cell) for cell in sheet[head]]
    places = {field: titles.index(title) for field, title in columns.items()}
    for number, row in enumerate(sheet[head + 1 :], start=head + 2):
        cells = {field: row[place] for field, place in places.items()}
        if any(cell not in ("", None) for cell in cells.values()):
            yield number, cells


def format_entry(cell: Any) -> str:
    """Format a cell that a person filled in, with its line breaks."""
    return str(cell).strip() if isinstance(cell, str) else format_text(cell)


def format_text(cell: Any) -> str:
    """Format a cell as one line of text; whole numbers without a decimal point."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return " ".join(str(cell).split()) if cell is not None else ""


def parse_amount(cell: Any, currency: str) -> int | None:
    """Return an amount in minor units; None for an empty cell.

    Raises:
        InputError: It is not an amount of the currency.
    """
    if cell in ("", None):
        return None
    return to_minor(repr(cell) if isinstance(cell, float) else str(cell), currency)


def parse_time(cell: Any) -> datetime | None:
    """Return a time rounded to the second, because a workbook stores times as fractions of a day."""
    if isinstance(cell, datetime):
        rounded = cell + timedelta(microseconds=500_000)
        return rounded.replace(microsecond=0, tzinfo=UTC)
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day, tzinfo=UTC)
    return None
