"""A plan's journal in the workspace database, as one run reads and writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeAlias

from vippsrecon.api.client import Client
from vippsrecon.bulk.plan.model import Plan, PlanRow
from vippsrecon.errors import StoreError
from vippsrecon.store import (
    Attempt,
    CapExceeded,
    Draft,
    Entry,
    PaymentBusy,
    PaymentChanged,
    PlanLock,
    Store,
    commit_entries,
    database_exists,
    open_store,
    read_attempts,
    read_cap_usage,
    release,
    renew,
    verify_journal,
)

WriteResult: TypeAlias = Entry | PaymentBusy | CapExceeded | PaymentChanged


class PlanJournal:
    """The journal of the plan that a run carries out, and the attempts of other plans.

    Its methods block, and raise StoreError if the database fails.

    Args:
        store: The workspace database.
        plan: The plan.
        lock: The plan lock; None in a dry run, which writes nothing.
    """

    def __init__(self, store: Store, plan: Plan, lock: PlanLock | None = None) -> None:
        self._store = store
        self._plan = plan
        self._lock = lock

    def find_other_attempts(self, row: PlanRow) -> list[Attempt]:
        """Return the attempts of other plans at the row's payment."""
        payment = (row.msn, row.reference)
        environment, plan_id = self._plan.environment, self._plan.plan_id
        return read_attempts(self._store, environment, [payment], but=plan_id).get(payment, [])

    def read_cap_usage(self, scope: str) -> dict[str, int]:
        """Return currency to the minor units that all plans have used of a cap."""
        return read_cap_usage(self._store, self._plan.environment, scope)

    def commit(self, drafts: Sequence[Draft]) -> list[WriteResult]:
        """Write entries in one transaction: all, or none if the plan lock was lost."""
        assert self._lock is not None
        return commit_entries(self._store, self._lock, drafts)

    def renew_lock(self) -> None:
        """Renew the lease of the plan lock.

        Raises:
            PlanLockLostError: Another process took over the lock.
        """
        assert self._lock is not None
        renew(self._store, self._lock)

    def release_lock(self) -> None:
        """Release the plan lock. If that fails, the next run waits until the lease expires."""
        assert self._lock is not None
        with suppress(StoreError):
            release(self._store, self._lock)


@contextmanager
def use_store(store: Store | None, client: Client) -> Iterator[Store]:
    """Yield the given store, or open the one in the settings and close it afterwards."""
    if store is not None:
        yield store
        return
    with open_store(client.settings.database_url) as opened:
        yield opened


@contextmanager
def use_existing_store(store: Store | None, client: Client) -> Iterator[Store | None]:
    """Yield the store, or None if there is no database: a dry run creates none."""
    if store is None and not database_exists(client.settings.database_url):
        yield None
        return
    with use_store(store, client) as opened:
        yield opened


def refuse_broken_journal(store: Store, plan: Plan) -> None:
    """Refuse to continue from a modified journal: its outcomes may be wrong."""
    verdict = verify_journal(store, plan.plan_id)
    if not verdict.ok:
        raise StoreError(
            f"the journal of plan {plan.plan_id} was modified: {verdict.fault}. Nothing was sent. "
            "Compare it with a backup and with Vipps MobilePay's portal before you continue"
        )
