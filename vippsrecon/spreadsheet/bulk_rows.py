"""Write the rows of a large table in bulk: one text per row, made column by column with Polars.

XlsxWriter takes one call per cell, and a month of 50,000 payments has about four million cells:
nearly all the time of a report. In constant-memory mode XlsxWriter appends the XML of each row to a
file. `append_rows` appends the same XML, character by character, in a fraction of the time.
XlsxWriter still makes everything else: formats, formulas, headings, filters, drop-downs, charts.

XlsxWriter has no public way to do this. Its private names are used only in this module. A caller
asks `can_append_rows` first, then has XlsxWriter write one row and compares it with `flush_row`:
a version of XlsxWriter that differs in any way gets its rows cell by cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from xlsxwriter.utility import xl_col_to_name

from vippsrecon.money import COMMON_DECIMALS
from vippsrecon.spreadsheet.layout import MAX_CELL_TEXT_LENGTH
from vippsrecon.texts import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from vippsrecon.spreadsheet.columns import TableColumn, TableColumnKind

_PRIVATE_NAMES = ("row_data_fh", "table", "_write_single_row", "_check_dimensions")
_MAX_EXACT_NUMBER = 2**53
"""XlsxWriter rounds larger numbers. It writes their rows itself, so that every file is the same."""

_UNUSUAL_TEXT = r"[\x00-\x08\x0B-\x1F\x{FFFE}\x{FFFF}]|_x[0-9A-Fa-f]{4}_|^<r>"
"""Texts that XlsxWriter escapes in its own way, or takes for rich text."""
_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
_OUTER_SPACE = r"^\s|\s$"

_WHOLE_NUMBERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.Null)
_DAYS_BEFORE_1970 = 25_569
_MICROSECONDS_A_DAY = 86_400_000_000


def to_excel_days(values: pl.Series) -> pl.Series:
    """Convert dates, or days since 1970, to Excel's day numbers.

    >>> to_excel_days(pl.Series([0])).to_list()
    [25569]
    """
    return values.cast(pl.Int32) + _DAYS_BEFORE_1970


def to_excel_moments(values: pl.Series) -> pl.Series:
    """Convert UTC times to Excel's day numbers, whose fraction is the time of day."""
    return values.dt.timestamp("us") / _MICROSECONDS_A_DAY + _DAYS_BEFORE_1970


def can_append_rows(worksheet: Worksheet) -> bool:
    """Return whether the sheet has the private names of XlsxWriter's constant-memory mode."""
    return bool(getattr(worksheet, "constant_memory", False)) and all(
        getattr(worksheet, name, None) is not None for name in _PRIVATE_NAMES
    )


def flush_row(worksheet: Worksheet, row: int) -> str:
    """Write the row that XlsxWriter still holds in memory, and return its XML.

    Args:
        worksheet: `can_append_rows`.
        row: The next row, from 0.
    """
    sheet: Any = worksheet  # The type stubs leave out private names.
    start = sheet.row_data_fh.tell()
    sheet._write_single_row(row)
    sheet.row_data_fh.seek(start)
    xml: str = sheet.row_data_fh.read()
    sheet.row_data_fh.seek(0, 2)
    return xml


def append_rows(worksheet: Worksheet, first_row: int, last_column: int, rows: pl.Series) -> None:
    """Append rows made by `build_rows`.

    Args:
        worksheet: `can_append_rows`, with nothing written at or below `first_row`.
        first_row: From 0.
        last_column: The last column of the table, from 0.
        rows: The XML of each row, in order, without nulls.
    """
    sheet: Any = worksheet
    last_row = first_row + rows.len() - 1
    for row, column in ((first_row, 0), (last_row, last_column)):
        sheet._check_dimensions(row, column)
    # Write the row that XlsxWriter still holds, and continue below the rows appended here.
    sheet._write_single_row(last_row + 1)
    sheet.row_data_fh.write(rows.str.join("").item())


def build_rows(
    data: pl.DataFrame,
    columns: Sequence[TableColumn],
    first_row: int,
    row_formats: Mapping[str, Sequence[Format | None]],
    high_rows: pl.Series,
) -> pl.Series:
    """Return the XML of each row, null for a row that XlsxWriter has to write itself.

    Those are rows with their own height, without any cell, with a filled cell of the kind "input", or
    with a text or number that XlsxWriter changes; and all rows, if a column holds values of an
    unexpected type.

    Args:
        data: The rows, with a column for each named in `columns`.
        columns: In order, from column A.
        first_row: Row of the first, from 0.
        row_formats: Currency to the format of each column; "" for any other currency.
        high_rows: Whether each row has its own height.
    """
    if not all(_is_expected(data[c.name].dtype, c.kind) for c in columns if c.kind != "input"):
        return pl.repeat(None, data.height, dtype=pl.String, eager=True)
    numbers = pl.int_range(
        first_row + 1, first_row + 1 + data.height, dtype=pl.Int64, eager=True
    ).cast(pl.String)
    writer_needed = high_rows
    pieces: list[Any] = ['<row r="', numbers, '">']
    has_cells = False
    for place, column in enumerate(columns):
        start = f'<c r="{xl_col_to_name(place)}'
        if column.kind == "input":
            input_format = row_formats[""][place]
            if input_format is not None:
                pieces += [start, numbers, f'" s="{_get_style(input_format)}"/>']
                has_cells = True
            if column.name in data.columns:
                writer_needed = writer_needed | data[column.name].is_not_null()
            continue
        cell = [start, numbers, '"', *_build_style(data, place, row_formats)]
        values = data[column.name]
        if column.kind in _NUMBER_TEXTS:
            if column.kind in ("money", "count"):
                writer_needed = writer_needed | _find_long_numbers(values)
            texts = _NUMBER_TEXTS[column.kind](values)
            cell += ["><v>", texts, "</v></c>"]
        elif column.kind == "link":
            texts = values.cast(pl.String)
            shown = _escape(column.link_text)
            cell += [' t="str"><f>', _escape_texts(texts), f"</f><v>{shown}</v></c>"]
        else:
            texts = _build_texts(values)
            writer_needed = writer_needed | _find_unusual_texts(texts)
            cell += [*_build_text_start(texts), _escape_texts(texts), "</t></is></c>"]
        # One concatenation of everything is fastest, but a null in it would empty the whole row.
        pieces += [_concatenate(cell).fill_null("")] if texts.null_count() else cell
        has_cells = has_cells or not texts.null_count()
    if not has_cells:
        writer_needed = writer_needed | (_concatenate(pieces).str.ends_with('">'))
    rows = _concatenate([*pieces, "</row>"])
    return rows.to_frame("row").select(pl.when(~writer_needed).then("row"))["row"]


def _is_expected(dtype: pl.DataType, kind: TableColumnKind) -> bool:
    if kind in ("money", "count"):
        return dtype in _WHOLE_NUMBERS
    if kind == "moment":
        return dtype == pl.Datetime
    if kind in ("day", "date"):
        return dtype == pl.Date or dtype in _WHOLE_NUMBERS
    return True


def _build_style(
    data: pl.DataFrame, place: int, row_formats: Mapping[str, Sequence[Format | None]]
) -> list[Any]:
    styles = {
        currency: "" if cell_format is None else f' s="{_get_style(cell_format)}"'
        for currency, cell_formats in row_formats.items()
        for cell_format in (cell_formats[place],)
    }
    if len(set(styles.values())) == 1 or "currency" not in data.columns:
        return [styles[""]]
    return [
        data["currency"]
        .cast(pl.String)
        .fill_null("")
        .replace_strict(styles, default=styles[""], return_dtype=pl.String)
    ]


def _get_style(cell_format: Format) -> int:
    style: int = cell_format._get_xf_index()
    return style


def _concatenate(pieces: Sequence[Any]) -> pl.Series:
    merged: list[Any] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return pl.select(pl.concat_str([pl.lit(piece) for piece in merged]).alias("row"))["row"]


def _build_texts(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Boolean:
        words = {True: say("words.yes"), False: say("words.no")}
        return values.replace_strict(words, return_dtype=pl.String)
    return values.cast(pl.String).replace("", None)


def _find_unusual_texts(texts: pl.Series) -> pl.Series:
    unusual = texts.str.contains(_UNUSUAL_TEXT) | (texts.str.len_bytes() > MAX_CELL_TEXT_LENGTH)
    return unusual.fill_null(False)


def _build_text_start(texts: pl.Series) -> list[Any]:
    start, preserved = ' t="inlineStr"><is><t', ' xml:space="preserve"'
    outer_space = texts.str.contains(_OUTER_SPACE).fill_null(False)
    if not outer_space.any():
        return [f"{start}>"]
    attributes = outer_space.replace_strict({True: preserved, False: ""}, return_dtype=pl.String)
    return [start, attributes, ">"]


def _escape_texts(texts: pl.Series) -> pl.Series:
    if not texts.str.contains("[&<>]").any():
        return texts
    for character, escaped in _ESCAPES:
        texts = texts.str.replace_all(character, escaped, literal=True)
    return texts


def _escape(text: str) -> str:
    for character, escaped in _ESCAPES:
        text = text.replace(character, escaped)
    return text


def _find_long_numbers(values: pl.Series) -> pl.Series:
    long_numbers = (values >= _MAX_EXACT_NUMBER) | (values <= -_MAX_EXACT_NUMBER)
    return long_numbers.fill_null(False)


def _format_money(values: pl.Series) -> pl.Series:
    # Digit by digit: the text is exactly the Decimal that `convert_to_cells` gives.
    minor = values.cast(pl.Int64)
    digits = minor.abs().cast(pl.String).str.zfill(COMMON_DECIMALS + 1)
    sign = (minor < 0).replace_strict({True: "-", False: ""}, return_dtype=pl.String)
    return _concatenate(
        [sign, digits.str.head(-COMMON_DECIMALS), ".", digits.str.tail(COMMON_DECIMALS)]
    )


def _format_count(values: pl.Series) -> pl.Series:
    return values.cast(pl.String)


def _format_moment(values: pl.Series) -> pl.Series:
    return pl.Series(
        [None if day is None else f"{day:.16G}" for day in to_excel_moments(values).to_list()],
        dtype=pl.String,
    )


def _format_day(values: pl.Series) -> pl.Series:
    return to_excel_days(values).cast(pl.String)


_NUMBER_TEXTS = {
    "money": _format_money,
    "count": _format_count,
    "moment": _format_moment,
    "day": _format_day,
    "date": _format_day,
}
