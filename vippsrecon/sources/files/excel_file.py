"""Excel workbooks as tables: through calamine, and through openpyxl where that gives up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from vippsrecon.errors import SourceError
from vippsrecon.money import group_thousands
from vippsrecon.sources.files.cells import format_cell, format_cells
from vippsrecon.sources.files.detect import MAX_CELL_LENGTH, MAX_COLUMNS
from vippsrecon.sources.files.headings import strip_trailing_empties
from vippsrecon.sources.files.table import NATIVE_MARK, Record, Table, build_cell_picker


class Sheet(NamedTuple):
    """The sheet that is read: its name, its first row's number, and its rows."""

    name: str
    first_row: int
    rows: Iterable[Sequence[Any]]


def open_excel_table(path: Path) -> Table:
    """Open the first visible sheet of a workbook that holds anything.

    A number keeps the digits Excel shows for it at full precision, a date is a date: both are
    marked with `tables.NATIVE_MARK`, so that no profile's decimal mark is applied to them.

    Raises:
        SourceError: Neither reader can open it, or there is no heading row, or no row below.
    """
    sheet, others = _open_first_sheet(path)
    above = 0
    for cells in sheet.rows:
        headings = strip_trailing_empties([format_cell(cell) for cell in cells])
        if headings:
            break
        above += 1
    else:
        raise SourceError("the workbook is empty", file=path.name)
    if len(headings) > MAX_COLUMNS:
        raise SourceError(
            f"it has {group_thousands(len(headings))} columns; at most {group_thousands(MAX_COLUMNS)} are read",
            file=path.name,
        )
    width = len(headings)
    named = tuple(heading.removeprefix(NATIVE_MARK).strip() for heading in headings)

    def records(places: Sequence[int]) -> Iterator[Record]:
        first = sheet.first_row + above + 1
        return _read_records(islice(sheet.rows, above + 1, None), first, width, places)

    def short_texts(cells: Sequence[Any]) -> pl.Series:
        made = format_cells(cells)
        if (made.str.len_chars() > MAX_CELL_LENGTH).any():
            raise SourceError("a cell is larger than 1 MB", file=path.name)
        return made

    if next(records(range(width)), None) is None:
        raise SourceError("there is a heading row and nothing below it", file=path.name)
    notes = [f"the sheet read is {sheet.name!r}; {others} more hold something"] if others else []
    return Table(path.name, "xlsx", "", named, records, tuple(notes), short_texts)


def _read_records(
    rows: Iterable[Sequence[Any]], first: int, width: int, places: Sequence[int]
) -> Iterator[Record]:
    pick = build_cell_picker(places)
    for number, row in enumerate(rows, start=first):
        cells = row if len(row) >= width else [*row, *[""] * (width - len(row))]
        if any(cells) or any(cell not in ("", None) for cell in cells):
            fault = None
            if len(cells) > width and any(cell not in ("", None) for cell in cells[width:]):
                fault = "the row has cells to the right of the last heading"
            yield Record(number, pick(cells), fault)


class _OpenpyxlRows:
    """Rows of a sheet through openpyxl, from the first at every iteration."""

    def __init__(self, sheet: Any) -> None:
        self.sheet = sheet

    def __iter__(self) -> Iterator[Sequence[Any]]:
        return iter(self.sheet.iter_rows(values_only=True))


class _CalamineRows:
    """Rows of a sheet through calamine, from the first at every iteration."""

    def __init__(self, sheet: Any) -> None:
        self.sheet = sheet

    def __iter__(self) -> Iterator[Sequence[Any]]:
        return iter(self.sheet.iter_rows())


def _open_first_sheet(path: Path) -> tuple[Sheet, int]:
    """Return the sheet to read and how many other sheets hold anything."""
    for reader in (_open_with_calamine, _open_with_openpyxl):
        try:
            sheets = reader(path)
        # Both readers are fed files from anywhere and raise whatever they meet; calamine's
        # panics do not even derive from Exception.
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException:
            continue
        if sheets:
            return sheets[0], len(sheets) - 1
        raise SourceError("the workbook is empty", file=path.name)
    raise SourceError("the workbook cannot be opened; save it anew, or as CSV", file=path.name)


def _open_with_calamine(path: Path) -> list[Sheet]:
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    found = []
    with CalamineWorkbook.from_path(str(path)) as workbook:
        for about in workbook.sheets_metadata:
            if about.visible != SheetVisibleEnum.Visible or about.typ != SheetTypeEnum.WorkSheet:
                continue
            sheet = workbook.get_sheet_by_name(about.name)
            if sheet.start is not None:
                found.append(Sheet(about.name, 1, _CalamineRows(sheet)))
    return found


def _open_with_openpyxl(path: Path) -> list[Sheet]:
    import warnings

    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        workbook = load_workbook(path, read_only=False, data_only=True)
    return [
        Sheet(sheet.title, 1, _OpenpyxlRows(sheet))
        for sheet in workbook.worksheets
        if sheet.sheet_state == "visible" and sheet.max_row and sheet["A1"] is not None
    ]
