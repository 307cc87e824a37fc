"""Describe the columns of a sheet: headings, kinds of values, widths, and the format of each cell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from vippsrecon.spreadsheet.formats import WorkbookFormats

TableColumnKind = Literal[
    "text",
    "wrapped",
    "code",
    "mono",
    "flag",
    "count",
    "money",
    "moment",
    "day",
    "date",
    "input",
    "link",
]


NUMBER_KINDS = ("count", "money")


_FORMAT_BY_KIND = {"flag": "text", "day": "date"}


@dataclass(frozen=True)
class TableColumn:
    """One column of a sheet.

    Attributes:
        header: The heading on the sheet.
        name: The frame's column; one that people fill in may be missing in the frame.
        kind: How values are written: minor units as money, moments in UTC, days in local time,
            flags as yes or no. A link is a formula made by `spreadsheet.links`, never a text from data.
        width: In characters.
        about: What the column means, for the glossary on Controls.
        hidden: Needed only to read the workbook back.
        printed: Whether the column is in the print area, which has to fit on A4. Columns that
            are not printed come last.
        link_text: What the cells of a link show.
    """

    header: str
    name: str
    kind: TableColumnKind = "text"
    width: float = 12
    about: str = ""
    hidden: bool = False
    printed: bool = True
    link_text: str = ""


_WIDTH_PER_CHARACTER = 0.95
"""Arial 9 in the unit of a column's width, which is a digit of the standard font."""


def fit_column_widths(
    columns: Sequence[TableColumn],
    data: pl.DataFrame,
    limits: Mapping[str, tuple[float, float]],
) -> tuple[TableColumn, ...]:
    """Return the columns, some of them as wide as their longest value.

    Args:
        columns: In order.
        data: The rows.
        limits: Column name to the least and the greatest width, for each column to fit.
    """
    fitted = []
    for column in columns:
        if column.name in limits:
            least, most = limits[column.name]
            characters = _count_longest(data, column)
            needed = characters * _WIDTH_PER_CHARACTER + 1
            column = replace(column, width=min(max(needed, least), most))  # noqa: PLW2901
        fitted.append(column)
    return tuple(fitted)


def _count_longest(data: pl.DataFrame, column: TableColumn) -> int:
    values = data[column.name].drop_nulls()
    if values.is_empty():
        return 0
    if column.kind == "money":
        # Digits with separators, two decimals, sign and currency.
        return max(len(f"{minor // 100:,}.00 NOK") for minor in (values.min(), values.max()))  # type: ignore[operator]
    return int(values.cast(pl.String).str.len_chars().max())  # type: ignore[arg-type]


def set_column_widths(worksheet: Worksheet, columns: Sequence[TableColumn]) -> None:
    """Set the width of each column, and hide the hidden ones."""
    for place, column in enumerate(columns):
        options = {"hidden": True} if column.hidden else {}
        worksheet.set_column(place, place, column.width, None, options)


def choose_header_formats(columns: Sequence[TableColumn], formats: WorkbookFormats) -> list[Format]:
    """Return the format of each heading: to the right above numbers, indented beside them."""
    after_numbers = find_columns_after_numbers(columns)
    header_formats = []
    for place, column in enumerate(columns):
        if column.kind in NUMBER_KINDS:
            header_formats.append(formats["head_right"])
        elif place in after_numbers or column.kind == "wrapped":
            header_formats.append(formats.get_indented("head"))
        else:
            header_formats.append(formats["head"])
    return header_formats


def choose_cell_format(
    columns: Sequence[TableColumn], place: int, formats: WorkbookFormats, currency: str = ""
) -> Format:
    """Return the format of the cells of the column at `place`.

    Args:
        columns: All columns of the sheet, in order.
        place: From 0.
        formats: The workbook's formats.
        currency: Shown behind amounts; "" for none.
    """
    kind = columns[place].kind
    if kind == "money":
        return formats.money(currency)
    name = _FORMAT_BY_KIND.get(kind, kind)
    return (
        formats.get_indented(name)
        if place in find_columns_after_numbers(columns)
        else formats[name]
    )


def find_columns_after_numbers(columns: Sequence[TableColumn]) -> set[int]:
    """Return the places of left-aligned columns that follow a right-aligned one.

    They are indented, or their text would touch the number before it.
    """
    return {
        place
        for place, (before, column) in enumerate(pairwise(columns), start=1)
        if before.kind in NUMBER_KINDS and column.kind not in NUMBER_KINDS
    }
