"""Check the numbers of a ledger's payouts, which are consecutive, and the account they go to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import pairwise

from vippsrecon.reconciliation.ledger_payouts.spans import PayoutEntry
from vippsrecon.reconciliation.payouts_bank.accounts import may_be_one_account, normalize_account
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


def find_changed_accounts(
    rows: Iterable[PayoutRow], known_accounts: Mapping[str, str]
) -> Iterator[tuple[tuple[str, str], Finding]]:
    """Find the first payout of a ledger to another account than the one before.

    Whoever gets hold of a merchant's portal changes the account first, so this is an alarm.
    """
    accounts = {ledger: normalize_account(account) for ledger, account in known_accounts.items()}
    for row in sorted(rows, key=lambda row: (row.ledger_date, len(row.number), row.number)):
        known = accounts.get(row.ledger_id, "")
        if row.account and not may_be_one_account(known, row.account):
            yield (
                (row.ledger_id, row.number),
                Finding(
                    QUESTION,
                    "payout_account_changed",
                    "",
                    row.msn,
                    None,
                    None,
                    row.number,
                    row.currency,
                    row.amount,
                    row.amount,
                    0,
                    "",
                    f"{row.copy + 1}" if row.copy else "",
                ),
            )
        if row.account:
            accounts[row.ledger_id] = row.account
