r"""Split lines into rows of cells, so that a wrong quotation mark affects no other row.

A quotation mark that is never closed, or one written as PHP writes it (`\"`), makes a reader take
the next lines for one cell. Reading then continues at the line after the row's first line, so that
every line is a row, a reject by its own number, or part of a cell that really has several lines.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import NamedTuple

from vippsrecon.errors import SourceError
from vippsrecon.sources.files.headings import strip_trailing_empties
from vippsrecon.texts import say

MAX_LINE_LENGTH = 16 * 1024 * 1024
"""Characters of a line. Each separator in it makes a cell, so that 500 MB of them would fill the memory."""

_ENDS = ("\n", "\r", '"')


class CsvRow(NamedTuple):
    """One row of cells.

    Attributes:
        number: Number of its first line.
        cells: Its cells; none if the quotation marks are at fault.
        fault: Why it has no cells.
        doubt: Why the row may be part of a cell above it, although it can be read.
        unfinished: Whether the file ends within the row, so that its last cell may be cut off.
    """

    number: int
    cells: list[str]
    fault: str | None
    doubt: str | None = None
    unfinished: bool = False


def read_csv_rows(
    lines: Iterator[str], first_number: int, delimiter: str, width: int, file: str
) -> Iterator[CsvRow]:
    r"""Yield the rows of a file's lines.

    Args:
        lines: The lines with their ends.
        first_number: Number of the first of them.
        delimiter: Between cells.
        width: Number of headings; a row of several lines that does not have as many is at fault.
        file: Name for errors.

    Raises:
        SourceError: A cell of one line is larger than the csv module's limit, or a line than
            `MAX_LINE_LENGTH`.

    >>> lines = ['1,"24\\"",x\n', '2,,x\n', '3,"a, b",x\n']
    >>> rows = read_csv_rows(iter(lines), 2, ",", 3, "")
    >>> [(row.number, row.cells, row.fault is None) for row in rows]
    [(2, [], False), (3, ['2', '', 'x'], True), (4, ['3', 'a, b', 'x'], True)]
    """
    source = _LineSource(lines, file)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    number = first_number
    doubtful_until, doubt = 0, ""
    while True:
        source.taken.clear()
        fault = None
        cells: list[str] = []
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = _explain_error(str(error), source.taken, file, number)
        if fault is None and len(source.taken) > 1:
            fault = _find_swallowed_rows(source.taken, cells, delimiter, width)
        if fault is None:
            # A cell that ends with its quotation mark is whole, with or without a line end.
            unfinished = not source.taken[-1].endswith(_ENDS)
            yield CsvRow(
                number, cells, None, doubt if number <= doubtful_until else None, unfinished
            )
            number += len(source.taken)
        else:
            yield CsvRow(number, [], fault)
            if number > doubtful_until:
                doubt = say("reasons.quote_above", row=str(number))
            doubtful_until = max(doubtful_until, number + len(source.taken) - 1)
            source.put_back_all_but_first()
            number += 1


class _LineSource:
    """Lines for a csv reader, which can be given again."""

    def __init__(self, lines: Iterator[str], file: str) -> None:
        self._lines = lines
        self._file = file
        self._again: list[str] = []
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._lines)
        if len(line) > MAX_LINE_LENGTH:
            largest = f"{MAX_LINE_LENGTH // 1024**2} MB"
            raise SourceError(f"a line is larger than {largest}", file=self._file)
        self.taken.append(line)
        return line

    def put_back_all_but_first(self) -> None:
        self._again.extend(reversed(self.taken[1:]))


def _explain_error(error: str, lines: list[str], file: str, number: int) -> str:
    if "field larger" in error and len(lines) == 1:
        raise SourceError("a cell is larger than 1 MB", file=file, row=number)
    if "unexpected end" in error or "field larger" in error:
        return say("reasons.quote_open")
    if r"\"" in lines[0]:
        return say("reasons.quote_escaped")
    return say("reasons.quote_unmatched")


def _find_swallowed_rows(
    lines: list[str], cells: list[str], delimiter: str, width: int
) -> str | None:
    """Return why the lines of one row are not one row; None if they are."""
    filled = len(strip_trailing_empties(cells))
    if len(cells) < width or filled > width:
        return say("reasons.lines_taken", lines=len(lines))
    if any(_is_row(line, delimiter, width) for line in lines[1:]):
        return say("reasons.rows_taken")
    return None


def _is_row(line: str, delimiter: str, width: int) -> bool:
    """Return whether a line alone has the cells of a row; prose has a blank after its commas."""
    count = line.count(delimiter)
    if count < width - 1 or width == 1 or line.count(f"{delimiter} ") == count:
        return False
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return False
    return len(strip_trailing_empties(cells)) <= width <= len(cells)
