"""The plan lock: one process at a time carries a plan out, across machines.

A plan's row in `carriers` has an epoch. Acquiring the lock adds one to it. Every append of a holder
first updates that row *where the epoch is still its own*, in the same transaction. So a process that
was suspended, and resumes after another took over, updates no row and can write nothing more.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, update

from vippsrecon.errors import PlanLockHeldError, PlanLockLostError
from vippsrecon.store.database.processes import has_process_ended, identify_process
from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import CARRIERS, database_time
from vippsrecon.store.database.transactions import (
    read_transaction,
    run_in_write_transaction,
    write_transaction,
)
from vippsrecon.store.journal.entries import (
    build_unknown_plan_error,
    link_entries,
    read_chain,
    write_entries,
)
from vippsrecon.store.journal.entry import Draft, Entry

LEASE_SECONDS = 30.0
"""A holder without a heartbeat for this long, by the database's clock, may be replaced."""

LEASE_RENEWAL_SECONDS = 5.0
"""How often a holder renews its lease. Every commit renews it too."""


class PlanLock(NamedTuple):
    """The right to append to a plan's chain while its epoch is the plan's current one.

    Attributes:
        epoch: How often the lock of this plan was acquired, this time included.
        environment: test, production or simulator.
        verb: refund, cancel or capture.
    """

    plan_id: str
    epoch: int
    environment: str
    verb: str


def acquire(
    store: Store,
    plan_id: str,
    *,
    holder: str,
    host: str,
    pid: int,
    started: str | None = None,
    at: str = "",
    approver: str | None = None,
) -> PlanLock:
    """Acquire the plan lock.

    Succeeds if nobody holds it, if the holder sent no heartbeat for LEASE_SECONDS, or if the
    holder ran on this host and its process has ended.

    Args:
        store: The database.
        plan_id: A recorded plan.
        holder: Name of the user, shown to people.
        host: Name of this machine.
        pid: Id of this process.
        started: Result of `identify_process`; None calls it.
        at: Server time of the entry; "" for the database's time, which leases always use.
        approver: Whose approval applies; None if no money can be moved.

    Raises:
        PlanLockHeldError: Another process holds it; the sentence says who, where and since when.
        PlanError: The plan is not recorded in this database.
        StoreError: The database cannot be used.
    """
    started = identify_process(pid) if started is None else started

    def work(connection: Connection) -> tuple[PlanLock, list[Entry]]:
        chosen = select(*CARRIERS.c, database_time().label("now"))
        row = connection.execute(chosen.where(CARRIERS.c.plan_id == plan_id)).one_or_none()
        if row is None:
            raise build_unknown_plan_error(store, plan_id)
        if row.holder is not None:
            _refuse_if_holder_alive(row, host)
        epoch = row.epoch + 1
        connection.execute(
            update(CARRIERS)
            .where(CARRIERS.c.plan_id == plan_id, CARRIERS.c.epoch == row.epoch)
            .values(
                epoch=epoch,
                holder=holder,
                host=host,
                pid=pid,
                started=started,
                taken_at=row.now,
                heartbeat_at=row.now,
            )
        )
        detail = {
            "holder": holder,
            "host": host,
            "pid": pid,
            "epoch": epoch,
            "approver": approver,
            "instead_of": None if row.holder is None else _describe_holder(row),
        }
        chain = read_chain(connection, plan_id)
        entries = link_entries(
            [Draft("carrier", detail=detail)], chain, epoch=epoch, at=at or row.now
        )
        write_entries(connection, entries)
        return PlanLock(plan_id, epoch, chain.environment, chain.verb), entries

    return run_in_write_transaction(store, work)


def renew(store: Store, carrier: PlanLock) -> None:
    """Renew the lease of a plan lock.

    Raises:
        PlanLockLostError: Another process took over the lock.
        StoreError: The database cannot be used.
    """
    with write_transaction(store) as connection:
        ensure_held(connection, carrier)


def release(store: Store, carrier: PlanLock) -> None:
    """Release a plan lock at the end of a run. If another process took it over, nothing changes.

    Raises:
        StoreError: The database cannot be used.
    """
    with write_transaction(store) as connection:
        connection.execute(
            update(CARRIERS)
            .where(CARRIERS.c.plan_id == carrier.plan_id, CARRIERS.c.epoch == carrier.epoch)
            .values(holder=None, host=None, pid=None, started=None, taken_at=None)
        )


def ensure_held(connection: Connection, carrier: PlanLock) -> str:
    """Renew the lease and lock the plan's row until the end of the transaction.

    Returns:
        The database's time.

    Raises:
        PlanLockLostError: The plan has another epoch by now, or the lock was released.
    """
    renewed = connection.execute(
        update(CARRIERS)
        .where(
            CARRIERS.c.plan_id == carrier.plan_id,
            CARRIERS.c.epoch == carrier.epoch,
            CARRIERS.c.holder.is_not(None),
        )
        .values(heartbeat_at=database_time())
        .returning(CARRIERS.c.heartbeat_at)
    ).scalar_one_or_none()
    if renewed is None:
        raise _build_lost_error(connection, carrier)
    return str(renewed)


def check_held(store: Store, carrier: PlanLock) -> bool:
    """Return whether a plan lock is still held, without renewing the lease.

    Raises:
        StoreError: The database cannot be used.
    """
    chosen = select(CARRIERS.c.epoch).where(
        CARRIERS.c.plan_id == carrier.plan_id, CARRIERS.c.holder.is_not(None)
    )
    with read_transaction(store) as connection:
        return connection.execute(chosen).scalar() == carrier.epoch


def _refuse_if_holder_alive(row: Any, host: str) -> None:
    silent = _seconds_between(row.heartbeat_at, row.now)
    if silent >= LEASE_SECONDS:
        return
    if row.host == host and has_process_ended(row.pid, row.started or ""):
        return
    raise PlanLockHeldError(
        f"plan {row.plan_id} is being carried out by {row.holder} on {row.host} (process "
        f"{row.pid}) since {row.taken_at}, last heard of {max(silent, 0):.0f} s ago: wait until "
        f"that has finished, or stop it there; {LEASE_SECONDS:.0f} s after its last sign of life "
        "the plan is free"
    )


def _build_lost_error(connection: Connection, carrier: PlanLock) -> PlanLockLostError:
    chosen = select(CARRIERS).where(CARRIERS.c.plan_id == carrier.plan_id)
    row = connection.execute(chosen).one_or_none()
    if row is None or row.holder is None or row.epoch == carrier.epoch:
        return PlanLockLostError(
            f"plan {carrier.plan_id} is no longer held by this process: stopping"
        )
    return PlanLockLostError(
        f"plan {carrier.plan_id} was taken over by {row.holder} on {row.host} (process {row.pid}) "
        f"at {row.taken_at}, epoch {row.epoch}; this process had epoch {carrier.epoch} and stops"
    )


def _describe_holder(row: Any) -> dict[str, Any]:
    names = ("holder", "host", "pid", "taken_at", "heartbeat_at", "epoch")
    return {name: getattr(row, name) for name in names}


def _seconds_between(earlier: str, later: str) -> float:
    """Return the seconds from one time to the other; infinite if the first is not a time."""
    try:
        datetime.fromisoformat(earlier)
    except (TypeError, ValueError):
        return float("inf")
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
