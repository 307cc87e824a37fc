"""Find the days that each sales unit's ledger covers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import narwhals.stable.v2 as nw

from vippsrecon.dates import to_day_number
from vippsrecon.reconciliation.engines.backends import LazyFrame, collect_rows
from vippsrecon.texts import format_money, say
from vippsrecon.vipps_rules import PAYOUT_TYPES

_NEVER = -(10**6)
"""A day number earlier than any date that can occur."""


@dataclass(frozen=True)
class LedgerDays:
    """The days of one sales unit's ledger, as day numbers.

    Attributes:
        first: First day that it covers. What happened earlier cannot be compared.
        last: Last day that it covers. What happened later cannot be on it yet.
        closed: Last day that ends with a payout: no entry is added to it.
        has_fees: Whether the fees of its captures are known.
    """

    first: int
    last: int
    closed: int
    has_fees: bool


def find_ledger_days(
    entries: LazyFrame,
    period: tuple[int, int] | None,
    given: Mapping[str, tuple[date, date]],
) -> dict[str, LedgerDays]:
    """Return the days of each sales unit that has ledger entries.

    Args:
        entries: Result of `entries.prepare_entries`.
        period: First and last day of the comparison, as day numbers; None for all days.
        given: Sales unit to the first and last day that was read. Without it, a ledger covers the
            period from its first day, else from its first entry, and ends with its last entry.
    """
    day, entry_type = nw.col("ledger_day"), nw.col("entry_type")
    rows = collect_rows(
        entries.select(
            "msn",
            day=day,
            closed=nw.when(entry_type.is_in(list(PAYOUT_TYPES))).then(day),
            fee=nw.when(nw.col("role") == "fee").then(nw.lit(1)).otherwise(nw.lit(0)),
        )
        .group_by("msn")
        .agg(
            first=nw.col("day").min(),
            last=nw.col("day").max(),
            closed=nw.col("closed").max(),
            fees=nw.col("fee").sum(),
        )
    )
    found = {}
    for row in rows:
        first, last = row["first"], row["last"]
        if row["msn"] in given:
            first, last = (to_day_number(each) for each in given[row["msn"]])
        elif period is not None and period[0] > _NEVER:
            first = min(first, period[0])
        closed = _NEVER if row["closed"] is None else row["closed"]
        found[row["msn"]] = LedgerDays(first, last, closed, row["fees"] > 0)
    return found


class UncoveredUnit(NamedTuple):
    """What one sales unit moved in one currency, without a single entry on the ledger that was given.

    Attributes:
        msn, currency: The sales unit and currency.
        rows: Captures and refunds.
        minor: Captured less refunded, in minor units.
    """

    msn: str
    currency: str
    rows: int
    minor: int


def find_uncovered_units(
    movements: LazyFrame, days: Mapping[str, LedgerDays], period: tuple[int, int] | None
) -> tuple[UncoveredUnit, ...]:
    """Return the sales units with captures or refunds in the period and without a ledger.

    Args:
        movements: Result of `movements.select_movements`.
        days: Sales unit to the days that its ledger covers.
        period: First and last day, as day numbers; None for all days.
    """
    alone = movements.filter(~nw.col("msn").is_in(sorted(days))) if days else movements
    rows = collect_rows(
        alone.filter(is_in_period(nw.col("event_day"), period).fill_null(value=False))
        .select("msn", "currency", "event_minor", each=nw.lit(1, nw.Int64))
        .group_by("msn", "currency")
        .agg(
            rows=nw.col("each").sum().cast(nw.Int64),
            minor=nw.col("event_minor").sum().cast(nw.Int64),
        )
        .sort("msn", "currency")
    )
    return tuple(UncoveredUnit(**row) for row in rows)


def describe_uncovered_units(units: Iterable[UncoveredUnit]) -> tuple[str, ...]:
    """Say by name which sales units were not compared with the ledger."""
    return tuple(
        say(
            "notices.unit_without_ledger",
            msn=unit.msn,
            count=unit.rows,
            amount=format_money(unit.minor, unit.currency),
        )
        for unit in units
    )


def add_ledger_days(rows: LazyFrame, days: Mapping[str, LedgerDays]) -> LazyFrame:
    """Add the days of each row's sales unit; its ledger must be known."""
    columns: dict[str, nw.Expr] = {}
    for name in ("first", "last", "closed", "has_fees"):
        msns_by_value: dict[int, list[str]] = {}
        for msn, each in sorted(days.items()):
            msns_by_value.setdefault(getattr(each, name), []).append(msn)
        # Beside each other, not nested: a hundred conditions in each other are too deep for Python.
        values = [
            nw.when(nw.col("msn").is_in(msns)).then(nw.lit(value))
            for value, msns in msns_by_value.items()
        ]
        unknown = nw.lit(None).cast(nw.Boolean if name == "has_fees" else nw.Int64)
        columns[f"{name}_day" if name != "has_fees" else name] = nw.coalesce(*values, unknown)
    return rows.with_columns(**columns)


def is_in_period(day: nw.Expr, period: tuple[int, int] | None) -> nw.Expr:
    """Test whether a day is in the period; null where the day is."""
    if period is None:
        return ~day.is_null()
    return (day >= period[0]) & (day <= period[1])
