"""Open Excel workbooks as tables, with calamine, or with openpyxl if calamine fails."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from vippsrecon.errors import EmptyTableError, SourceError
from vippsrecon.money import group_thousands
from vippsrecon.sources.files.archive import MAX_SHEET_CELLS
from vippsrecon.sources.files.csv_file import MAX_LINES_ABOVE_HEADINGS
from vippsrecon.sources.files.detect import MAX_CELL_LENGTH, MAX_COLUMNS
from vippsrecon.sources.files.headings import strip_trailing_empties
from vippsrecon.sources.files.repeated_headings import HeadingWatch
from vippsrecon.sources.files.table import (
    NATIVE_MARK,
    Record,
    Table,
    build_cell_picker,
)
from vippsrecon.sources.files.workbook.cell_texts import format_cell, format_cells
from vippsrecon.sources.files.workbook.sheet_details import Formula, read_sheet_details
from vippsrecon.texts import say


class Sheet(NamedTuple):
    """The sheet to read: its name, the number of its first row, and its rows."""

    name: str
    first_row: int
    rows: Iterable[Sequence[Any]]


_REPORT_TITLE = "Reconciliation of orders and payments"
"""First cell of a report's first sheet, which is not imported from `report`: that is a layer above."""


def open_excel_table(
    path: Path,
    *,
    usual_headings: Collection[str] = (),
    is_heading_row: Callable[[Sequence[str]], bool] | None = None,
) -> Table:
    """Open the first visible sheet of a workbook that is not empty.

    With `is_heading_row`, the first sheet with such a row in its first lines, if there is one.

    Numbers keep the digits that Excel shows at full precision. Numbers and dates are marked with
    `NATIVE_MARK`, so no profile's decimal mark is applied to them. For `usual_headings`, see
    `open_csv_table`.

    Raises:
        SourceError: Neither reader can open it, or it lacks a heading row or rows.
    """
    sheets = _open_sheets(path)
    others = len(sheets) - 1
    found = _find_heading_row(sheets, is_heading_row) if is_heading_row else None
    sheet, above, headings = found or _find_first_row(sheets[0])
    if not headings:
        raise SourceError("the workbook is empty", file=path.name)
    if _REPORT_TITLE in headings:
        raise SourceError(
            "this is a report of vippsrecon; make a plan from it with vippsrecon plan refunds "
            f"--from-report {path.name}",
            file=path.name,
        )
    if len(headings) > MAX_COLUMNS:
        raise SourceError(
            f"it has {group_thousands(len(headings))} columns; at most {group_thousands(MAX_COLUMNS)} are read",
            file=path.name,
        )
    width = len(headings)
    details = read_sheet_details(path, sheet.name)
    waiting = details.formulas if details else {}
    named = tuple(heading.removeprefix(NATIVE_MARK).strip() for heading in headings)

    def records(places: Sequence[int]) -> Iterator[Record]:
        first = sheet.first_row + above + 1
        rows = _put_formulas(islice(sheet.rows, above + 1, None), first, waiting)
        return _read_records(rows, first, named, places, usual_headings)

    def short_texts(cells: Sequence[Any]) -> pl.Series:
        texts = format_cells(cells)
        if (texts.str.len_chars() > MAX_CELL_LENGTH).any():
            raise SourceError("a cell is larger than 1 MB", file=path.name)
        return texts

    if next(records(range(width)), None) is None:
        raise EmptyTableError("there is a heading row and nothing below it", file=path.name)
    notes = []
    if others:
        notes = [say("order_notes.sheet_read", sheet=repr(sheet.name), others=str(others))]
    hidden: tuple[int, ...] | None = None if details is None else ()
    if details and details.hidden_rows:
        hidden = tuple(record.row for record in records([]) if record.row in details.hidden_rows)
    return Table(path.name, "xlsx", "", named, records, tuple(notes), short_texts, hidden)


def _put_formulas(
    rows: Iterable[Sequence[Any]], first: int, waiting: dict[int, dict[int, Formula]]
) -> Iterable[Sequence[Any]]:
    """Return the rows with their formulas instead of the values that no program has computed yet."""
    if not waiting:
        return rows
    return (
        _put_in_row(row, waiting[number]) if number in waiting else row
        for number, row in enumerate(rows, start=first)
    )


def _put_in_row(row: Sequence[Any], formulas: dict[int, Formula]) -> Sequence[Any]:
    cells = [*row, *[""] * (max(formulas) + 1 - len(row))]
    for column, formula in formulas.items():
        cells[column] = formula
    return cells


def _read_records(
    rows: Iterable[Sequence[Any]],
    first: int,
    headings: Sequence[str],
    places: Sequence[int],
    usual_headings: Collection[str],
) -> Iterator[Record]:
    pick = build_cell_picker(places)
    watch = HeadingWatch(headings, usual_headings)
    width = len(headings)
    blank = [""] * width
    for number, row in enumerate(rows, start=first):
        cells = row if len(row) >= width else [*row, *[""] * (width - len(row))]
        if any(cells) or any(cell not in ("", None) for cell in cells):
            fault = watch.check(number, cells)
            if fault:
                yield Record(number, pick(blank), fault, watch.parts)
                continue
            if len(cells) > width and any(cell not in ("", None) for cell in cells[width:]):
                fault = say("reasons.cells_beyond")
            yield Record(number, pick(watch.arrange(cells)), fault, watch.parts)


def _find_first_row(sheet: Sheet) -> tuple[Sheet, int, list[str]]:
    """Return the sheet, the number of empty rows at its top, and the cells of the row below them."""
    for above, cells in enumerate(sheet.rows):
        headings = strip_trailing_empties([format_cell(cell) for cell in cells])
        if headings:
            return sheet, above, headings
    return sheet, 0, []


def _find_heading_row(
    sheets: Sequence[Sheet], is_heading_row: Callable[[Sequence[str]], bool]
) -> tuple[Sheet, int, list[str]] | None:
    for sheet in sheets:
        for above, cells in enumerate(islice(sheet.rows, MAX_LINES_ABOVE_HEADINGS)):
            headings = strip_trailing_empties([format_cell(cell) for cell in cells])
            if is_heading_row(headings):
                return sheet, above, headings
    return None


class _OpenpyxlRows:
    """Rows of a sheet through openpyxl, from the first at every iteration."""

    def __init__(self, sheet: Any) -> None:
        self.sheet = sheet

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for row in self.sheet.iter_rows(values_only=True):
            yield [_drop_midnight(cell) for cell in row]


def _drop_midnight(cell: Any) -> Any:
    """Return a day for a time at midnight: openpyxl gives both as times, calamine does not."""
    if type(cell) is dt.datetime and cell.time() == dt.time.min:
        return cell.date()
    return cell


class _CalamineRows:
    """Rows of a sheet through calamine, from the first at every iteration."""

    def __init__(self, sheet: Any) -> None:
        self.sheet = sheet

    def __iter__(self) -> Iterator[Sequence[Any]]:
        return iter(self.sheet.iter_rows())


def _open_sheets(path: Path) -> list[Sheet]:
    """Return the visible sheets that are not empty."""
    for reader in (_open_with_calamine, _open_with_openpyxl):
        try:
            sheets = reader(path)
        # Both readers may raise anything on a malformed file; calamine's panics do not even
        # derive from Exception.
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException:
            continue
        if sheets:
            return sheets
        raise SourceError("the workbook is empty", file=path.name)
    raise SourceError(
        "the workbook cannot be opened; save it again in Excel, or as CSV", file=path.name
    )


def _open_with_calamine(path: Path) -> list[Sheet]:
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    sheets = []
    with CalamineWorkbook.from_path(str(path)) as workbook:
        for about in workbook.sheets_metadata:
            if about.visible != SheetVisibleEnum.Visible or about.typ != SheetTypeEnum.WorkSheet:
                continue
            sheet = workbook.get_sheet_by_name(about.name)
            if sheet.start is not None:
                sheets.append(Sheet(about.name, 1, _CalamineRows(sheet)))
    return sheets


def _open_with_openpyxl(path: Path) -> list[Sheet]:
    import warnings

    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        workbook = load_workbook(path, read_only=False, data_only=True)
    # The archive was measured as the usual reader counts cells; this one counts empty cells too.
    if sum(sheet.max_row * sheet.max_column for sheet in workbook.worksheets) > MAX_SHEET_CELLS:
        return []
    return [
        Sheet(sheet.title, 1, _OpenpyxlRows(sheet))
        for sheet in workbook.worksheets
        if sheet.sheet_state == "visible" and sheet.max_row and sheet["A1"] is not None
    ]
