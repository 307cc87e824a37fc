"""Turn the texts of camt.053 into lines: amounts, directions and days, by columns.

Every entry becomes exactly one of: a booked line, a provisional line, a reject, or an entry that is
counted in a note (information only, or in a currency that Vipps MobilePay does not pay out).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from vippsrecon.dates import YEARS
from vippsrecon.errors import InputError
from vippsrecon.money import DECIMALS, to_minor
from vippsrecon.sources.bank.accounts import normalize_account
from vippsrecon.sources.bank.balances import sum_moved
from vippsrecon.sources.bank.statement import PARSED_COLUMNS, ParsedFile, Statement
from vippsrecon.sources.customer_texts import hide_words
from vippsrecon.sources.orders.fields.amounts import AmountStyle, parse_amounts
from vippsrecon.texts import say, say_number

_STYLE = AmountStyle(".", long_decimals=True)
"""Amounts have a point and no sign; some banks fill them with zeros."""

_SIGNS = {"CRDT": 1, "DBIT": -1}
_PROVISIONAL = ("PDNG",)
_INFORMATION = ("INFO", "FUTR")
_OPENING_CODES = ("OPBD", "PRCD")
_CLOSING_CODES = ("CLBD",)
_TRUE = ("true", "1")
_DAY = r"^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ][0-9:.]+)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?$"
"""A day or a time of XML Schema, with or without an offset."""


class RawBalance(NamedTuple):
    """A balance as texts."""

    code: str
    amount: str
    currency: str
    direction: str
    day: str


class RawStatement(NamedTuple):
    """A statement as texts: its fields by name, and its balances."""

    fields: dict[str, str]
    balances: tuple[RawBalance, ...]


class RawEntries:
    """Entries as columns of texts."""

    NAMES = (
        "statement", "amount", "currency", "direction", "reversal", "status", "booked", "value",
        "bank_reference", "text",
    )  # fmt: skip

    def __init__(self) -> None:
        self._rows: list[tuple[int | str, ...]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, *cells: int | str) -> None:
        """Add the cells of an entry, in the order of `NAMES`."""
        self._rows.append(cells)

    def to_frame(self) -> pl.DataFrame:
        """Return the entries as a frame, with their number from 1 as `source_row`."""
        schema = dict.fromkeys(self.NAMES, pl.String) | {"statement": pl.Int64}
        return pl.DataFrame(self._rows, schema=schema, orient="row").with_row_index(
            "source_row", offset=1
        )


def build_parsed_file(
    name: str, format_name: str, statements: Sequence[RawStatement], entries: RawEntries
) -> ParsedFile:
    """Turn the texts of a file into lines, statements and notes."""
    accounts = [normalize_account(raw.fields.get("account", "")) for raw in statements]
    read = _parse_entries(entries.to_frame(), accounts, name)
    columns = list(PARSED_COLUMNS)
    booked = read.filter(pl.col("kind") == "booked").select(columns)
    built = [
        statement
        for number, raw in enumerate(statements, start=1)
        for statement in _build_statements(raw, name, number, accounts[number - 1], booked)
    ]
    return ParsedFile(
        name=name,
        format=format_name,
        encoding="",
        rows=len(entries),
        lines=booked,
        provisional=read.filter(pl.col("kind") == "provisional").select(columns),
        rejects=_build_rejects(read, name),
        statements=tuple(built),
        notes=tuple(_describe_ignored(read)),
    )


def _parse_entries(
    entries: pl.DataFrame, accounts: Sequence[str | None], name: str
) -> pl.DataFrame:
    parsed = parse_amounts(entries["amount"], entries["currency"], _STYLE)
    days = {"booked_date": "booked", "value_date": "value"}
    numbers = range(1, len(accounts) + 1)
    frame = entries.with_columns(
        pl.col("source_row").cast(pl.Int64),
        minor=parsed.minor,
        amount_reason=parsed.reason,
        sign=pl.col("direction").replace_strict(_SIGNS, default=None, return_dtype=pl.Int64),
        account=pl.col("statement").replace_strict(
            dict(zip(numbers, accounts, strict=True)), default=None, return_dtype=pl.String
        ),
        source_file=pl.lit(name),
        bank_reference=pl.when(pl.col("bank_reference") != "").then("bank_reference"),
        reversal=pl.col("reversal").str.to_lowercase().is_in(_TRUE),
        **{new: _parse_day(old) for new, old in days.items()},
    )
    # A bank may leave out the booking day of an entry, which is then the value day.
    frame = frame.with_columns(
        booked_date=pl.when(pl.col("booked") == "").then("value_date").otherwise("booked_date")
    )
    is_booked = pl.col("status").is_in(["BOOK", ""])
    kind = (
        pl.when(pl.col("status").is_in(_INFORMATION))
        .then(pl.lit("information"))
        .when(
            ~pl.col("currency").is_in(list(DECIMALS))
            & pl.col("currency").str.contains("^[A-Z]{3}$")
        )
        .then(pl.lit("other_currency"))
        .when(pl.col("reason").is_not_null())
        .then(pl.lit("reject"))
        .when(is_booked)
        .then(pl.lit("booked"))
        .otherwise(pl.lit("provisional"))
    )
    return (
        frame.with_columns(_find_fault())
        .unnest("fault")
        .with_columns(amount_minor=pl.col("minor") * pl.col("sign"))
        .with_columns(kind=kind)
    )


def _parse_day(column: str) -> pl.Expr:
    day = pl.col(column).str.extract(_DAY, 1).str.to_date("%Y-%m-%d", strict=False)
    return pl.when(day.dt.year().is_between(YEARS[0], YEARS[-1])).then(day)


def _find_fault() -> pl.Expr:
    """Return the first fault of an entry: its element, value and reason; all null without one."""

    def fault(column: str, value: str, reason: pl.Expr | str) -> pl.Expr:
        sentence = reason if isinstance(reason, pl.Expr) else pl.lit(reason)
        return pl.struct(column=pl.lit(column), value_text=pl.col(value), reason=sentence)

    is_provisional = pl.col("status").is_in(_PROVISIONAL)
    known_status = pl.col("status").is_in(["BOOK", "", *_PROVISIONAL])
    return (
        pl.when(pl.col("amount") == "")
        .then(fault("Amt", "amount", say("reasons.entry_without_amount")))
        .when(pl.col("currency") == "")
        .then(fault("Amt", "currency", say("reasons.amount_without_currency")))
        .when(pl.col("amount_reason").is_not_null())
        .then(fault("Amt", "amount", pl.col("amount_reason")))
        .when(~pl.col("currency").is_in(list(DECIMALS)))
        .then(fault("Amt", "currency", say("reasons.no_known_currency")))
        .when(pl.col("minor") < 0)
        .then(fault("Amt", "amount", say("reasons.negative_with_direction")))
        .when(pl.col("sign").is_null())
        .then(fault("CdtDbtInd", "direction", say("reasons.no_direction")))
        .when(~known_status)
        .then(fault("Sts", "status", say("reasons.unknown_entry_status")))
        .when(pl.col("booked_date").is_null() & ~is_provisional)
        .then(fault("BookgDt", "booked", say("reasons.no_booking_day")))
        .otherwise(
            pl.struct(
                column=pl.lit(None, pl.String),
                value_text=pl.lit(None, pl.String),
                reason=pl.lit(None, pl.String),
            )
        )
        .alias("fault")
    )


def _build_rejects(read: pl.DataFrame, name: str) -> pl.DataFrame:
    rejects = read.filter(pl.col("kind") == "reject").select(
        source_file=pl.lit(name),
        source_row="source_row",
        column="column",
        value=pl.col("value_text").str.slice(0, 80),
        reason="reason",
    )
    return hide_words(rejects)


def _describe_ignored(read: pl.DataFrame) -> Iterable[str]:
    information = read.filter(pl.col("kind") == "information").height
    if information:
        yield say_number("bank_notes.information", information)
    others = read.filter(pl.col("kind") == "other_currency")
    for currency, count in others.group_by("currency").len().sort("currency").iter_rows():
        yield say_number("bank_notes.other_currency", count, currency=currency)
    if not read.filter(pl.col("kind") == "booked").height:
        yield say("bank_notes.no_line")
    undated = read.filter((pl.col("kind") == "booked") & (pl.col("booked") == "")).height
    if undated:
        yield say_number("bank_notes.undated", undated)


def _build_statements(
    raw: RawStatement, name: str, number: int, account: str | None, booked: pl.DataFrame
) -> list[Statement]:
    """Return one statement per currency: balances and lines of one account may be in several."""
    lines = booked.filter(pl.col("statement") == number)
    balances = [_parse_balance(balance) for balance in raw.balances]
    stated = {balance.currency for balance in balances if balance is not None}
    default = {raw.fields["currency"]} if raw.fields.get("currency") in DECIMALS else set()
    currencies = sorted(stated | set(lines["currency"])) or sorted(default)
    return [
        _build_statement(
            raw,
            Statement(name, number, None, None, account, currency, None, None, None, None, 0),
            lines.filter(pl.col("currency") == currency),
            [b for b in balances if b is not None and b.currency == currency],
        )
        for currency in currencies
    ]


class _Balance(NamedTuple):
    """A balance that can be read."""

    code: str
    currency: str
    minor: int
    day: date | None


def _build_statement(
    raw: RawStatement, statement: Statement, lines: pl.DataFrame, balances: Sequence[_Balance]
) -> Statement:
    opening = _find_balance(balances, _OPENING_CODES, last=False)
    closing = _find_balance(balances, _CLOSING_CODES, last=True)
    days = lines["booked_date"].sort().to_list()
    first = _to_day(raw.fields.get("first", "")) or (days[0] if days else None)
    # The end is often written as the midnight after the last day, so the balance goes first.
    last = (closing.day if closing else None) or _to_day(raw.fields.get("last", ""))
    last = last or (days[-1] if days else None)
    sequence = raw.fields.get("sequence") or raw.fields.get("legal_sequence") or ""
    return statement._replace(
        identification=raw.fields.get("identification"),
        sequence=int(sequence)
        if sequence.isascii() and sequence.isdecimal() and len(sequence) < 19
        else None,
        opening_minor=opening.minor if opening else None,
        closing_minor=closing.minor if closing else None,
        first_date=first or last,
        last_date=last,
        moved_minor=sum_moved(lines, statement.source_file),
    )


def _parse_balance(balance: RawBalance) -> _Balance | None:
    """Return a balance; None if it cannot be read, so that nothing is proven by it."""
    text = balance.amount
    if (
        balance.direction not in _SIGNS
        or not text.isascii()
        or not text.replace(".", "", 1).isdecimal()
    ):
        return None
    try:
        minor = to_minor(text, balance.currency)
    except InputError:
        return None
    return _Balance(
        balance.code, balance.currency, _SIGNS[balance.direction] * minor, _to_day(balance.day)
    )


def _find_balance(
    balances: Sequence[_Balance], codes: Sequence[str], *, last: bool
) -> _Balance | None:
    for code in codes:
        found = [balance for balance in balances if balance.code == code]
        if found:
            return found[-1] if last else found[0]
    return None


def _to_day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return day if day.year in YEARS else None
