"""A file as a table of text columns: the common form of CSV, workbooks and JSON.

Opening reads the headings only. A profile then decides which columns are read, so names, addresses
and telephone numbers of customers never enter a frame.

Every cell of a table is text. A cell that is a number or a date in the file (Excel, JSON) begins
with `NATIVE_MARK` and is written with a decimal point or as ISO 8601, so its decimal mark and its
order of day and month are certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import polars as pl

from vippsrecon.texts import say

NATIVE_MARK = "\x01"
"""First character of a cell that was a number or a date in the file, not text."""

FORMULA_MARK = f"{NATIVE_MARK}\ufdd0"
"""Beginning of a cell with a formula that no program has computed yet: neither empty nor zero.

The formula follows. U+FDD0 is reserved: no text of a file may hold it."""

MARKS = "\x01\ufdd0"
"""Characters that this package puts before cells, for `strip_chars_start`."""

ROWS_PER_CHUNK = 20_000
"""Rows held as Python objects at a time."""


def strip_forged_marks(texts: Sequence[str]) -> pl.Series:
    """Remove this package's own marks from the beginning of texts, which must not imitate them."""
    column = pl.Series(texts, dtype=pl.String)
    forged = column.str.contains(rf"^[{MARKS}]")
    return column.str.strip_chars_start(MARKS) if forged.any() else column


class Record(NamedTuple):
    """One row of a table.

    Attributes:
        row: Its number.
        cells: The chosen cells.
        fault: Why the whole row cannot be used, if so.
        part: Number of heading rows above it: more than 1 where a file consists of several.
        unfinished: Whether the file ends within the row, so that its last cell may be cut off.
    """

    row: int
    cells: Sequence[Any]
    fault: str | None
    part: int = 1
    unfinished: bool = False


@dataclass(frozen=True)
class Table:
    """An opened file: its headings, and a way to read chosen columns.

    Attributes:
        name: Name of the file, without its folder.
        file_type: "csv", "xlsx", "json" or "frame".
        encoding: Encoding of a text file; "" for a workbook.
        headings: As in the file, without trailing empty ones.
        notes: Sentences for the user on how it was opened.
        records: Reads the columns at the given positions, row by row.
        texts: Turns a column's cells, as `records` gives them, to text.
        hidden_rows: Numbers of rows that hold something but are hidden in the workbook; None if
            the workbook does not say.
        minor_headings: Normalised headings of columns that hold minor units (frames only).
    """

    name: str
    file_type: str
    encoding: str
    headings: tuple[str, ...]
    records: Callable[[Sequence[int]], Iterator[Record]]
    notes: tuple[str, ...] = ()
    texts: Callable[[Sequence[Any]], Sequence[str] | pl.Series] = tuple
    hidden_rows: tuple[int, ...] | None = ()
    minor_headings: frozenset[str] = frozenset()

    def columns(
        self, places: Sequence[int], blanks: str | None = None, *, of_money: bool = False
    ) -> pl.DataFrame:
        """Read the columns at the positions `places` as text.

        Args:
            places: Positions of columns.
            blanks: Characters removed around a cell; None for all white space.
            of_money: Whether each row is money that moved. A row within which the file ends is then
                at fault, because an amount may be cut off, and `part` counts the heading rows above.

        Returns:
            One row per non-empty record, in the file's order: `row`
            (number of its first line, sheet row or record, from 1), `fault` (why the
            whole row cannot be used, else null), and `c0`, `c1`, … in the order of `places`. Empty
            cells are empty text; `blanks` around a cell are removed.
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
        frame = pl.concat(chunks, rechunk=True).with_columns(pl.col(names).str.strip_chars(blanks))
        if of_money:
            cut_off = pl.when("unfinished").then(pl.lit(say("reasons.unfinished_row")))
            return frame.with_columns(fault=pl.coalesce("fault", cut_off)).drop("unfinished")
        return frame.drop("part", "unfinished")

    def _build_frame(self, records: list[Record], names: list[str]) -> pl.DataFrame:
        if not records:
            schema = {name: series.dtype for name, series in _build_facts([], [], [], []).items()}
            return pl.DataFrame(schema=schema | dict.fromkeys(names, pl.String))
        rows, cells, faults, parts, unfinished = zip(*records, strict=True)
        return pl.DataFrame(
            [
                *_build_facts(rows, faults, parts, unfinished).values(),
                *(
                    pl.Series(name, self.texts(values), dtype=pl.String)
                    for name, values in zip(names, zip(*cells, strict=True), strict=True)
                ),
            ]
        )


def _build_facts(
    rows: Sequence[int], faults: Sequence[Any], parts: Sequence[int], unfinished: Sequence[bool]
) -> dict[str, pl.Series]:
    """Return what is known of rows as columns, by their names."""
    return {
        "row": pl.Series("row", rows, dtype=pl.Int64),
        "fault": pl.Series("fault", faults, dtype=pl.String),
        "part": pl.Series("part", parts, dtype=pl.Int64),
        "unfinished": pl.Series("unfinished", unfinished, dtype=pl.Boolean),
    }


def build_cell_picker(places: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Build a function that returns the cells of a row at `places`."""
    if not places:
        return lambda _cells: ()
    if len(places) == 1:
        place = places[0]
        return lambda cells: (cells[place],)
    return itemgetter(*places)
