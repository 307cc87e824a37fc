"""Write rows that arrive one by one as a sheet, for plans, outcomes and the journal's extract.

`table` writes the cells; here each row is converted as it arrives, so a sheet of a journal takes no
more memory than its longest row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon.errors import OutputError
from vippsrecon.money import group_thousands, to_major
from vippsrecon.output_files import atomic_file, refuse_workbook_name
from vippsrecon.spreadsheet.columns import (
    TableColumn,
    TableColumnKind,
    choose_cell_format,
    choose_header_formats,
    set_column_widths,
)
from vippsrecon.spreadsheet.layout import escape_cell_text
from vippsrecon.spreadsheet.ranges import SheetRanges
from vippsrecon.spreadsheet.table import EXCEL_MAX_ROWS, HEADER_HEIGHT, finish_sheet, write_cells
from vippsrecon.spreadsheet.workbook_file import open_workbook

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

    from vippsrecon.spreadsheet.formats import WorkbookFormats

CellKind = TableColumnKind

WORKBOOK_SIGNATURE = b"PK\x03\x04"
"""First bytes of every workbook. An existing file that starts otherwise is never replaced."""

HEADER_ROW = 3
MAX_CELL_LINES = 10


class SheetColumn(TableColumn):
    """A column of a sheet of arriving rows. Formulas refer to it by `name`."""

    def __init__(  # noqa: PLR0917 - a table of columns is read by position
        self,
        name: str,
        header: str,
        kind: CellKind = "text",
        width: float = 12,
        about: str = "",
        printed: bool = True,
    ) -> None:
        """Name first, because rows have no frame whose columns would name them."""
        super().__init__(header, name, kind, width, about, printed=printed)


@dataclass(frozen=True)
class WrittenSheet(SheetRanges):
    """The position of the rows of a written sheet, for formulas on other sheets."""

    sheet: str
    columns: tuple[SheetColumn, ...]
    rows: int
    head_row: int = HEADER_ROW


@contextmanager
def atomic_workbook(path: str | Path, kind: str, *, title: str, made_at: str) -> Iterator[Workbook]:
    """Yield a workbook to fill; on success, move it to `path`.

    Args:
        path: Ends in .xlsx. An existing workbook is renamed to `<name>.before-1.xlsx`.
        kind: What the workbook is, for error messages.
        title: Title in the file's properties.
        made_at: Creation time in the file's properties, such as 2026-01-31T23:00:00Z. Not the
            time of writing: the same content must give the same bytes.

    Raises:
        OutputError: The name does not end in .xlsx, or the path cannot be written.
    """
    path = Path(path)
    refuse_workbook_name(path)
    with (
        atomic_file(path, kind, marked=WORKBOOK_SIGNATURE) as temporary,
        open_workbook(temporary) as book,
    ):
        created = datetime.fromisoformat(made_at).astimezone(UTC)
        book.set_properties({"title": title, "author": "vippsrecon", "created": created})
        book.set_size(2400, 1400)
        yield book


def write_sheet(
    worksheet: Worksheet,
    formats: WorkbookFormats,
    columns: Sequence[SheetColumn],
    rows: Iterable[Sequence[Any]],
    *,
    title: str,
    about: str,
    frozen: int = 0,
) -> WrittenSheet:
    """Write a sheet of rows with a filter, from top to bottom.

    Args:
        worksheet: Empty, in constant-memory mode.
        formats: The workbook's formats.
        columns: In order, from column A. If one is money, another must be named `currency`.
        rows: Values in the order of the columns.
        title: Heading of the sheet.
        about: One sentence below it.
        frozen: Number of columns that stay visible.

    Raises:
        OutputError: There are more rows than a sheet holds.
    """
    _write_sheet_head(worksheet, formats, columns, title, about)
    column_formats = [choose_cell_format(columns, place, formats) for place in range(len(columns))]
    count = write_cells(
        worksheet,
        HEADER_ROW + 1,
        columns,
        _convert_rows(columns, rows, title),
        {"": column_formats},
        max_lines=MAX_CELL_LINES,
    )
    last_row = HEADER_ROW + max(count, 1)
    finish_sheet(worksheet, columns, head_row=HEADER_ROW, last_row=last_row, frozen=frozen)
    worksheet.repeat_rows(HEADER_ROW)
    return WrittenSheet(worksheet.get_name(), tuple(columns), count)


def _write_sheet_head(
    worksheet: Worksheet,
    formats: WorkbookFormats,
    columns: Sequence[SheetColumn],
    title: str,
    about: str,
) -> None:
    set_column_widths(worksheet, columns)
    worksheet.set_row(0, 22)
    worksheet.write_string(0, 0, title, formats["sheet_title"])
    worksheet.write_string(1, 0, about, formats["muted"])
    worksheet.set_row(HEADER_ROW, HEADER_HEIGHT)
    for place, cell_format in enumerate(choose_header_formats(columns, formats)):
        worksheet.write_string(HEADER_ROW, place, columns[place].header, cell_format)


def _convert_rows(
    columns: Sequence[SheetColumn], rows: Iterable[Sequence[Any]], title: str
) -> Iterator[tuple[list[Any], str]]:
    """Yield each row's values as cells hold them, with no currency: all amounts look the same."""
    converters = [_CELL_CONVERTERS.get(column.kind, _convert_text) for column in columns]
    currency_place = next((i for i, c in enumerate(columns) if c.name == "currency"), None)
    for count, values in enumerate(rows, start=1):
        if HEADER_ROW + count >= EXCEL_MAX_ROWS:
            raise OutputError(
                f"{title}: more rows than the {group_thousands(EXCEL_MAX_ROWS)} of one sheet. "
                "Name one plan to write fewer rows."
            )
        currency = "" if currency_place is None else values[currency_place]
        yield (
            [
                None if value is None or value == "" else convert(value, currency)
                for convert, value in zip(converters, values, strict=True)
            ],
            "",
        )


def _convert_text(text: str, _currency: str) -> str:
    return escape_cell_text(text)


def _convert_moment(moment: datetime, _currency: str) -> float:
    # Excel has no time zones: the heading says UTC.
    return (moment.replace(tzinfo=None) - _EXCEL_DAY_0) / timedelta(days=1)


def _convert_date(day: date, _currency: str) -> int:
    return (day - _EXCEL_DAY_0.date()).days


_EXCEL_DAY_0 = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel has no time zones
_CELL_CONVERTERS: dict[str, Callable[[Any, str], Any]] = {
    "money": to_major,
    "count": lambda number, _: number,
    "flag": lambda flag, _: "yes" if flag else "no",
    "moment": _convert_moment,
    "date": _convert_date,
}
