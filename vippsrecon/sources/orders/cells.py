"""Select the cells of an export's fields, and find rows that a person did not mean as orders."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from vippsrecon.money import DECIMALS
from vippsrecon.sources.files.headings import normalize_word
from vippsrecon.sources.files.table import FORMULA_MARK, Table
from vippsrecon.sources.orders.fields import references
from vippsrecon.sources.orders.fields.amounts import AmountStyle, parse_amounts
from vippsrecon.sources.orders.profiles import Profile
from vippsrecon.texts import say

AMOUNT_FIELDS = ("total", "refunded", "outstanding", "vat")
TIME_FIELDS = ("ordered_at", "fulfilled_at", "refunded_at")
_FIRST_FILLED_FIELDS = ("reference", "order_number", "recurring", "transaction_id")
"""Fields that may have several columns of the same meaning; the first filled one is used."""

_UNKNOWN_IF_FORMULA = ("refunded", "outstanding", "vat", "store")
"""Fields that are unknown where their formula has no value; elsewhere the row cannot be used.

Refunds are unknown only if no cell of their column has a value."""

_NAMING_FIELDS = ("reference", "order_number", "order_id")
_PLACE_FIELDS = ("currency", "msn", "store")
"""Fields that a row of sums may fill too."""

_SUM_WORDS = frozenset(
    (
        "sum", "sums", "total", "totals", "totalt", "totale", "i alt", "ialt", "sammenlagt",
        "totalsum", "total sum", "sum totalt", "sum total", "totalt sum", "grand total",
        "subtotal", "sub total", "delsum", "summa", "summa totalt", "totalsumma", "delsumma",
        "yhteensä", "kaikki yhteensä", "summa yhteensä", "välisumma", "loppusumma", "summe",
        "σ", "∑", "gesamt", "gesamtsumme", "gesamtbetrag", "endsumme", "zwischensumme", "insgesamt",
    )
)  # fmt: skip
"""Words for the sum of a column in six languages, normalised."""

_SUM_BEGINNINGS = "(?i)^\\W*(?:" + "|".join(sorted({word[:3] for word in _SUM_WORDS})) + ")"


class SelectedCells(NamedTuple):
    """The cells of a table, one column per field, and the heading of each field."""

    cells: pl.DataFrame
    headings: dict[str, str]


def select_cells(table: Table, profile: Profile) -> SelectedCells:
    """Return `row`, `fault` and one column per field of the file, as text.

    Amounts and times are not parsed yet. Cells whose formula has no value are empty, and make a
    fault of the row unless the field may be unknown; `refunds_unknown` marks those of refunds.
    """
    places = profile.places(table.headings)
    positions_read = list(
        dict.fromkeys(place for positions in places.values() for place in positions)
    )
    frame = table.columns(positions_read)
    chosen = {}
    named = {}
    fault = frame["fault"]
    for name, positions in places.items():
        columns = [frame[f"c{positions_read.index(place)}"] for place in positions]
        if name not in (*TIME_FIELDS, *AMOUNT_FIELDS):
            columns = [
                references.remove_spreadsheet_guards(column)
                if not column.str.starts_with(FORMULA_MARK).any()
                else column
                for column in columns
            ]
        cells = columns[0]
        named[name] = table.headings[positions[0]]
        for place, column in zip(positions[1:], columns[1:], strict=True):
            if name in _FIRST_FILLED_FIELDS and (cells == "").any() and (column != "").any():
                named[name] = named[name] if (cells != "").any() else table.headings[place]
                cells = cells.zip_with(cells != "", column)
        waiting = cells.str.starts_with(FORMULA_MARK)
        if waiting.any():
            if name not in (*AMOUNT_FIELDS, *_UNKNOWN_IF_FORMULA):
                reason = pl.Series([f"{named[name]} {say('reasons.formula')}"])
                fault = fault.zip_with(
                    ~waiting | fault.is_not_null(), reason.new_from_index(0, fault.len())
                )
            # Of a column of refunds that other rows fill, one cell alone is a fault to be repaired.
            is_one_of_many = name == "refunded" and ((cells != "") & ~waiting).any()
            if name in _UNKNOWN_IF_FORMULA and not is_one_of_many:
                chosen[f"{name}_unknown"] = waiting
                cells = cells.set(waiting, "")
        chosen[name] = cells
    return SelectedCells(
        frame.select("row").with_columns(fault, **chosen),
        named,
    )


def mark_rows_of_sums(cells: pl.DataFrame, style: AmountStyle) -> pl.DataFrame:
    """Make a fault of each row that only sums the rows above.

    Such a row names no order. It has a word for a sum instead, or nothing but amounts and either
    exactly the sum of the rows above it or the last place in the file. A row with a word for a sum
    and exactly the sum of the rows above may also count them, as in `Sum; 12 orders`.

    >>> rows = pl.DataFrame({"fault": [None] * 3, "reference": ["a", "b", ""], "total": ["1", "2", "3"]},
    ...                     schema_overrides={"fault": pl.String})
    >>> mark_rows_of_sums(rows, AmountStyle("."))["fault"].to_list()
    [None, None, 'the row only sums the rows above it']
    """
    texts = [
        name
        for name, kind in cells.schema.items()
        if kind == pl.String and name not in ("fault", *AMOUNT_FIELDS)
    ]
    if cells.height < 2 or "total" not in cells.columns:
        return cells
    nameless = cells["fault"].is_null() & (cells["total"] != "")
    bare, worded = nameless, ~nameless & nameless
    readable = nameless
    for name in texts:
        sums = _find_sum_words(cells[name])
        worded |= sums
        if name in _NAMING_FIELDS:
            nameless &= sums | (cells[name] == "")
        elif name not in _PLACE_FIELDS:
            bare &= sums | (cells[name] == "")
    if not (nameless | (readable & worded)).any():
        return cells
    currency = pl.Series([next(iter(DECIMALS))]).new_from_index(0, cells.height)
    minor = parse_amounts(cells["total"], currency, style).minor.fill_null(0)
    above = minor.set(nameless | worded, 0).cum_sum().shift(1, fill_value=0)
    is_last = pl.int_range(cells.height, eager=True) == cells.height - 1
    summed = nameless & (worded | (bare & ((minor == above) | is_last)))
    summed |= readable & worded & (minor == above) & (minor > 0)
    reason = pl.Series([say("reasons.sum_row")]).new_from_index(0, cells.height)
    return cells.with_columns(fault=cells["fault"].zip_with(~summed, reason))


def _find_sum_words(column: pl.Series) -> pl.Series:
    # The words are compared in Python, so only those that begin as one of them does.
    likely = column.filter(column.str.contains(_SUM_BEGINNINGS)).unique()
    return column.is_in([text for text in likely if _is_sum_word(text)])


def _is_sum_word(text: str) -> bool:
    """Return whether a text is a word for a sum, or begins with one, as in `Sum oktober`."""
    word = normalize_word(text).strip(" :.=")
    return word in _SUM_WORDS or (
        " " in text.strip() and word.partition(" ")[0].strip(" :") in _SUM_WORDS
    )
