"""Access of one run to the workspace database: open it, check its journal, release the plan lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from vippsrecon.api.client import Client
from vippsrecon.bulk.execution.context import RunContext
from vippsrecon.bulk.plan.model import Plan
from vippsrecon.errors import StoreError
from vippsrecon.store import (
    PlanLock,
    Store,
    database_exists,
    open_store,
    read_head,
    release,
    verify_journal,
)


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


def read_journal_head(store: Store, plan: Plan, context: RunContext) -> tuple[int, str] | None:
    """Return the journal head, or None if the database fails: the run's result is still returned."""
    try:
        return read_head(store, plan.plan_id)
    except StoreError as error:
        context.stop_reason = context.stop_reason or str(error)
        return None


def release_plan_lock(store: Store, plan_lock: PlanLock) -> None:
    """Release the plan lock. If that fails, the next run waits until the lease expires."""
    with suppress(StoreError):
        release(store, plan_lock)
