"""Use what earlier months showed of payouts and disputes: a month's own ledger does not have it.

A payout to another account than last month's is an alarm. A payment whose money was retained last
month, and not returned since, must not be refunded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import narwhals.stable.v2 as nw
import polars as pl

from vippsrecon import schemas
from vippsrecon.reconciliation.engines.backends import prepare_frame
from vippsrecon.reconciliation.payments_ledger.disputes import find_disputed_payments
from vippsrecon.reconciliation.payments_ledger.entries import DISPUTE_TYPES
from vippsrecon.store import (
    DisputeEntry,
    PayoutAccount,
    Store,
    read_dispute_entries,
    read_payout_accounts,
)


class MoneyMemory(NamedTuple):
    """What months showed of payouts and disputes.

    Attributes:
        accounts: The bank account of payouts.
        disputes: The ledger entries of disputed captures.
    """

    accounts: list[PayoutAccount]
    disputes: list[DisputeEntry]

    @classmethod
    def of(cls, entries: pl.DataFrame | None, payouts: pl.DataFrame | None) -> MoneyMemory:
        """Return what one run's ledger shows; nothing where it had none."""
        return cls(list_payout_accounts(payouts), list_dispute_entries(entries))

    def merge(self, *others: MoneyMemory) -> MoneyMemory:
        """Return what all of them show."""
        return MoneyMemory(
            [each for memory in (self, *others) for each in memory.accounts],
            [each for memory in (self, *others) for each in memory.disputes],
        )

    def choose_accounts(self, payouts: pl.DataFrame | None) -> dict[str, str]:
        """Return the account that each ledger paid to before these payouts of `schemas.PAYOUTS`."""
        return choose_known_accounts(self.accounts, payouts)

    def find_disputed(
        self, entries: pl.DataFrame | None, events: pl.DataFrame
    ) -> frozenset[tuple[str, str]]:
        """Return (msn, reference) of the payments of which money is retained for a dispute.

        Args:
            entries: `schemas.LEDGER_ENTRIES` of this run; None where it has no ledger.
            events: `schemas.EVENTS` of this run.
        """
        return find_earlier_disputes(self.disputes, entries, events)


def read_money_memory(store: Store, environment: str) -> MoneyMemory:
    """Return what the workspace database has of earlier months."""
    return MoneyMemory(
        read_payout_accounts(store, environment), read_dispute_entries(store, environment)
    )


def list_payout_accounts(payouts: pl.DataFrame | None) -> list[PayoutAccount]:
    """Return the account of the last payout of each ledger date.

    Args:
        payouts: `schemas.PAYOUTS`; None where no ledger was given.
    """
    if payouts is None:
        return []
    rows = (
        payouts.filter(pl.col("account").fill_null("") != "")
        .sort("ledger_date", pl.col("payout_number").str.len_chars(), "payout_number")
        .unique(["ledger_id", "ledger_date"], keep="last", maintain_order=True)
    )
    return [
        PayoutAccount(*row)
        for row in rows.select("ledger_id", "ledger_date", "account").iter_rows()
    ]


def choose_known_accounts(
    seen: Iterable[PayoutAccount], payouts: pl.DataFrame | None
) -> dict[str, str]:
    """Return the account that each ledger paid to before the first payout of this run.

    Args:
        seen: What earlier runs saw, also of later months.
        payouts: `schemas.PAYOUTS` of this run; None where no ledger was given.
    """
    if payouts is None:
        return {}
    first_days = dict(payouts.group_by("ledger_id").agg(pl.col("ledger_date").min()).iter_rows())
    latest: dict[str, PayoutAccount] = {}
    for each in seen:
        first = first_days.get(each.ledger_id)
        other = latest.get(each.ledger_id)
        if first is None or each.ledger_date >= first:
            continue
        if other is None or other.ledger_date < each.ledger_date:
            latest[each.ledger_id] = each
    return {ledger_id: latest[ledger_id].account for ledger_id in sorted(latest)}


def list_dispute_entries(entries: pl.DataFrame | None) -> list[DisputeEntry]:
    """Return the entries of disputed captures.

    Args:
        entries: `schemas.LEDGER_ENTRIES`; None where no ledger was given.
    """
    if entries is None:
        return []
    numbers: Counter[tuple[object, ...]] = Counter()
    found = []
    for row in entries.filter(pl.col("entry_type").is_in(DISPUTE_TYPES)).iter_rows(named=True):
        at = row["entry_at"]
        entry = DisputeEntry(
            row["ledger_id"],
            row["psp_reference"] or "",
            row["entry_type"],
            row["ledger_date"],
            row["amount_minor"],
            0,
            row["msn"],
            row["reference"],
            row["currency"],
            None if at is None else at.isoformat(),
        )
        numbers[entry.key] += 1
        found.append(entry._replace(entry_number=numbers[entry.key]))
    return found


def find_earlier_disputes(
    seen: Iterable[DisputeEntry], entries: pl.DataFrame | None, events: pl.DataFrame
) -> frozenset[tuple[str, str]]:
    """Return (msn, reference) of the payments of which money is retained, by all entries together.

    Args:
        seen: The entries that earlier runs saw.
        entries: `schemas.LEDGER_ENTRIES` of this run; None where no ledger was given.
        events: `schemas.EVENTS` of this run.
    """
    by_key: Mapping[tuple[object, ...], DisputeEntry] = {
        entry.key: entry for entry in [*seen, *list_dispute_entries(entries)]
    }
    if not by_key:
        return frozenset()
    columns = schemas.polars_schema(schemas.LEDGER_ENTRIES)
    rows = [
        dict.fromkeys(columns)
        | {name: value for name, value in entry._asdict().items() if name in columns}
        | {
            "topic": "funds",
            "entry_at": None if entry.entry_at is None else datetime.fromisoformat(entry.entry_at),
        }
        for entry in by_key.values()
    ]
    frame = schemas.to_polars(pl.DataFrame(rows, schema=columns), schemas.LEDGER_ENTRIES)
    operations = events.select("msn", "reference", "psp_reference")
    return find_disputed_payments(
        prepare_frame(frame, schemas.LEDGER_ENTRIES), nw.from_native(operations.lazy())
    )
