"""Convert a frame to the cells of a table for people; each cell can be sorted and searched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

import pandas as pd

from vippsrecon.bulk.outcomes.html import OUTCOME_TONES
from vippsrecon.config.settings import SalesUnit
from vippsrecon.config.validation import check_timezone
from vippsrecon.dates import EPOCH_DATE
from vippsrecon.display.amounts import AmountFormat
from vippsrecon.display.html import Label, Link, SortedCell, TableColumn, Tone
from vippsrecon.errors import InputError, VippsReconError
from vippsrecon.money import group_thousands, to_major, to_minor
from vippsrecon.notebook.frames import convert_to_plain, list_labels
from vippsrecon.schemas import SEVERITIES
from vippsrecon.schemas.user_frames import is_missing
from vippsrecon.vipps_rules import MARKET_OF_CURRENCY, ZONE_OF_MARKET

_SENTENCE_LENGTH = 40
_IDENTIFIERS = {"msn", "order_number"}
"""Columns whose values are names even where they are numbers."""

_ADDRESSES = {"portal_url", "order_url"}
"""Columns of `link_discrepancies` whose values lead out of the notebook."""

_SENTENCES = {"sentence", "cause", "next_step", "note"}
"""Columns whose texts may hold amounts."""

_HEADINGS = {
    "portal_url": "Business portal",
    "order_url": "Order in the shop",
    "msn": "Sales unit",
    "kind": "Code",
    "order_number": "Order",
}
"""Headings that differ from the name of the column, as on the report's sheets."""


class FrameTable(NamedTuple):
    """A frame as cells; `row_count` is how many rows the frame has."""

    columns: list[TableColumn]
    rows: list[list[SortedCell]]
    row_count: int


def convert_frame(
    frame: Any,
    columns: Sequence[str] | None,
    rows: int,
    zone: str | Sequence[SalesUnit] | None,
) -> FrameTable:
    """Convert the first `rows` rows of a frame; the arguments are those of `show_frame`.

    Raises:
        InputError: As for `show_frame`.
    """
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
        raise InputError(f"rows is {rows!r}, and must be a number of rows such as 200")
    plain = convert_to_plain(frame)
    named = [name for name in plain.index.names if name is not None]
    if len(named) == plain.index.nlevels and not {*named} & {*plain.columns}:
        plain = plain.reset_index()
    names = list(plain.columns) if columns is None else list(columns)
    unknown = [name for name in names if name not in plain.columns]
    if unknown:
        raise InputError(
            f"the frame has no column {unknown[0]!r}. It has {', '.join(map(str, plain.columns))}"
        )
    shown = plain.head(rows)
    zones = _find_zones(shown, zone)
    shaped = [_convert_column(shown, name, zones) for name in names]
    return FrameTable(
        [column for column, _ in shaped],
        [list(row) for row in zip(*(cells for _, cells in shaped), strict=True)],
        len(plain),
    )


def _convert_column(
    frame: pd.DataFrame, name: Any, zones: Sequence[ZoneInfo | None]
) -> tuple[TableColumn, list[SortedCell]]:
    """Return a column with its heading, and the cell of each row."""
    column = frame[name]
    known = [value for value in column if not is_missing(value)]
    heading = _format_heading(str(name), frame.columns)
    is_amount = str(name).endswith("_minor")
    if is_amount or (known and all(isinstance(value, Decimal) for value in known)):
        cells = _convert_amounts(column, str(name), list_labels(frame, "currency"), is_amount)
        return TableColumn(heading, "number"), cells
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return TableColumn(heading, "code"), _convert_times(column, zones)
    convert, kind = _choose_conversion(name, column, known)
    cells = [SortedCell(None, None) if is_missing(value) else convert(value) for value in column]
    if name in _SENTENCES:
        cells = _localize_sentences(cells, list_labels(frame, "currency"))
    if kind == "text":
        return TableColumn(heading, _choose_text_kind(known)), _order_texts(cells)
    return TableColumn(heading, kind), cells


def _format_heading(name: str, names: Any) -> str:
    """Return a heading for people.

    >>> _format_heading("proposal_minor", ["proposal", "proposal_minor"])
    'Proposal amount'
    """
    if name in _HEADINGS:
        return _HEADINGS[name]
    major = name.removesuffix("_minor")
    is_taken = major != name and major in names
    heading = (f"{major} amount" if is_taken else major).replace("_", " ").strip()
    return heading[:1].upper() + heading[1:]


def _choose_conversion(
    name: Any, column: pd.Series[Any], known: Sequence[Any]
) -> tuple[Callable[[Any], SortedCell], Any]:
    if name == "severity" and {*known} <= {*SEVERITIES}:
        return lambda word: _make_label(word, cast("Tone", word), SEVERITIES), "code"
    if name == "outcome" and {*known} <= {*OUTCOME_TONES}:
        return lambda word: _make_label(word, OUTCOME_TONES[word], list(OUTCOME_TONES)), "code"
    if pd.api.types.is_bool_dtype(column.dtype):
        return lambda value: SortedCell("yes" if value else "no", int(value), ""), "code"
    if pd.api.types.is_integer_dtype(column.dtype) and str(name).endswith("_day"):
        return _convert_day_number, "code"
    if pd.api.types.is_numeric_dtype(column.dtype) and name not in _IDENTIFIERS:
        return _convert_number, "number"
    return _convert_address if name in _ADDRESSES else _convert_text, "text"


def _localize_sentences(
    cells: Sequence[SortedCell], currencies: Iterable[Any] | None
) -> list[SortedCell]:
    """Write amounts in sentences as the columns of amounts do; they are found as written before too."""
    amounts = AmountFormat(() if currencies is None else map(str, currencies))
    return [
        cell._replace(value=shown, search=f"{cell.search} {shown}")
        if isinstance(cell.value, str) and (shown := amounts.localize(cell.value)) != cell.value
        else cell
        for cell in cells
    ]


def _convert_text(value: Any) -> SortedCell:
    return SortedCell(str(value), None, str(value))


def _convert_address(value: Any) -> SortedCell:
    return SortedCell(Link(str(value), str(value)), None, str(value))


def _make_label(word: str, tone: Tone, order: Sequence[str]) -> SortedCell:
    shown = word.replace("_", " ")
    return SortedCell(Label(shown, tone), order.index(word), f"{shown} {word}")


def _convert_number(value: Any) -> SortedCell:
    if isinstance(value, float) and not value.is_integer():
        return SortedCell(f"{value}", value, f"{value}")
    shown = group_thousands(int(value))
    return SortedCell(shown, int(value), f"{shown} {int(value)}")


def _convert_day_number(value: Any) -> SortedCell:
    shown = (EPOCH_DATE + timedelta(days=int(value))).isoformat()
    return SortedCell(shown, int(value), shown)


def _choose_text_kind(known: Sequence[Any]) -> Any:
    longest = max((len(str(value)) for value in known), default=0)
    return "sentence" if longest > _SENTENCE_LENGTH else "code"


def _order_texts(cells: list[SortedCell]) -> list[SortedCell]:
    """Sort texts as numbers if all of them are, so that order 9 comes before order 10."""
    texts = sorted({cell.search for cell in cells if cell.value is not None}, key=_order_text)
    places = {text: place for place, text in enumerate(texts)}
    return [
        cell if cell.value is None else cell._replace(order=places[cell.search]) for cell in cells
    ]


def _order_text(text: str) -> tuple[int, str]:
    return (int(text), text) if text.isascii() and text.isdigit() and len(text) < 20 else (-1, text)


def _convert_amounts(
    column: pd.Series[Any], name: str, currencies: Iterable[Any] | None, are_minor: bool
) -> list[SortedCell]:
    if currencies is None and are_minor:
        raise InputError(
            f"the frame has {name}, and neither a column nor an index level currency. Keep the "
            "currency: choose what is shown with columns="
        )
    if currencies is None:
        return [
            SortedCell(None, None) if is_missing(value) else _convert_decimal(value)
            for value in column
        ]
    by_row = list(currencies)
    amounts = AmountFormat(str(currency) for currency in by_row)
    return [
        SortedCell(None, None)
        if is_missing(value)
        else _convert_amount(value, str(currency), amounts, are_minor)
        for value, currency in zip(column, by_row, strict=True)
    ]


def _convert_amount(value: Any, currency: str, amounts: AmountFormat, is_minor: bool) -> SortedCell:
    try:
        minor = int(value) if is_minor else to_minor(value, currency)
        major = to_major(minor, currency)
    except VippsReconError:
        # Not an amount of this currency: shown as it is, and not rounded.
        return _convert_decimal(Decimal(value))
    shown = amounts.format(minor, currency)
    typed = f"{major}"
    return SortedCell(shown, major, f"{shown} {typed} {typed.replace('.', ',')} {currency}")


def _convert_decimal(value: Decimal) -> SortedCell:
    shown = group_thousands(value)
    return SortedCell(shown, value, f"{shown} {value}")


def _convert_times(column: pd.Series[Any], zones: Sequence[ZoneInfo | None]) -> list[SortedCell]:
    is_aware = isinstance(column.dtype, pd.DatetimeTZDtype)
    are_days = not is_aware and bool((column.dropna() == column.dropna().dt.normalize()).all())
    cells = []
    for value, zone in zip(column, zones, strict=True):
        if is_missing(value):
            cells.append(SortedCell(None, None))
            continue
        moment: datetime = value.tz_convert(zone) if is_aware and zone else value
        shown = moment.strftime("%Y-%m-%d" if are_days else "%Y-%m-%d %H:%M")
        if is_aware and zone is None:
            shown += " UTC"
        searched = f"{shown} {moment.strftime('%H:%M:%S')}" if not are_days else shown
        cells.append(SortedCell(shown, value.value, searched))
    return cells


def _find_zones(
    frame: pd.DataFrame, zone: str | Sequence[SalesUnit] | None
) -> list[ZoneInfo | None]:
    """Return the zone of each row; None where it is not known."""
    if isinstance(zone, str):
        try:
            check_timezone(zone)
        except ValueError as error:
            raise InputError(f"zone {error}") from None
        return [ZoneInfo(zone)] * len(frame)
    by_label = (
        {currency: ZONE_OF_MARKET[market] for currency, market in MARKET_OF_CURRENCY.items()}
        if zone is None
        else {unit.msn: unit.zone for unit in zone}
    )
    labels = list_labels(frame, "currency" if zone is None else "msn")
    if labels is None:
        return [None] * len(frame)
    names = (None if is_missing(label) else by_label.get(str(label)) for label in labels)
    return [ZoneInfo(name) if name else None for name in names]
