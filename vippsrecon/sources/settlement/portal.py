"""Read the settlement report of the business portal, CSV or workbook, in any of its languages.

    each row ──► an entry on the ledger `funds`, with the amount of the row
         capture ──► also its fee on the topic `fees`
         fees retained ──► also the same amount back on `fees`

So the fee of a day, which the file shows twice, is counted once on each topic. The net column is not
used. Columns with names, phone numbers and messages of customers are never read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.errors import SourceError
from vippsrecon.money import DECIMALS
from vippsrecon.sources.customer_texts import hide_words
from vippsrecon.sources.files.headings import normalize_heading, refuse_second_column
from vippsrecon.sources.files.invisible import repair_texts
from vippsrecon.sources.files.repeated_rows import find_repeated_rows
from vippsrecon.sources.files.table import MARKS, Table
from vippsrecon.sources.orders.fields.amounts import AmountStyle, parse_amounts
from vippsrecon.sources.orders.fields.dates import parse_times
from vippsrecon.sources.settlement.portal_entries import build_entries, build_payouts
from vippsrecon.sources.settlement.portal_notes import build_portal_notes, describe_shortened_ids
from vippsrecon.sources.settlement.result import ParsedSettlement
from vippsrecon.texts import say
from vippsrecon.vipps_rules import (
    MARKET_OF_CURRENCY,
    MSN_PATTERN,
    PAYOUT_ABORTED,
    PAYOUT_SCHEDULED,
    ZONE_OF_MARKET,
)

FORMAT = "vipps-portal"

_REQUIRED = ("msn", "day", "type", "amount", "currency", "psp_reference")
_AMOUNTS = ("amount", "fee", "balance")
_CELLS = (
    "msn", "time", "day", "type", *_AMOUNTS, "currency", "psp_reference", "reference",
    "payout_number", "account", "bank_date",
)  # fmt: skip
_MONEY_IN = ("capture", PAYOUT_ABORTED)
_UNKNOWN_WITHOUT = ("fee", "balance", "reference")
_STYLE = AmountStyle(".", long_decimals=True)
_TIMES = ("%Y-%m-%d %H:%M[:%S]", "%d.%m.%Y %H:%M[:%S]")
_DAYS = ("%Y-%m-%d", "%d.%m.%Y")
_UTC = "UTC"


class _PortalForm(NamedTuple):
    """Headings of each field as written, and entry type of each normalised label."""

    columns: dict[str, tuple[str, ...]]
    types: dict[str, str]


@cache
def _load_form() -> _PortalForm:
    folder = resources.files("vippsrecon.sources.settlement")
    tables = tomllib.loads((folder / "portal.toml").read_text(encoding="utf-8"))
    return _PortalForm(
        {name: tuple(headings) for name, headings in tables["columns"].items()},
        {
            normalize_heading(label): entry_type
            for entry_type, labels in tables["types"].items()
            for label in labels
        },
    )


def read_portal_report(path: Path, table: Table) -> ParsedSettlement:
    """Read one file.

    Raises:
        SourceError: A column is missing.
    """
    cells = _read_columns(table, path.name)
    rows = _parse_rows(cells)
    good = rows.filter(pl.col("reason").is_null())
    entries = build_entries(good, path.name)
    return ParsedSettlement(
        path.name,
        FORMAT,
        table.encoding,
        rows.height,
        entries,
        build_payouts(good, path.name),
        _build_rejects(rows, table.headings, path.name),
        (
            *table.notes,
            *_describe_missing_columns(table.headings, path.name),
            *build_portal_notes(good, entries),
            *describe_shortened_ids([cells["reference"], cells["psp_reference"]]),
        ),
    )


def _find_places(headings: Sequence[str], file: str) -> dict[str, int]:
    """Return the position of each field's column.

    Raises:
        SourceError: A field has two, in one language or in two.
    """
    normal = [normalize_heading(text) for text in headings]
    places = {}
    for field, aliases in _load_form().columns.items():
        names = {normalize_heading(alias) for alias in aliases}
        found = [place for place, name in enumerate(normal) if name in names]
        refuse_second_column([headings[place] for place in found], file)
        if found:
            places[field] = found[0]
    return places


def _describe_missing_columns(headings: Sequence[str], file: str) -> list[str]:
    """Say what is not known because its column is missing or has another name."""
    present = _find_places(headings, file)
    columns = _load_form().columns
    return [
        say(
            f"settlement_notes.without_{field}",
            one=repr(columns[field][0]),
            other=repr(columns[field][1]),
        )
        for field in _UNKNOWN_WITHOUT
        if field not in present
    ]


def _read_columns(table: Table, file: str) -> pl.DataFrame:
    places = _find_places(table.headings, file)
    lacking = [field for field in _REQUIRED if field not in places]
    if lacking:
        names = ", ".join(repr(_load_form().columns[field][0]) for field in lacking)
        raise SourceError(f"it has no column {names}; download it again", file=file)
    read = table.columns(list(places.values()), of_money=True)
    rows = read.rename({f"c{number}": field for number, field in enumerate(places)})
    return rows.with_columns(
        pl.lit("").alias(field) for field in _load_form().columns if field not in places
    )


def _parse_rows(rows: pl.DataFrame) -> pl.DataFrame:
    # Numbers and days of a workbook are marked; identifiers lose the mark, amounts need it.
    texts = ("msn", "currency", "psp_reference", "reference", "payout_number", "account", "type")
    # A program that guards text against a spreadsheet puts an apostrophe before it.
    plain = [
        repair_texts(rows[name].str.strip_chars_start(MARKS).str.strip_prefix("'"))
        for name in texts
    ]
    rows = rows.with_columns(plain)
    rows = rows.with_columns(pl.col("currency").str.to_uppercase())
    zones = rows["currency"].replace_strict(
        {currency: ZONE_OF_MARKET[market] for currency, market in MARKET_OF_CURRENCY.items()},
        default=ZONE_OF_MARKET["NO"],
        return_dtype=pl.String,
    )
    labels = {
        label: _load_form().types.get(normalize_heading(label)) for label in rows["type"].unique()
    }
    amounts = {name: parse_amounts(rows[name], rows["currency"], _STYLE) for name in _AMOUNTS}
    # Days have no zone; read in UTC they stay the same day.
    utc = pl.Series([_UTC], dtype=pl.String).new_from_index(0, rows.height)
    days = {name: parse_times(rows[name], utc, _DAYS) for name in ("day", "bank_date")}
    moments = parse_times(rows["time"], zones, _TIMES)
    rows = rows.with_columns(
        *(read.minor.alias(f"{name}_minor") for name, read in amounts.items()),
        *(read.reason.alias(f"{name}_reason") for name, read in amounts.items()),
        *(read.at.dt.date().alias(f"{name}_date") for name, read in days.items()),
        entry_at=moments.at,
        unreadable_time=moments.unreadable,
        known_type=rows["type"].replace_strict(labels, default=None, return_dtype=pl.String),
    )
    rows = rows.with_columns(
        is_copy=find_repeated_rows(rows, _CELLS, pl.col("psp_reference") != "")
    )
    return rows.with_columns(_find_fault()).unnest("found")


def _find_fault() -> pl.Expr:
    def fault(field: str | None, reason: pl.Expr | str) -> pl.Expr:
        value = pl.col(field) if field else pl.lit(None, pl.String)
        sentence = pl.lit(reason) if isinstance(reason, str) else reason
        return pl.struct(field=pl.lit(field, pl.String), value=value, reason=sentence)

    return (
        pl.when(pl.col("fault").is_not_null())
        .then(fault(None, pl.col("fault")))
        .when(~pl.col("msn").str.contains(f"^{MSN_PATTERN}$"))
        .then(fault("msn", say("reasons.no_unit_number")))
        .when(~pl.col("currency").is_in(list(DECIMALS)))
        .then(fault("currency", say("reasons.not_paid_out")))
        .when(pl.col("type") == "")
        .then(fault("type", say("reasons.no_type")))
        .when(pl.col("amount_reason").is_not_null())
        .then(fault("amount", pl.col("amount_reason")))
        .when(pl.col("amount_minor").is_null())
        .then(fault("amount", say("reasons.no_amount")))
        .when(pl.col("fee_reason").is_not_null())
        .then(fault("fee", pl.col("fee_reason")))
        .when(pl.col("balance_reason").is_not_null())
        .then(fault("balance", pl.col("balance_reason")))
        .when(pl.col("known_type").is_in(_MONEY_IN) & (pl.col("amount_minor") < 0))
        .then(fault("amount", say("reasons.negative_money_in")))
        .when((pl.col("known_type") == PAYOUT_SCHEDULED) & (pl.col("amount_minor") > 0))
        .then(fault("amount", say("reasons.positive_money_out")))
        .when((pl.col("known_type") == "capture") & (pl.col("fee_minor") > 0))
        .then(fault("fee", say("reasons.positive_money_out")))
        .when(pl.col("day_date").is_null())
        .then(fault("day", say("reasons.no_day_such_as", example="2026-12-31")))
        .when(pl.col("unreadable_time"))
        .then(fault("time", say("reasons.no_time_such_as", example="2026-12-31 23:59:59")))
        .when(pl.col("bank_date_date").is_null() & (pl.col("bank_date") != ""))
        .then(fault("bank_date", say("reasons.no_day_such_as", example="2026-12-31")))
        .when(~pl.col("payout_number").str.contains(r"^[0-9]{0,20}$"))
        .then(fault("payout_number", say("reasons.no_payout_number")))
        .when("is_copy")
        .then(fault(None, say("reasons.repeated_row")))
        .otherwise(fault(None, pl.lit(None, pl.String)))
        .alias("found")
    )


def _build_rejects(rows: pl.DataFrame, headings: Sequence[str], file: str) -> pl.DataFrame:
    names = {field: headings[place] for field, place in _find_places(headings, file).items()}
    rejects = rows.filter(pl.col("reason").is_not_null()).select(
        source_file=pl.lit(file),
        source_row="row",
        column=pl.col("field").replace_strict(names, default=None, return_dtype=pl.String),
        value=pl.col("value").str.strip_chars_start(MARKS).str.slice(0, 80),
        reason="reason",
    )
    types = schemas.polars_schema(schemas.REJECTS)
    return hide_words(rejects.select(pl.col(name).cast(kind) for name, kind in types.items()))
