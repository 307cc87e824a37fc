"""Check the numbers of a ledger's payouts, which are consecutive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import pairwise

from vippsrecon.reconciliation.ledger_payouts.spans import PayoutEntry
from vippsrecon.reconciliation.payouts_bank.rows import PayoutRow
from vippsrecon.reconciliation.results.findings import Finding

QUESTION = "payout"


def find_number_gaps(
    rows: Iterable[PayoutRow], scheduled: Iterable[PayoutEntry]
) -> Iterator[Finding]:
    """Find payout numbers that are missing between two others of a ledger: one finding for each gap.

    A number that is a date stands for a payout whose source states no number, and is left out.
    """
    numbers: defaultdict[str, dict[int, PayoutRow | PayoutEntry]] = defaultdict(dict)
    payouts: list[PayoutRow | PayoutEntry] = [*scheduled, *rows]
    for payout in payouts:
        if payout.number.isascii() and payout.number.isdigit() and not _is_date(payout.number):
            numbers[payout.ledger_id][int(payout.number)] = payout
    for _, own in sorted(numbers.items()):
        for before, after in pairwise(sorted(own)):
            if after - before > 1:
                about = own[after]
                yield Finding(
                    QUESTION,
                    "payout_number_gap",
                    "",
                    about.msn,
                    None,
                    None,
                    str(before + 1),
                    about.currency,
                    None,
                    None,
                    0,
                    "",
                    str(after - 1) if after - before > 2 else "",
                )


def _is_date(number: str) -> bool:
    if len(number) != len("20261031"):
        return False
    try:
        date.fromisoformat(f"{number[:4]}-{number[4:6]}-{number[6:]}")
    except ValueError:
        return False
    return True
