"""Find out whether a person has worked in an existing report.

Owners, decisions, notes and signatures are stored only in the workbook. A run that would replace
such a workbook renames it first, to `report.before-1.xlsx`: see `output_files.atomic_report`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vippsrecon.input_files import check_input_file
from vippsrecon.sources.files.archive import check_archive
from vippsrecon.texts import LANGUAGES, list_texts_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DISCREPANCIES_RANGE_NAME = "discrepancies_rows"
"""Defined name of the cells of *Discrepancies*, including the header and hidden columns."""

SIGN_OFF_RANGE_NAME = "sign_off"
"""Defined name of the cells for names, dates and initials. They are on *Summary*; earlier versions had
them on *Controls*."""

_INPUT_COLUMNS = ("owner", "decision", "note")
"""Columns of *Discrepancies* that people fill in."""


def has_manual_entries(path: Path) -> bool:
    """Return whether a person filled in cells of the workbook at `path`.

    True also for a file that cannot be read as a report of this toolkit: it belongs to somebody.
    A run asks twice, before it compares and before it replaces the file; the file is read again
    only if it was written in between.
    """
    try:
        status = path.stat()
    except OSError:
        return True
    return _read_manual_entries(path, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _read_manual_entries(path: Path, _inode: int, _size: int, _modified: int) -> bool:
    import warnings

    from openpyxl import load_workbook

    try:
        check_input_file(path)
        check_archive(path)
        with path.open("rb") as file, warnings.catch_warnings():
            # openpyxl warns about features it drops (printer settings, pictures); only cells count.
            warnings.simplefilter("ignore")
            book = load_workbook(file, read_only=True, data_only=True)
            try:
                return _contains_entries(book)
            finally:
                book.close()
    except MemoryError:
        raise
    except Exception:  # The file may be anything, and each kind fails with another error.
        return True


def _contains_entries(book: Any) -> bool:
    rows = _read_named_range(book, DISCREPANCIES_RANGE_NAME)
    head = next(rows)
    input_columns = [head.index(heading) for heading in _find_input_headings(head)]
    if any(row[column] not in (None, "") for row in rows for column in input_columns):
        return True
    return any(
        value not in (None, "")
        for row in _read_named_range(book, SIGN_OFF_RANGE_NAME)
        for value in row
    )


def _find_input_headings(head: Sequence[Any]) -> list[str]:
    """Return the headings of the columns that people fill in, in the language of the report."""
    for language in LANGUAGES:
        headings = list_texts_in("columns.discrepancies", language)
        found = [headings[f"{name}.heading"] for name in _INPUT_COLUMNS]
        if set(found) <= set(head):
            return found
    raise ValueError("no columns that people fill in")


def _read_named_range(book: Any, name: str) -> Iterator[tuple[Any, ...]]:
    from openpyxl.utils import range_boundaries

    [(sheet, cells)] = book.defined_names[name].destinations
    left, top, right, bottom = range_boundaries(cells)
    rows: Iterator[tuple[Any, ...]] = book[sheet].iter_rows(
        min_row=top, max_row=bottom, min_col=left, max_col=right, values_only=True
    )
    return rows
