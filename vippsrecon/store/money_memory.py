"""Record what a later month must know of money in earlier ones, and read it.

record_money_memory   accounts of payouts, and entries of disputed captures; one transaction
read_payout_accounts  the account that the payouts of each ledger went to, by ledger date
read_dispute_entries  the entries of disputed captures
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from sqlalchemy import select

from vippsrecon.store.database.rows import insert_rows
from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import DISPUTE_ENTRIES, PAYOUT_ACCOUNTS
from vippsrecon.store.database.transactions import read_transaction, write_transaction


class PayoutAccount(NamedTuple):
    """The bank account that a payout went to.

    Attributes:
        ledger_id: The ledger.
        ledger_date: Last accounting day of the payout.
        account: The account.
    """

    ledger_id: str
    ledger_date: date
    account: str


class DisputeEntry(NamedTuple):
    """A ledger entry of a disputed capture. An entry never changes.

    Attributes:
        ledger_id, psp_reference, entry_type, ledger_date, amount_minor: The entry; "" where it has no
            pspReference.
        entry_number: Number among entries of which all these are equal, from 1.
        msn, reference, currency: Of the payment.
        entry_at: Its time as ISO 8601 text; None where only the day is known.
    """

    ledger_id: str
    psp_reference: str
    entry_type: str
    ledger_date: date
    amount_minor: int
    entry_number: int
    msn: str
    reference: str | None
    currency: str
    entry_at: str | None

    @property
    def key(self) -> tuple[str, str, str, date, int, int]:
        """What tells it from every other entry."""
        return self[:6]


def record_money_memory(
    store: Store,
    environment: str,
    accounts: Iterable[PayoutAccount],
    entries: Iterable[DisputeEntry],
) -> None:
    """Record accounts and entries. The account of a ledger date that is known is replaced.

    Raises:
        StoreError: Nothing was recorded.
    """
    with write_transaction(store) as connection:
        insert_rows(
            connection,
            PAYOUT_ACCOUNTS.name,
            (
                {
                    "environment": environment,
                    "ledger_id": each.ledger_id,
                    "ledger_date": each.ledger_date.isoformat(),
                    "account": each.account,
                }
                for each in accounts
            ),
            "(environment, ledger_id, ledger_date) DO UPDATE SET account = excluded.account",
        )
        insert_rows(
            connection,
            DISPUTE_ENTRIES.name,
            (
                {
                    **entry._asdict(),
                    "environment": environment,
                    "ledger_date": entry.ledger_date.isoformat(),
                }
                for entry in entries
            ),
            "DO NOTHING",
        )


def read_payout_accounts(store: Store, environment: str) -> list[PayoutAccount]:
    """Return the accounts that payouts went to."""
    columns = PAYOUT_ACCOUNTS.c
    query = select(columns.ledger_id, columns.ledger_date, columns.account).where(
        columns.environment == environment
    )
    with read_transaction(store) as connection:
        return [
            PayoutAccount(ledger_id, date.fromisoformat(day), account)
            for ledger_id, day, account in connection.execute(query)
        ]


def read_dispute_entries(store: Store, environment: str) -> list[DisputeEntry]:
    """Return the entries of disputed captures."""
    columns = [DISPUTE_ENTRIES.c[name] for name in DisputeEntry._fields]
    query = select(*columns).where(DISPUTE_ENTRIES.c.environment == environment)
    with read_transaction(store) as connection:
        entries = [DisputeEntry(*row) for row in connection.execute(query)]
    return [
        entry._replace(ledger_date=date.fromisoformat(str(entry.ledger_date))) for entry in entries
    ]
