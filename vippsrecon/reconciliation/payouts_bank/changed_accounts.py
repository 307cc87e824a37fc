"""Find payouts that go to another bank account than the ones before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from vippsrecon.reconciliation.payouts_bank.accounts import may_be_one_account, normalize_account
from vippsrecon.reconciliation.payouts_bank.rows import PayoutRow
from vippsrecon.reconciliation.results.findings import Finding


def find_changed_accounts(
    rows: Iterable[PayoutRow], known_accounts: Mapping[str, str], question: str
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
                    question,
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
