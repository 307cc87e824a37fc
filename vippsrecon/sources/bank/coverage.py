"""Say what statements do not cover: gaps between them, other accounts, other months."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from vippsrecon.sources.bank.accounts import normalize_account
from vippsrecon.sources.bank.balances import describe_statement
from vippsrecon.sources.bank.statement import Statement
from vippsrecon.texts import format_spaced_money, say, say_number

_MAX_GAPS_NAMED = 5
LONGEST_WEEKEND_DAYS = 5
"""Days without a statement that holidays and a weekend explain (Easter)."""


class StatementGap(NamedTuple):
    """Two statements of an account that follow one another, with something missing between them.

    Attributes:
        earlier, later: The two statements.
        why: What shows it: `numbers` (statements are missing by their number), `balances` (the later
            one does not open where the earlier one closes), or `days` (more days without a statement
            than Easter explains; only this is no proof).
        missing: Number of missing statements, where the numbers show it; else 0.
    """

    earlier: Statement
    later: Statement
    why: str
    missing: int = 0

    @property
    def is_proven(self) -> bool:
        """Whether lines are certainly missing."""
        return self.why != "days"

    def describe(self) -> str:
        """Return the gap as a sentence."""
        one, other = self.earlier, self.later
        two = {"earlier": describe_statement(one), "later": describe_statement(other)}
        if self.why == "numbers":
            numbers = {"one": str(one.sequence), "other": str(other.sequence)}
            return say_number("bank_notes.statements_missing", self.missing, **two, **numbers)
        if self.why == "balances":
            closing = format_spaced_money(one.closing_minor or 0, one.currency)
            opening = format_spaced_money(other.opening_minor or 0, other.currency)
            return say("bank_notes.balances_apart", **two, closing=closing, opening=opening)
        return say("bank_notes.silent_days", **two)


def find_gaps(statements: Sequence[Statement]) -> list[StatementGap]:
    """Return the gaps between statements that follow one another, account by account."""
    gaps: list[StatementGap] = []
    for account in sorted({(s.account or "", s.currency) for s in statements}):
        own = [s for s in statements if (s.account or "", s.currency) == account and s.first_date]
        own.sort(key=lambda s: (s.first_date, s.last_date, s.sequence or 0))
        gaps += [gap for one, other in pairwise(own) if (gap := _find_gap(one, other)) is not None]
    return gaps


def _find_gap(earlier: Statement, later: Statement) -> StatementGap | None:
    if earlier.last_date is None or later.first_date is None or later.last_date is None:
        return None
    if later.first_date < earlier.last_date or later.last_date <= earlier.last_date:
        return None  # They overlap, or one repeats the other.
    missing = (later.sequence or 0) - (earlier.sequence or 0) - 1
    has_numbers = earlier.sequence is not None and later.sequence is not None
    # Banks begin at 1 again each year, so a lower number does not mean a gap.
    if has_numbers and missing > 0 and earlier.last_date.year == later.last_date.year:
        return StatementGap(earlier, later, "numbers", missing)
    if earlier.closing_minor is not None and later.opening_minor is not None:
        is_chained = earlier.closing_minor == later.opening_minor
        return None if is_chained else StatementGap(earlier, later, "balances")
    is_long = (later.first_date - earlier.last_date).days > LONGEST_WEEKEND_DAYS
    return StatementGap(earlier, later, "days") if is_long else None


def describe_gaps(statements: Sequence[Statement]) -> list[str]:
    """Return a sentence for each gap between statements that follow one another."""
    notes = [gap.describe() for gap in find_gaps(statements)]
    if len(notes) > _MAX_GAPS_NAMED:
        more = len(notes) - _MAX_GAPS_NAMED
        notes = [*notes[:_MAX_GAPS_NAMED], say_number("bank_notes.more_gaps", more)]
    return notes


def describe_other_accounts(
    statements: Sequence[Statement], accounts: Collection[str]
) -> list[str]:
    """Return sentences on accounts that were not expected, and expected ones without a statement.

    Args:
        statements: As read.
        accounts: The accounts that payouts go to; empty if they are not known.
    """
    expected = {account for text in accounts if (account := normalize_account(text))}
    if not expected:
        return []
    present = {statement.account for statement in statements if statement.account}
    notes = [
        say("bank_notes.other_account", account=account) for account in sorted(present - expected)
    ]
    if all(statement.account for statement in statements):
        notes += [
            say("bank_notes.no_statement", account=account)
            for account in sorted(expected - present)
        ]
    return notes


def describe_other_days(
    statements: Sequence[Statement], period: tuple[date, date] | None
) -> list[str]:
    """Return sentences on days of the period that no statement covers.

    Args:
        statements: As read.
        period: First and last day that is reconciled; None if that is not known.
    """
    dated = [(s.first_date, s.last_date) for s in statements if s.first_date and s.last_date]
    if period is None or not dated:
        return []
    first, last = min(day for day, _ in dated), max(day for _, day in dated)
    covered = say("bank_notes.days", first=first.isoformat(), last=last.isoformat())
    wanted = say("bank_notes.days", first=period[0].isoformat(), last=period[1].isoformat())
    if last < period[0] or first > period[1]:
        return [say("bank_notes.other_month", covered=covered, wanted=wanted)]
    notes = []
    # An opening balance is often dated the day before, and a month may begin on a holiday.
    if first > period[0] + timedelta(days=LONGEST_WEEKEND_DAYS):
        notes.append(say("bank_notes.begin_late", day=first.isoformat(), wanted=wanted))
    if last < period[1]:
        notes.append(say("bank_notes.end_early", day=last.isoformat(), wanted=wanted))
    return notes
