"""Open text files of separated values as tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from vippsrecon.errors import EmptyTableError, SourceError
from vippsrecon.money import group_thousands
from vippsrecon.sources.files.csv_rows import read_csv_rows
from vippsrecon.sources.files.detect import MAX_CELL_LENGTH, MAX_COLUMNS, detect_encoding
from vippsrecon.sources.files.headings import strip_trailing_empties
from vippsrecon.sources.files.repeated_headings import HeadingWatch
from vippsrecon.sources.files.table import Record, Table, build_cell_picker, strip_forged_marks
from vippsrecon.texts import say

_END_OF_FILE = "\x1a"
"""Written after the last line by `copy a.csv + b.csv` of Windows."""

MAX_LINES_ABOVE_HEADINGS = 50
"""Lines in which a heading row is searched."""

_DELIMITERS = (",", ";", "\t", "|")


def open_csv_table(
    path: Path,
    *,
    usual_headings: Collection[str] = (),
    reject_doubtful: bool = False,
    is_heading_row: Callable[[Sequence[str]], bool] | None = None,
) -> Table:
    """Open a text file of separated values.

    The delimiter is the one of comma, semicolon, tab and bar that gives the most headings; a first
    line `sep=;`, as Excel writes it, has priority. A row has the number of its first line, so
    cells of several lines do not shift later row numbers.

    Args:
        path: The file.
        reject_doubtful: Reject rows that may be part of a cell above, whose quotation marks do not
            match. In a list that moves money, a line of a note must never be read as a row.
        usual_headings: Headings that such files may have: a second heading row may have others
            than the first.
        is_heading_row: Finds the heading row below lines about the file, such as a bank's name; the
            first line that is not empty, if it finds none.

    Raises:
        SourceError: The encoding is not supported, or the file lacks a heading row or rows.
    """
    encoding = detect_encoding(path)
    layout = _detect_layout(path, encoding, is_heading_row)

    def records(places: Sequence[int]) -> Iterator[Record]:
        return _read_records(
            path, encoding, layout, places, usual_headings, reject_doubtful=reject_doubtful
        )

    if next(records([]), None) is None:
        raise EmptyTableError("there is a heading row and nothing below it", file=path.name)
    notes: tuple[str, ...] = ()
    if encoding == "cp1252":
        notes = (say("order_notes.windows_1252"),)
    return Table(path.name, "csv", encoding, layout.headings, records, notes, strip_forged_marks)


def read_text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the non-empty lines of a text file, each with its number from 1."""
    with path.open(encoding=detect_encoding(path), newline=None) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line.strip()


class _CsvLayout(NamedTuple):
    """The lines above the heading row, the delimiter and the headings."""

    skipped: int
    delimiter: str
    headings: tuple[str, ...]


def _detect_layout(
    path: Path, encoding: str, is_heading_row: Callable[[Sequence[str]], bool] | None
) -> _CsvLayout:
    with path.open(encoding=encoding, newline="") as file:
        start = file.read(4 * MAX_CELL_LENGTH)
    found = _find_heading_line(start, is_heading_row) if is_heading_row else None
    if found is not None:
        return found
    skipped = 0
    forced = None
    lines = io.StringIO(start, newline="")
    for line in lines:
        first = line.strip().strip('"').lower()
        if first.startswith("sep=") and len(first) <= len("sep=") + 1 and forced is None:
            forced = first[len("sep=") :] or "\t"
        elif line.strip(' \t\r\n,;|"'):
            below = line + lines.read()
            break
        skipped += 1
    else:
        raise SourceError("the file is empty", file=path.name)
    if forced is not None and forced not in _DELIMITERS:
        raise SourceError(
            f"the separator {forced!r} in its first line is not known", file=path.name
        )
    best: list[str] = []
    chosen = ","
    for delimiter in (forced,) if forced else _DELIMITERS:
        with _limit_cell_size():
            try:
                row = next(csv.reader(io.StringIO(below, newline=""), delimiter=delimiter), [])
            except csv.Error:
                continue
        row = strip_trailing_empties(row)
        if len(row) > len(best):
            best, chosen = row, delimiter
    if len(best) > MAX_COLUMNS:
        raise SourceError(
            f"it has {group_thousands(len(best))} columns; at most {group_thousands(MAX_COLUMNS)} are read",
            file=path.name,
        )
    if not best:
        raise SourceError("the heading row cannot be read", file=path.name)
    return _CsvLayout(skipped, chosen, tuple(cell.strip() for cell in best))


def _find_heading_line(
    start: str, is_heading_row: Callable[[Sequence[str]], bool]
) -> _CsvLayout | None:
    lines = islice(io.StringIO(start, newline=""), MAX_LINES_ABOVE_HEADINGS)
    for number, line in enumerate(lines):
        for delimiter in _DELIMITERS:
            if delimiter not in line:
                continue
            with _limit_cell_size():
                try:
                    cells = next(csv.reader([line], delimiter=delimiter), [])
                except csv.Error:
                    continue
            headings = tuple(cell.strip() for cell in strip_trailing_empties(cells))
            if len(headings) <= MAX_COLUMNS and is_heading_row(headings):
                return _CsvLayout(number, delimiter, headings)
    return None


def _read_records(
    path: Path,
    encoding: str,
    layout: _CsvLayout,
    places: Sequence[int],
    usual_headings: Collection[str],
    *,
    reject_doubtful: bool,
) -> Iterator[Record]:
    skipped, delimiter, headings = layout
    width = len(headings)
    pick = build_cell_picker(places)
    blank = [""] * width
    watch = HeadingWatch(headings, usual_headings)
    with path.open(encoding=encoding, newline="") as file, _limit_cell_size():
        rows = read_csv_rows(islice(file, skipped, None), skipped + 1, delimiter, width, path.name)
        next(rows, None)
        for row, cells, misquoted, doubt, unfinished in rows:
            fault = misquoted or watch.check(row, cells) or (doubt if reject_doubtful else None)
            if fault:
                if misquoted or any(cells):
                    yield Record(row, pick(blank), fault, watch.parts)
            elif len(cells) == width:
                if any(cells):
                    yield Record(row, pick(watch.arrange(cells)), None, watch.parts, unfinished)
            else:
                fitted, misfit = _fit_to_headings(cells, width)
                if misfit or any(fitted):
                    yield Record(row, pick(watch.arrange(fitted)), misfit, watch.parts, unfinished)


def _fit_to_headings(cells: list[str], width: int) -> tuple[list[str], str | None]:
    filled = strip_trailing_empties(cells)
    if not filled or filled == [_END_OF_FILE]:
        return [""] * width, None
    if len(filled) > width:
        return cells[:width], say("reasons.cells_too_many", cells=len(filled), width=width)
    if len(cells) < width:
        short = say("reasons.cells_too_few", cells=len(cells), width=width)
        return cells + [""] * (width - len(cells)), short
    return cells[:width], None


@contextmanager
def _limit_cell_size() -> Iterator[None]:
    """Set the csv module's cell limit, which is global to the process, and restore it after."""
    before = csv.field_size_limit(MAX_CELL_LENGTH)
    try:
        yield
    finally:
        csv.field_size_limit(before)
