"""A report that is already there: a person may have worked in it, and that is never lost.

Owners, decisions, notes and signatures exist nowhere but in the workbook. A run that would
replace one holding any of them moves it aside first, to `report.before-1.xlsx`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DISCREPANCIES_RANGE_NAME = "discrepancies_rows"
"""Name of the cells of *Discrepancies*, header and hidden columns included."""

SIGN_OFF_RANGE_NAME = "sign_off"
"""Name of the cells on *Controls* that people sign in."""

INPUT_HEADINGS = ("Owner", "Decision", "Note")
"""Headings of the columns of *Discrepancies* that are people's."""


def has_manual_entries(path: Path) -> bool:
    """Return whether a person filled in cells of the workbook at `path`.

    What cannot be read as a report of ours counts as worked in: it is somebody's.
    """
    import warnings

    from openpyxl import load_workbook

    try:
        with path.open("rb") as file, warnings.catch_warnings():
            # What openpyxl does not keep of a workbook (printers, pictures) is not asked for.
            warnings.simplefilter("ignore")
            book = load_workbook(file, read_only=True, data_only=True)
            try:
                return _contains_entries(book)
            finally:
                book.close()
    except MemoryError:
        raise
    except Exception:  # Any file may stand there, and each breaks in its own way.
        return True


def _contains_entries(book: Any) -> bool:
    rows = _read_named_range(book, DISCREPANCIES_RANGE_NAME)
    head = next(rows)
    mine = [head.index(name) for name in INPUT_HEADINGS]
    if any(row[place] not in (None, "") for row in rows for place in mine):
        return True
    return any(
        value not in (None, "")
        for row in _read_named_range(book, SIGN_OFF_RANGE_NAME)
        for value in row
    )


def _read_named_range(book: Any, name: str) -> Iterator[tuple[Any, ...]]:
    from openpyxl.utils import range_boundaries

    [(sheet, cells)] = book.defined_names[name].destinations
    left, top, right, bottom = range_boundaries(cells)
    found: Iterator[tuple[Any, ...]] = book[sheet].iter_rows(
        min_row=top, max_row=bottom, min_col=left, max_col=right, values_only=True
    )
    return found


def find_backup_path(path: Path) -> Path:
    """Return the first free name beside `path` for what stands there now."""
    n = 1
    while (kept := path.with_name(f"{path.stem}.before-{n}{path.suffix}")).exists():
        n += 1
    return kept
