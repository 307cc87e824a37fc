"""Match what no text names: by amount and expected day, and by exact sets that are only proposed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from vippsrecon.reconciliation.payouts_bank.accounts import may_be_one_account
from vippsrecon.reconciliation.payouts_bank.covering_sets import Outcome, find_covering_set
from vippsrecon.reconciliation.payouts_bank.matching import (
    Matching,
    list_lines_by_payout,
)
from vippsrecon.reconciliation.payouts_bank.rows import BankLine, PayoutRow

DAYS_LATE = 7
"""A credit so many days after the expected one may still be the payout."""

DAYS_WITHOUT_EXPECTED = 14
"""The same, counted from the payout's last accounting day, where no day is expected."""

AMBIGUOUS, TOO_MANY = "ambiguous", "search_too_large"

_FLAG_BY_OUTCOME = {Outcome.SEVERAL: AMBIGUOUS, Outcome.TOO_MANY: TOO_MANY}


class Proposal(NamedTuple):
    """Payouts and lines that add up to one another, by position; one side has a single member."""

    payouts: tuple[int, ...]
    lines: tuple[int, ...]


def match_by_amount_and_day(matching: Matching) -> None:
    """Match lines of Vipps MobilePay without a payout's number with payouts of equal amount.

    A line on the expected day is the payout if each is the only one. What is left of one amount is
    matched in order if there are as many lines as payouts; otherwise all of them are ambiguous.
    """
    named = {payout for place in matching.free_lines for payout in matching.named.get(place, ())}
    lines = [place for place in sorted(matching.free_lines) if not matching.named.get(place)]
    for exact_day in (True, False):
        for group_payouts, group_lines in _group_by_amount(matching, lines, named, exact_day):
            pairs = list(zip(group_payouts, group_lines, strict=False))
            fits = all(
                _can_be(matching.payouts[payout], matching.lines[line]) for payout, line in pairs
            )
            if fits and len(group_payouts) == len(group_lines):
                for payout, line in pairs:
                    matching.add([payout], [line], "amount_and_day")
            elif not exact_day:
                for payout in group_payouts:
                    matching.payout_flags[payout].add(AMBIGUOUS)
                for line in group_lines:
                    matching.line_flags[line].add(AMBIGUOUS)


def _group_by_amount(
    matching: Matching, lines: Sequence[int], named: set[int], exact_day: bool
) -> list[tuple[list[int], list[int]]]:
    """Return the free payouts and lines that can be one another, in connected groups of one amount."""
    by_amount: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for payout in sorted(matching.free_payouts - named):
        row = matching.payouts[payout]
        by_amount[row.currency, row.amount].append(payout)
    edges: defaultdict[int, list[int]] = defaultdict(list)
    for place in lines:
        line = matching.lines[place]
        for payout in by_amount.get((line.currency, line.amount), ()):
            row = matching.payouts[payout]
            on_day = line.booked_date == row.expected_date
            if place in matching.free_lines and _can_be(row, line) and (on_day or not exact_day):
                edges[place].append(payout)
    return _connect(edges)


def _connect(edges: dict[int, list[int]]) -> list[tuple[list[int], list[int]]]:
    """Return the connected groups of a graph from lines to payouts."""
    group_of_payout: dict[int, int] = {}
    groups: dict[int, tuple[set[int], set[int]]] = {}
    for number, (line, payouts) in enumerate(sorted(edges.items())):
        joined = {group_of_payout[payout] for payout in payouts if payout in group_of_payout}
        merged: tuple[set[int], set[int]] = (set(payouts), {line})
        for old in joined:
            old_payouts, old_lines = groups.pop(old)
            merged[0].update(old_payouts)
            merged[1].update(old_lines)
        groups[number] = merged
        group_of_payout.update(dict.fromkeys(merged[0], number))
    return [(sorted(payouts), sorted(lines)) for payouts, lines in groups.values()]


def propose_sets(matching: Matching) -> None:
    """Propose exact sets: payouts that one credit pays, and credits that one payout is.

    Each search sees everything that is free, so the order of rows decides nothing; of proposals that
    share a payout or a credit none is made.
    """
    by_payout = list_lines_by_payout(matching)
    proposals = [
        Proposal(_cover_line(matching, place), (place,)) for place in sorted(matching.free_lines)
    ]
    proposals += [
        Proposal((payout,), _cover_payout(matching, payout, by_payout.get(payout, [])))
        for payout in sorted(matching.free_payouts)
    ]
    proposals = [each for each in proposals if each.payouts and each.lines]
    uses = Counter(payout for proposal in proposals for payout in proposal.payouts)
    line_uses = Counter(line for proposal in proposals for line in proposal.lines)
    for proposal in proposals:
        is_alone = all(uses[payout] == 1 for payout in proposal.payouts) and all(
            line_uses[line] == 1 for line in proposal.lines
        )
        if is_alone:
            matching.propose(*proposal)
            continue
        for payout in proposal.payouts:
            matching.payout_flags[payout].add(AMBIGUOUS)
        for line in proposal.lines:
            matching.line_flags[line].add(AMBIGUOUS)


def _cover_line(matching: Matching, place: int) -> tuple[int, ...]:
    line = matching.lines[place]
    named = [payout for payout in matching.named.get(place, ()) if payout in matching.free_payouts]
    candidates = [
        payout
        for payout in sorted(matching.free_payouts)
        if payout in named or _can_be(matching.payouts[payout], line)
    ]
    amounts = [matching.payouts[payout].amount for payout in candidates]
    required = [candidates.index(payout) for payout in named]
    result = find_covering_set(amounts, line.amount, required)
    if result.outcome in _FLAG_BY_OUTCOME:
        matching.line_flags[place].add(_FLAG_BY_OUTCOME[result.outcome])
    return tuple(candidates[position] for position in result.positions)


def _cover_payout(matching: Matching, payout: int, named_by: Sequence[int]) -> tuple[int, ...]:
    row = matching.payouts[payout]
    candidates = [
        place
        for place in sorted(matching.free_lines)
        if place in named_by
        or (not matching.named.get(place) and _can_be(row, matching.lines[place]))
    ]
    amounts = [matching.lines[place].amount for place in candidates]
    required = [candidates.index(place) for place in named_by]
    result = find_covering_set(amounts, row.amount, required)
    if result.outcome in _FLAG_BY_OUTCOME:
        matching.payout_flags[payout].add(_FLAG_BY_OUTCOME[result.outcome])
    return tuple(candidates[position] for position in result.positions)


def _can_be(payout: PayoutRow, line: BankLine) -> bool:
    """Return whether a line can be a payout or a part of it, but for its amount."""
    return (
        payout.currency == line.currency
        and may_be_one_account(payout.account, line.account)
        and payout.ledger_date <= line.booked_date <= find_latest_day(payout)
    )


def find_latest_day(payout: PayoutRow) -> date:
    """Return the last day on which a credit without a payout's number may be the payout."""
    if payout.expected_date is None:
        return payout.ledger_date + timedelta(days=DAYS_WITHOUT_EXPECTED)
    return payout.expected_date + timedelta(days=DAYS_LATE)
