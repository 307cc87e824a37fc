"""Divide each ledger into the spans that its payouts pay: the entries since the payout before.

    balance after the payout before  +  entries since  =  balance before this payout
    balance before this payout       −  payout         =  balance after it, carried into the next span

A payout covers a whole number of ledger dates, so the entries are summed by date on their own engine,
and only these sums are collected.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import LazyFrame, collect_rows, prepare_frame
from vippsrecon.schemas import LEDGER_ENTRIES
from vippsrecon.vipps_rules import PAYOUT_ABORTED, PAYOUT_TYPES, read_payout_number

_COLUMNS = (
    "ledger_id",
    "msn",
    "topic",
    "psp_reference",
    "reference",
    "entry_type",
    "ledger_date",
    "currency",
    "amount_minor",
    "balance_before_minor",
    "balance_after_minor",
    "source_file",
)

LedgerKey = tuple[str, str]
"""(ledger_id, currency)."""


class DaySum(NamedTuple):
    """The funds entries of one type on one ledger date."""

    ledger_id: str
    msn: str
    currency: str
    day: date
    entry_type: str
    amount: int
    rows: int

    @property
    def is_payout(self) -> bool:
        """Whether these are payouts."""
        return self.entry_type in PAYOUT_TYPES


class PayoutEntry(NamedTuple):
    """One entry that sends money to the bank, or takes an aborted payout back.

    Attributes:
        amount: What was sent or came back, positive; negative where money is owed.
        before, after: The balance; None where the source does not state it.
        from_file: Whether it comes from a file, which has all entries of each payout it lists.
    """

    ledger_id: str
    number: str
    msn: str
    currency: str
    day: date
    is_aborted: bool
    amount: int
    before: int | None
    after: int | None
    from_file: bool


class Span(NamedTuple):
    """The ledger dates up to a payout, or those after the last payout.

    Attributes:
        ledger_id, currency: The ledger.
        msn: Its sales unit; of a ledger of several, the first one.
        payouts: The payouts on the last date; none after the last payout.
        sums: Other entries, by date.
        carried: The balance before the first of these entries; None where it is not known.
        is_first: Whether the data begins with it, so that what is carried cannot be checked.
    """

    ledger_id: str
    currency: str
    msn: str
    payouts: tuple[PayoutEntry, ...]
    sums: tuple[tuple[date, int], ...]
    carried: int | None
    is_first: bool

    @property
    def entries_minor(self) -> int:
        """The sum of its entries, without payouts."""
        return sum(amount for _, amount in self.sums)

    @property
    def paid_minor(self) -> int:
        """The sum of its payouts."""
        return sum(payout.amount for payout in self.payouts)

    @property
    def gap_minor(self) -> int:
        """By how much the ledger's balance before the payout differs from what its entries give."""
        before = find_opening(self.payouts)
        if self.carried is None or before is None:
            return 0
        return before - self.carried - self.entries_minor


class LedgerSpans(NamedTuple):
    """All ledgers, divided: the sums of each date, the entries of payouts, and the spans in order."""

    day_sums: list[DaySum]
    scheduled: list[PayoutEntry]
    aborted: list[PayoutEntry]
    spans: list[Span]


def collect_spans(ledger_entries: Any) -> LedgerSpans:
    """Sum entries by date on their engine and divide each ledger by its payouts.

    Args:
        ledger_entries: `schemas.LEDGER_ENTRIES`, or a lazy frame as `prepare_frame` returns it.
    """
    entries = (
        ledger_entries
        if isinstance(ledger_entries, nw.LazyFrame)
        else prepare_frame(ledger_entries, LEDGER_ENTRIES, _COLUMNS)
    )
    funds = entries.filter(nw.col("topic") == "funds")
    day_sums = _collect_day_sums(funds)
    payouts = _collect_payouts(funds)
    scheduled = [payout for payout in payouts if not payout.is_aborted]
    by_ledger: defaultdict[LedgerKey, list[DaySum]] = defaultdict(list)
    for row in day_sums:
        by_ledger[row.ledger_id, row.currency].append(row)
    spans = []
    for key, rows in sorted(by_ledger.items()):
        own = [payout for payout in scheduled if (payout.ledger_id, payout.currency) == key]
        opening = None if own else _find_first_balance(funds, key, min(row.day for row in rows))
        spans += _divide(key, rows, own, opening)
    return LedgerSpans(
        day_sums, scheduled, [payout for payout in payouts if payout.is_aborted], spans
    )


def _collect_day_sums(funds: LazyFrame) -> list[DaySum]:
    keys = ["ledger_id", "msn", "currency", "ledger_date", "entry_type"]
    sums = funds.group_by(*keys).agg(
        amount=nw.col("amount_minor").sum().cast(nw.Int64), rows=nw.len().cast(nw.Int64)
    )
    columns = [*keys, "amount", "rows"]
    return sorted(DaySum(*map(row.__getitem__, columns)) for row in collect_rows(sums))


def _collect_payouts(funds: LazyFrame) -> list[PayoutEntry]:
    rows = collect_rows(funds.filter(nw.col("entry_type").is_in([*PAYOUT_TYPES, PAYOUT_ABORTED])))
    payouts = []
    for row in rows:
        is_aborted = row["entry_type"] == PAYOUT_ABORTED
        payouts.append(
            PayoutEntry(
                row["ledger_id"],
                read_payout_number(
                    row["psp_reference"], row["reference"], row["ledger_id"], row["ledger_date"]
                ),
                row["msn"],
                row["currency"],
                row["ledger_date"],
                is_aborted,
                row["amount_minor"] if is_aborted else -row["amount_minor"],
                row["balance_before_minor"],
                row["balance_after_minor"],
                row["source_file"] is not None,
            )
        )
    return sorted(payouts, key=_payout_order)


def _payout_order(payout: PayoutEntry) -> tuple[Any, ...]:
    return (
        payout.ledger_id,
        payout.currency,
        payout.day,
        len(payout.number),
        payout.number,
        payout.amount,
        *(0 if value is None else value for value in (payout.before, payout.after)),
    )


def _find_first_balance(funds: LazyFrame, key: LedgerKey, day: date) -> int | None:
    """Return the balance before the first entry of a ledger, from the entries of its first date.

    It is the only balance before an entry that is not also one after an entry.
    """
    ledger_id, currency = key
    is_first = (
        (nw.col("ledger_id") == ledger_id)
        & (nw.col("currency") == currency)
        & (nw.col("ledger_date") == nw.lit(day))
    )
    rows = collect_rows(
        funds.filter(is_first).select("balance_before_minor", "balance_after_minor")
    )
    if not rows or any(value is None for row in rows for value in row.values()):
        return None
    before = Counter(row["balance_before_minor"] for row in rows)
    before.subtract(row["balance_after_minor"] for row in rows)
    openings = [balance for balance, count in before.items() if count > 0]
    if len(openings) == 1:
        return int(openings[0])
    # A day that ends where it began has as many of each.
    return int(rows[0]["balance_before_minor"]) if not openings and len(rows) == 1 else None


def _divide(
    key: LedgerKey, rows: Sequence[DaySum], payouts: Sequence[PayoutEntry], opening: int | None
) -> list[Span]:
    sums: defaultdict[date, int] = defaultdict(int)
    for row in rows:
        if not row.is_payout:
            sums[row.day] += row.amount
    by_day: defaultdict[date, list[PayoutEntry]] = defaultdict(list)
    for payout in payouts:
        by_day[payout.day].append(payout)
    spans: list[Span] = []
    msn = min(row.msn for row in rows)
    rest = sorted(sums.items())
    carried = opening
    for day, on_day in sorted(by_day.items()):
        own = tuple(each for each in rest if each[0] <= day)
        rest = rest[len(own) :]
        if not spans:
            before = find_opening(on_day)
            carried = None if before is None else before - sum(amount for _, amount in own)
        spans.append(Span(*key, msn, tuple(on_day), own, carried, not spans))
        carried = find_closing(on_day)
    if rest or not spans:
        spans.append(Span(*key, msn, (), tuple(rest), carried, not spans))
    return spans


def find_opening(payouts: Iterable[PayoutEntry]) -> int | None:
    """Return the balance before the first of the payouts of one date; None where it is not known."""
    return _find_end([(payout.before, payout.after) for payout in payouts])


def find_closing(payouts: Iterable[PayoutEntry]) -> int | None:
    """Return the balance after the last of the payouts of one date; None where it is not known."""
    return _find_end([(payout.after, payout.before) for payout in payouts])


def _find_end(balances: Sequence[tuple[int | None, int | None]]) -> int | None:
    if not balances or any(None in pair for pair in balances):
        return None
    others = Counter(other for _, other in balances)
    ends = [own for own, _ in balances if not others[own]]
    return ends[0] if ends else balances[0][0]
