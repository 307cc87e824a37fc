"""A file as a table of text columns: the one shape that CSV, workbooks and JSON are brought to.

Opening reads the headings only. Which columns are then read is decided by a profile, so that
names, addresses and telephone numbers of customers never enter a frame.

In a table every cell is text. A cell that the file itself holds as a number or a date (Excel,
JSON) begins with `NATIVE_MARK` and is written with a decimal point or as ISO 8601: it needs no
guess about decimal marks or the order of day and month.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import polars as pl

NATIVE_MARK = "\x01"
"""First character of a cell that was a number or a date in the file, not text."""

ROWS_PER_CHUNK = 20_000
"""Rows held as Python objects at a time."""


class Record(NamedTuple):
    """One row: where it starts, its picked cells, and what is wrong with it as a whole."""

    row: int
    cells: Sequence[Any]
    fault: str | None


@dataclass(frozen=True)
class Table:
    """A file opened: its headings, and a way to read chosen columns.

    Attributes:
        name: Name of the file, without its folder.
        file_type: "csv", "xlsx" or "json".
        encoding: Of a text file; "" for a workbook.
        headings: As in the file, without trailing empty ones.
        notes: What a user should know about how it was opened.
        records: Reads the columns at the given places, row by row.
        texts: Turns a column's cells, as `records` gives them, to text.
    """

    name: str
    file_type: str
    encoding: str
    headings: tuple[str, ...]
    records: Callable[[Sequence[int]], Iterator[Record]]
    notes: tuple[str, ...] = ()
    texts: Callable[[Sequence[Any]], Sequence[str] | pl.Series] = tuple

    def columns(self, places: Sequence[int]) -> pl.DataFrame:
        """Return the columns at `places` as text.

        Returns:
            One row per record of the file that holds anything, in the file's order: `row`
            (line, sheet row or record the row starts at, counted from 1), `fault` (why the
            row cannot be used as a whole, else null), and `c0`, `c1`, … for the places. Empty
            cells are empty text; white space around a cell is taken off.
        """
        names = [f"c{position}" for position in range(len(places))]
        chunks = [self._build_frame([], names)]
        waiting: list[Record] = []
        for record in self.records(places):
            waiting.append(record)
            if len(waiting) == ROWS_PER_CHUNK:
                chunks.append(self._build_frame(waiting, names))
                waiting = []
        chunks.append(self._build_frame(waiting, names))
        return pl.concat(chunks, rechunk=True)

    def _build_frame(self, records: list[Record], names: list[str]) -> pl.DataFrame:
        if not records:
            schema = {"row": pl.Int64, "fault": pl.String} | dict.fromkeys(names, pl.String)
            return pl.DataFrame(schema=schema)
        rows, cells, faults = zip(*records, strict=True)
        frame = pl.DataFrame(
            [
                pl.Series("row", rows, dtype=pl.Int64),
                pl.Series("fault", faults, dtype=pl.String),
                *(
                    pl.Series(name, self.texts(values), dtype=pl.String)
                    for name, values in zip(names, zip(*cells, strict=True), strict=True)
                ),
            ]
        )
        return frame.with_columns(pl.col(names).str.strip_chars())


def build_cell_picker(places: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Return a function that takes the cells at `places` out of a row."""
    if not places:
        return lambda _cells: ()
    if len(places) == 1:
        place = places[0]
        return lambda cells: (cells[place],)
    return itemgetter(*places)
