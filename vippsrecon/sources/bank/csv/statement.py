"""Read a bank's CSV or workbook by its profile.

    table ──► cells of each field ──► amounts, days, status ──► lines, provisional, rejects
         └──► rows with balances above or below the lines ──► opening and closing balance

Every row becomes exactly one of: a booked line, a provisional line, a reject, or a row about the file
itself (a balance or a sum).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.dates import YEARS
from vippsrecon.errors import SourceError
from vippsrecon.money import DECIMALS
from vippsrecon.sources.bank.accounts import normalize_account
from vippsrecon.sources.bank.csv.balances import build_statements, find_balance_rows
from vippsrecon.sources.bank.csv.profiles import BankProfile
from vippsrecon.sources.bank.statement import PARSED_COLUMNS, ParsedFile
from vippsrecon.sources.bank.texts import join_texts
from vippsrecon.sources.customer_texts import may_be_about_customer
from vippsrecon.sources.files.headings import normalize_word
from vippsrecon.sources.files.repeated_rows import find_repeated_rows
from vippsrecon.sources.files.table import MARKS, Table
from vippsrecon.sources.orders.fields.amounts import (
    AmountStyle,
    ParsedAmounts,
    detect_decimal_mark,
    parse_amounts,
)
from vippsrecon.sources.orders.fields.dates import parse_times
from vippsrecon.texts import say, say_number

PENDING_WORDS = frozenset({
    "reservert", "reserveret", "reserverad", "venter", "väntar", "odottaa", "varaus", "på vei",
    "bokført på vei", "under behandling", "pending", "reserved", "kommende",
})  # fmt: skip
"""Words of banks for a line that is not booked yet, in a column of its own or instead of the day."""

BOOKED_WORDS = frozenset({
    "", "bokført", "udført", "utført", "gennemført", "bogført", "bokförd", "booked", "executed",
    "kirjattu", "suoritettu",
})  # fmt: skip

_PENDING_TEXT = r"(?i)^\s*(?:reservert transaksjon|reserveret|bokført på vei)\b"
_MONTH_FIRST = r"^(?:0?[1-9]|1[0-2])[/.-](?:1[3-9]|2[0-9]|3[01])[/.-][0-9]{4}$"
_SHORTENED = r"(?:^|\s)([0-9][.,][0-9]+E\+1[0-9])(?:\s|$)"
_EITHER_MARK = r"^([-+]?[0-9]+)\.([0-9]{1,2})$"
_AMOUNTS = ("amount", "amount_in", "amount_out", "balance")


def read_bank_table(path: Path, table: Table, profile: BankProfile) -> ParsedFile:
    """Read one file.

    Raises:
        SourceError: A column is missing, or the decimal mark of a column is not clear.
    """
    places = profile.find_places(table.headings, path.name)
    cells = table.columns(list(range(len(table.headings))), of_money=True)
    rows, balances = find_balance_rows(cells, places["booked"][0])
    parsed = _parse_rows(_pick_fields(rows, places), profile, table, places)
    parsed = parsed.with_columns(source_file=pl.lit(path.name))
    columns = list(PARSED_COLUMNS)
    booked = parsed.filter(pl.col("kind") == "booked")
    statements, numbered, notes = build_statements(booked, balances, profile, path.name)
    return ParsedFile(
        name=path.name,
        format=profile.name,
        encoding=table.encoding,
        rows=rows.height,
        lines=numbered.select(columns),
        provisional=parsed.filter(pl.col("kind") == "provisional").select(columns),
        rejects=_build_rejects(parsed, table.headings, places, path.name),
        statements=tuple(statements),
        notes=(*table.notes, *notes, *_describe_shortened(booked["text"])),
    )


def _describe_shortened(texts: pl.Series) -> list[str]:
    """Return a note on numbers that a spreadsheet wrote as 2.00123E+18; their digits are lost."""
    shortened = texts.str.extract(_SHORTENED, 1).drop_nulls()
    if shortened.is_empty():
        return []
    return [say_number("bank_notes.shortened", shortened.len(), example=shortened[0])]


def _pick_fields(rows: pl.DataFrame, places: dict[str, list[int]]) -> pl.DataFrame:
    """Return the cells of each field; texts and payers as lists."""
    single = {
        name: pl.col(f"c{found[0]}")
        for name, found in places.items()
        if name not in ("text", "payer")
    }
    names = (
        "booked", "expected", "value", "amount", "amount_in", "amount_out", "balance", "currency",
        "status", "reference", "account", "own_from", "own_to",
    )  # fmt: skip
    lists = {
        name: pl.concat_list([pl.col(f"c{place}") for place in places.get(name, [])])
        if places.get(name)
        else pl.lit([], pl.List(pl.String))
        for name in ("text", "payer")
    }
    return rows.select(
        "row",
        "fault",
        "part",
        *(single.get(name, pl.lit("")).alias(name) for name in names),
        *(value.alias(f"{name}s") for name, value in lists.items()),
    )


def _parse_rows(
    rows: pl.DataFrame, profile: BankProfile, table: Table, places: dict[str, list[int]]
) -> pl.DataFrame:
    texts = ("currency", "status", "reference", "account", "own_from", "own_to")
    rows = rows.with_columns(pl.col(texts).str.strip_chars_start(MARKS))
    rows = rows.with_columns(
        currency=pl.when(pl.col("currency") == "")
        .then(pl.lit(profile.currency))
        .otherwise(pl.col("currency").str.to_uppercase())
    )
    amounts = {
        name: _parse_column(rows[name], rows["currency"], profile, table, places.get(name))
        for name in _AMOUNTS
    }
    for name in ("booked", "expected", "value"):
        for place in places.get(name, ()):
            _refuse_month_first(rows[name], table.headings[place], table.name)
    words = {
        name: rows[name].map_elements(normalize_word, return_dtype=pl.String)
        for name in ("status", "booked")
    }
    text = [
        join_texts((cell.lstrip(MARKS) for cell in cells), payers=payers)
        for cells, payers in rows.select("texts", "payers").iter_rows()
    ]
    rows = rows.with_columns(
        *(read.minor.alias(f"{name}_minor") for name, read in amounts.items()),
        *(read.reason.alias(f"{name}_reason") for name, read in amounts.items()),
        *(
            _parse_days(rows[name], profile).alias(f"{name}_day")
            for name in ("booked", "expected", "value")
        ),
        text=pl.Series(text, dtype=pl.String),
        status_word=words["status"],
        booked_word=words["booked"],
        bank_reference=pl.when(pl.col("reference") != "").then("reference"),
    )
    # A bank may write 0,00 in the column that is not meant.
    money_in, money_out = pl.col("amount_in_minor").abs(), -pl.col("amount_out_minor").abs()
    in_or_out = pl.when(money_out.fill_null(0) != 0).then(money_out).otherwise(money_in)
    money = pl.coalesce("amount_minor", in_or_out, money_out)
    is_pending = (
        pl.col("status_word").is_in(list(PENDING_WORDS))
        | pl.col("booked_word").is_in(list(PENDING_WORDS))
        | pl.col("text").str.contains(_PENDING_TEXT)
    )
    rows = rows.with_columns(money=money, is_pending=is_pending)
    rows = rows.with_columns(_find_fault()).unnest("found")
    by_sign = pl.when(pl.col("money") < 0).then("own_from").otherwise("own_to")
    rows = rows.with_columns(
        own=pl.when(pl.col("account") != "").then("account").otherwise(by_sign)
    )
    accounts = {cell: normalize_account(cell) for cell in rows["own"].unique()}
    rows = rows.with_columns(
        account=pl.col("own").replace_strict(accounts, default=None, return_dtype=pl.String)
    )
    kind = (
        pl.when(pl.col("reason").is_not_null())
        .then(pl.lit("reject"))
        .when(pl.col("is_pending"))
        .then(pl.lit("provisional"))
        .otherwise(pl.lit("booked"))
    )
    return _reject_copies(
        _fill_account(rows, profile).with_columns(
            kind=kind,
            amount_minor=pl.col("money"),
            booked_date=pl.coalesce("booked_day", "expected_day"),
            value_date="value_day",
            source_row="row",
            statement=pl.lit(1, pl.Int64),
            reversal=pl.lit(value=False),
        )
    )


def _reject_copies(rows: pl.DataFrame) -> pl.DataFrame:
    """Reject the lines below a second heading row that are above it too: both are one download.

    Equal lines of one part stay: without a reference of the bank they are two payments.
    """
    key = ["kind", "account", "currency", "booked_date", "value_date", "money", "text"]
    copies = find_repeated_rows(rows, [*key, "bank_reference"], pl.lit(value=False))
    is_copy = copies & rows["reason"].is_null()
    return rows.with_columns(
        kind=pl.when(is_copy).then(pl.lit("reject")).otherwise("kind"),
        reason=pl.when(is_copy).then(pl.lit(say("reasons.repeated_row"))).otherwise("reason"),
    )


def _fill_account(rows: pl.DataFrame, profile: BankProfile) -> pl.DataFrame:
    """Fill in the account of the mapping, or the only one that the file names."""
    named = rows["account"].drop_nulls().unique()
    only = normalize_account(profile.account) or (named[0] if named.len() == 1 else None)
    return rows.with_columns(account=pl.coalesce("account", pl.lit(only, pl.String)))


def _parse_column(
    cells: pl.Series,
    currency: pl.Series,
    profile: BankProfile,
    table: Table,
    places: list[int] | None,
) -> ParsedAmounts:
    mark = profile.decimal
    groups = profile.groups.replace(" ", " \u00a0\u202f")
    if mark == "either":
        cells = cells.str.replace(_EITHER_MARK, "${1},${2}")
        mark = ","
    elif mark == "auto":
        found = detect_decimal_mark(cells, AmountStyle("auto", groups))
        if found is None:
            raise SourceError(
                "the amounts have neither a decimal point nor a decimal comma throughout; set decimal "
                "in a --mapping with kind = 'bank'",
                file=table.name,
                column=table.headings[places[0]] if places else None,
            )
        mark = found
    style = AmountStyle("." if mark == "." else ",", groups, long_decimals=profile.long_decimals)
    return parse_amounts(cells, currency, style)


def _refuse_month_first(cells: pl.Series, heading: str, file: str) -> None:
    """Refuse a column in which the month comes first: 02/01/2026 would be read as the second of January.

    Raises:
        SourceError: A day such as 01/31/2026 shows it.
    """
    shown = cells.filter(cells.str.contains(_MONTH_FIRST))
    if shown.is_empty():
        return
    raise SourceError(
        f"the month comes first in {shown[0]!r}, so days such as 02/01/2026 are not clear; save the "
        "file again with days such as 2026-12-31",
        file=file,
        column=heading,
    )


def _parse_days(cells: pl.Series, profile: BankProfile) -> pl.Series:
    # Days have no zone; read in UTC they stay the same day.
    zones = pl.Series(["UTC"], dtype=pl.String).new_from_index(0, cells.len())
    days = parse_times(cells, zones, profile.dates).at.dt.date()
    in_bounds = days.dt.year().is_between(YEARS[0], YEARS[-1])
    return days.set(~in_bounds.fill_null(value=False), None)


def _find_fault() -> pl.Expr:
    def fault(field: str | None, reason: pl.Expr | str) -> pl.Expr:
        value = pl.col(field) if field else pl.lit(None, pl.String)
        sentence = pl.lit(reason) if isinstance(reason, str) else reason
        return pl.struct(field=pl.lit(field, pl.String), cell=value, reason=sentence)

    both = (pl.col("amount_in_minor").fill_null(0) != 0) & (
        pl.col("amount_out_minor").fill_null(0) != 0
    )
    is_known = pl.col("is_pending") | pl.col("status_word").is_in(list(BOOKED_WORDS))
    faults: Any = pl.when(pl.col("fault").is_not_null()).then(fault(None, pl.col("fault")))
    for name in _AMOUNTS:
        faults = faults.when(pl.col(f"{name}_reason").is_not_null()).then(
            fault(name, pl.col(f"{name}_reason"))
        )
    found: pl.Expr = (
        faults.when(pl.col("amount_in_minor") < 0)
        .then(fault("amount_in", say("reasons.negative_money_in")))
        .when(both)
        .then(fault("amount_out", say("reasons.money_in_too")))
        .when(pl.col("money").is_null())
        .then(fault(None, say("reasons.no_amount")))
        .when(~pl.col("currency").is_in(list(DECIMALS)))
        .then(fault("currency", say("reasons.no_bank_currency")))
        .when(~is_known)
        .then(fault("status", say("reasons.unknown_row_status")))
        .when(pl.col("booked_day").is_null() & ~pl.col("is_pending"))
        .then(fault("booked", say("reasons.no_booking_day")))
        .when((pl.col("value") != "") & pl.col("value_day").is_null())
        .then(fault("value", say("reasons.no_day")))
        .otherwise(fault(None, pl.lit(None, pl.String)))
        .alias("found")
    )
    return found


def _build_rejects(
    parsed: pl.DataFrame, headings: Sequence[str], places: dict[str, list[int]], file: str
) -> pl.DataFrame:
    names = {name: headings[found[0]] for name, found in places.items()}
    rejects = parsed.filter(pl.col("reason").is_not_null()).select("row", "field", "cell", "reason")
    rows = [
        (
            file,
            row,
            names.get(field or ""),
            # A row whose cells are shifted may have a name in the column of amounts.
            None
            if cell is None or may_be_about_customer(cell, "total")
            else cell.lstrip(MARKS)[:80],
            reason,
        )
        for row, field, cell, reason in rejects.iter_rows()
    ]
    return pl.DataFrame(rows, schema=schemas.polars_schema(schemas.REJECTS), orient="row")
