"""Rows as a sheet of a workbook, and the workbook itself: for outcomes and for the auditor.

Rows are written as they come, so a sheet of a journal takes no more memory than its longest
row. Amounts become `Decimal` on the way out; texts are never taken for formulas or links.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from xlsxwriter.utility import xl_col_to_name

from vippsrecon.errors import OutputError
from vippsrecon.money import group_thousands, to_major
from vippsrecon.output_files import atomic_file
from vippsrecon.spreadsheet.layout import count_text_lines, escape_cell_text
from vippsrecon.spreadsheet.workbook_file import open_workbook

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from vippsrecon.spreadsheet.formats import WorkbookFormats

CellKind = Literal["text", "wrapped", "code", "mono", "count", "money", "moment", "date", "flag"]

MAX_SHEET_ROWS = 1_048_576
"""Rows of one sheet. Source: support.microsoft.com, Excel specifications and limits."""

WORKBOOK_SIGNATURE = b"PK\x03\x04"
"""How every workbook begins: an earlier one is kept beside a new one, anything else is not ours."""

HEADER_ROW = 3
POINTS_BETWEEN_LINES = 11.5
CHARACTERS_PER_WIDTH = 1.18
MAX_CELL_LINES = 10

_RIGHT_ALIGNED_KINDS = ("count", "money")
_FORMAT_BY_KIND = {"flag": "text", "moment": "moment", "date": "date", "count": "count"}


@dataclass(frozen=True)
class SheetColumn:
    """One column of a sheet.

    Attributes:
        name: What formulas ask for it by.
        header: What people read.
        kind: How its values are written: minor units as money, booleans as yes and no.
        width: In characters.
        about: What it says, in a few words.
        printed: Within the print area; those that are not stand last.
    """

    name: str
    header: str
    kind: CellKind = "text"
    width: float = 12
    about: str = ""
    printed: bool = True


@dataclass(frozen=True)
class WrittenSheet:
    """Where the rows of a sheet stand, for formulas on other sheets."""

    sheet: str
    columns: tuple[SheetColumn, ...]
    rows: int

    def column(self, name: str) -> int:
        """Return the place of a column, from 0."""
        return next(i for i, column in enumerate(self.columns) if column.name == name)

    def cells(self, name: str) -> str:
        """Return the cells of a column as a formula names them, also where there is no row."""
        letters = xl_col_to_name(self.column(name))
        last = HEADER_ROW + 1 + max(self.rows, 1)
        return f"'{self.sheet}'!${letters}${HEADER_ROW + 2}:${letters}${last}"

    def count_if(self, **equal: str) -> str:
        """Return a formula that counts the rows where columns equal texts."""
        return f"COUNTIFS({self._conditions(equal)})"

    def sum_if(self, name: str, **equal: str) -> str:
        """Return a formula that sums a column over the rows where columns equal texts."""
        return f"SUMIFS({self.cells(name)},{self._conditions(equal)})"

    def _conditions(self, equal: dict[str, str]) -> str:
        return ",".join(f'{self.cells(name)},"={text}"' for name, text in equal.items())


@contextmanager
def atomic_workbook(path: str | Path, kind: str, *, title: str, made_at: str) -> Iterator[Workbook]:
    """Give a workbook to fill; on leaving, it stands at `path`, whole.

    Args:
        path: Ends in .xlsx. A workbook that is there is kept as `<name>.before-1.xlsx`.
        kind: What it is, for sentences.
        title: In the file's properties.
        made_at: When what it says was made, such as 2026-01-31T23:00:00Z: the time of writing
            would make other bytes of the same.

    Raises:
        OutputError: The name is not a workbook's, or the place cannot be written.
    """
    path = Path(path)
    refuse_workbook_name(path)
    with atomic_file(path, kind, marked=WORKBOOK_SIGNATURE) as made, open_workbook(made) as book:
        created = datetime.fromisoformat(made_at).astimezone(UTC)
        book.set_properties({"title": title, "author": "vippsrecon", "created": created})
        book.set_size(2400, 1400)
        yield book


def refuse_workbook_name(path: Path) -> None:
    """Refuse a name that is not a workbook's.

    Raises:
        OutputError: It does not end in .xlsx.
    """
    if path.suffix.lower() != ".xlsx":
        raise OutputError(f"{path} is no name of a workbook: name one that ends in .xlsx")


def write_rows(
    worksheet: Worksheet,
    looks: WorkbookFormats,
    columns: Sequence[SheetColumn],
    rows: Iterable[Sequence[Any]],
    *,
    title: str,
    about: str,
    frozen: int = 0,
) -> WrittenSheet:
    """Write a sheet of rows, top to bottom, to be filtered.

    Args:
        worksheet: In constant-memory mode, nothing on it yet.
        looks: The workbook's formats.
        columns: In order, from column A. Where one is money, another is named `currency`.
        rows: Values in the columns' order.
        title: The sheet's heading.
        about: One sentence below it.
        frozen: Columns that stay in sight.

    Raises:
        OutputError: There are more rows than a sheet holds.
    """
    _write_sheet_head(worksheet, looks, columns, title, about)
    writers = [
        _choose_cell_writer(worksheet, looks, columns, place) for place in range(len(columns))
    ]
    wrapped = [
        (place, column.width) for place, column in enumerate(columns) if column.kind == "wrapped"
    ]
    currency = next((i for i, column in enumerate(columns) if column.name == "currency"), None)
    count = 0
    for count, values in enumerate(rows, start=1):
        row = HEADER_ROW + count
        if row >= MAX_SHEET_ROWS:
            raise OutputError(
                f"{title}: more than the {group_thousands(MAX_SHEET_ROWS)} rows a sheet holds; name one plan"
            )
        lines = [
            count_text_lines(values[i] or "", int(w * CHARACTERS_PER_WIDTH)) for i, w in wrapped
        ]
        if max(lines, default=1) > 1:
            worksheet.set_row(row, POINTS_BETWEEN_LINES * min(max(lines), MAX_CELL_LINES) + 5)
        paid_in = "" if currency is None else values[currency]
        for write, value in zip(writers, values, strict=True):
            if value is not None and value != "":
                write(row, value, paid_in)
    _finish_sheet(worksheet, columns, HEADER_ROW + max(count, 1), frozen)
    return WrittenSheet(worksheet.get_name(), tuple(columns), count)


def _write_sheet_head(
    worksheet: Worksheet,
    looks: WorkbookFormats,
    columns: Sequence[SheetColumn],
    title: str,
    about: str,
) -> None:
    for place, column in enumerate(columns):
        worksheet.set_column(place, place, column.width)
    worksheet.set_row(0, 22)
    worksheet.write_string(0, 0, title, looks["sheet_title"])
    worksheet.write_string(1, 0, about, looks["muted"])
    worksheet.set_row(HEADER_ROW, 28)
    for place, column in enumerate(columns):
        look = (
            looks["head_right"]
            if column.kind in _RIGHT_ALIGNED_KINDS
            else _choose_header_format(looks, columns, place)
        )
        worksheet.write_string(HEADER_ROW, place, column.header, look)


def _finish_sheet(
    worksheet: Worksheet, columns: Sequence[SheetColumn], last: int, frozen: int
) -> None:
    worksheet.freeze_panes(HEADER_ROW + 1, frozen)
    worksheet.autofilter(HEADER_ROW, 0, last, len(columns) - 1)
    worksheet.repeat_rows(HEADER_ROW)
    worksheet.ignore_errors({"number_stored_as_text": f"A1:XFD{last + 1}"})
    worksheet.print_area(0, 0, last, sum(column.printed for column in columns) - 1)


def _choose_header_format(
    looks: WorkbookFormats, columns: Sequence[SheetColumn], place: int
) -> Format:
    indented = _is_after_number(columns, place) or columns[place].kind == "wrapped"
    return looks.get_indented("head") if indented else looks["head"]


def _is_after_number(columns: Sequence[SheetColumn], place: int) -> bool:
    return (
        place > 0
        and columns[place - 1].kind in _RIGHT_ALIGNED_KINDS
        and columns[place].kind not in _RIGHT_ALIGNED_KINDS
    )


def _choose_cell_writer(
    worksheet: Worksheet, looks: WorkbookFormats, columns: Sequence[SheetColumn], place: int
) -> Callable[[int, Any, str], object]:
    kind = columns[place].kind
    if kind == "money":
        look = looks.money()
        return lambda row, value, currency: worksheet.write_number(
            row, place, to_major(value, currency), look
        )
    name = _FORMAT_BY_KIND.get(kind, kind)
    look = looks.get_indented(name) if _is_after_number(columns, place) else looks[name]
    if kind == "count":
        return lambda row, value, _: worksheet.write_number(row, place, value, look)
    if kind in ("moment", "date"):
        return lambda row, value, _: worksheet.write_datetime(
            row, place, _drop_timezone(value), look
        )
    if kind == "flag":
        return lambda row, value, _: worksheet.write_string(
            row, place, "yes" if value else "no", look
        )
    return lambda row, value, _: worksheet.write_string(row, place, escape_cell_text(value), look)


def _drop_timezone(moment: Any) -> Any:
    """Return a moment as Excel has them: without a zone, UTC."""
    return moment.replace(tzinfo=None) if isinstance(moment, datetime) else moment
