"""Match payouts with bank lines: by reference, then by amount and day, then by proposed sets.

    text names payouts ──► groups ──► equal amounts, each line and payout once
                                      one credit of several payouts, several credits of one
    the rest           ──► equal amount, expected day
    the rest           ──► exact set, proposed only

Of several equal possibilities none is chosen: the payouts and lines keep the flag `ambiguous`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from vippsrecon.reconciliation.payouts_bank.references import PayoutIndex
from vippsrecon.reconciliation.payouts_bank.rows import BankLine, PayoutRow


class Match(NamedTuple):
    """A payout and a bank line that belong together, by position."""

    payout: int
    line: int
    matched_by: str
    proposed: bool = False


@dataclass
class Matching:
    """What was found out about payouts and bank lines, all by position.

    Attributes:
        payouts, lines: What was matched.
        named: The payouts that each line's text names.
        matches: What belongs together, or is proposed to.
        free_payouts: Payouts that no line is known to have paid.
        free_lines: Lines of Vipps MobilePay, or with a payout's text, without a payout.
        differing: Payouts and the lines that name them and together have another amount.
        reversed_lines: Credits, and the debits that took them back.
            payouts_by_line: The payouts that each matched line pays.
        proposed_payouts, proposed_lines: What is in a proposed set.
        payout_flags, line_flags: ambiguous, search_too_large.
    """

    payouts: Sequence[PayoutRow]
    lines: Sequence[BankLine]
    named: dict[int, tuple[int, ...]] = field(default_factory=dict)
    matches: list[Match] = field(default_factory=list)
    free_payouts: set[int] = field(default_factory=set)
    free_lines: set[int] = field(default_factory=set)
    differing: dict[int, tuple[int, ...]] = field(default_factory=dict)
    reversed_lines: set[int] = field(default_factory=set)
    payouts_by_line: dict[int, list[int]] = field(default_factory=dict)
    proposed_payouts: set[int] = field(default_factory=set)
    proposed_lines: set[int] = field(default_factory=set)
    payout_flags: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    line_flags: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, payouts: Iterable[int], lines: Iterable[int], matched_by: str) -> None:
        """Record that these payouts are these lines."""
        paid, credits = list(payouts), list(lines)
        self.matches += [Match(payout, line, matched_by) for payout in paid for line in credits]
        self.payouts_by_line.update(dict.fromkeys(credits, paid))
        self.free_payouts.difference_update(paid)
        self.free_lines.difference_update(credits)

    def propose(self, payouts: Iterable[int], lines: Iterable[int]) -> None:
        """Record that these payouts may be these lines. They stay free."""
        paid, credits = list(payouts), list(lines)
        self.matches += [
            Match(payout, line, "set_proposed", proposed=True)
            for payout in paid
            for line in credits
        ]
        self.proposed_payouts.update(paid)
        self.proposed_lines.update(credits)


def match_by_reference(payouts: Sequence[PayoutRow], lines: Sequence[BankLine]) -> Matching:
    """Match lines with the payouts that their texts name."""
    index = PayoutIndex(payouts)
    matching = Matching(payouts, lines)
    matching.free_payouts = {place for place, payout in enumerate(payouts) if payout.is_sent}
    for place, line in enumerate(lines):
        named = index.find(line)
        if named:
            matching.named[place] = named
        if named or (line.text.from_vipps and line.amount > 0):
            matching.free_lines.add(place)
    _cancel_reversals(matching)
    _match_equal_amounts(matching)
    _match_sums(matching)
    return matching


def _cancel_reversals(matching: Matching) -> None:
    """Take out each debit that names a payout, with the credit that it takes back."""
    credits: defaultdict[tuple[int, int, str], list[int]] = defaultdict(list)
    for place in sorted(matching.free_lines):
        line = matching.lines[place]
        for payout in matching.named.get(place, ()):
            if line.amount > 0:
                credits[payout, line.amount, line.account].append(place)
    for place in sorted(matching.free_lines):
        line = matching.lines[place]
        if line.amount >= 0:
            continue
        credit = next(
            (
                credit
                for payout in matching.named.get(place, ())
                for credit in credits[payout, -line.amount, line.account]
                if credit not in matching.reversed_lines
                and matching.lines[credit].booked_date <= line.booked_date
            ),
            None,
        )
        if credit is not None:
            matching.reversed_lines |= {credit, place}
    matching.free_lines -= matching.reversed_lines


def _match_equal_amounts(matching: Matching) -> None:
    """Match as many lines as payouts where reference and amount are equal, oldest first."""
    for place in sorted(matching.free_lines):
        line = matching.lines[place]
        payout = next(
            (
                named
                for named in matching.named.get(place, ())
                if named in matching.free_payouts and matching.payouts[named].amount == line.amount
            ),
            None,
        )
        if payout is not None:
            matching.add([payout], [place], "reference")


def _match_sums(matching: Matching) -> None:
    """Match one credit that names several payouts, and several credits that name one payout."""
    for place in sorted(matching.free_lines):
        named = [
            payout for payout in matching.named.get(place, ()) if payout in matching.free_payouts
        ]
        total = sum(matching.payouts[payout].amount for payout in named)
        if len(named) > 1 and total == matching.lines[place].amount:
            matching.add(named, [place], "reference")
    for payout, lines in list_lines_by_payout(matching).items():
        total = sum(matching.lines[line].amount for line in lines)
        if len(lines) > 1 and total == matching.payouts[payout].amount:
            matching.add([payout], lines, "reference")


def list_lines_by_payout(matching: Matching) -> dict[int, list[int]]:
    """Return the free lines that name one free payout and no other, by that payout."""
    lines: defaultdict[int, list[int]] = defaultdict(list)
    for place in sorted(matching.free_lines):
        named = [
            payout for payout in matching.named.get(place, ()) if payout in matching.free_payouts
        ]
        if len(named) == 1:
            lines[named[0]].append(place)
    return dict(sorted(lines.items()))


def settle_differences(matching: Matching) -> None:
    """Record the payouts whose lines name them and have another amount; last of all steps."""
    for payout, lines in list_lines_by_payout(matching).items():
        credits = [
            line
            for line in lines
            if line not in matching.proposed_lines and matching.lines[line].amount > 0
        ]
        if payout not in matching.proposed_payouts and credits:
            matching.differing[payout] = tuple(credits)
            matching.add([payout], credits, "reference")
