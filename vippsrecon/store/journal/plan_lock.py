"""Who carries a plan out: one process at a time, across machines.

A plan's row in `carriers` has an epoch. Taking the plan adds one to it; every append of a carrier
first changes that row *where the epoch is still its own*, in the same transaction. So a carrier
that was stopped, and woke when another had taken over, changes no row and writes nothing more.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, update

from vippsrecon.errors import PlanLockHeldError, PlanLockLostError
from vippsrecon.store.database.open import Store
from vippsrecon.store.database.processes import is_gone, started_of
from vippsrecon.store.database.tables import CARRIERS, database_time
from vippsrecon.store.database.transactions import reading, recorded, writing
from vippsrecon.store.journal.entries import chain_of, link_all, unknown_plan, write_entries
from vippsrecon.store.journal.entry import Draft, Entry

LEASE_SECONDS = 30.0
"""A carrier not heard of for so long, by the database's clock, may be replaced."""

BEAT_SECONDS = 5.0
"""How often a carrier says that it lives. Every commit says so too."""


class Carrier(NamedTuple):
    """The right to write to a plan's chain, for as long as its epoch is the plan's.

    Attributes:
        plan_id: The plan.
        epoch: The how-manieth carrier of it this is.
        environment: test, production or simulator.
        verb: refund, cancel or capture.
    """

    plan_id: str
    epoch: int
    environment: str
    verb: str


def take(
    store: Store,
    plan_id: str,
    *,
    holder: str,
    host: str,
    pid: int,
    started: str | None = None,
    at: str = "",
    approver: str | None = None,
) -> Carrier:
    """Take a plan to carry it out.

    Allowed when nobody holds it, when its holder was not heard of for LEASE_SECONDS, or when
    its holder ran on this host and its process is gone.

    Args:
        store: The database.
        plan_id: The plan, registered before.
        holder: Who, for the people who read it.
        host: This machine's name.
        pid: This process.
        started: What `started_of` says of it, and is asked where None.
        at: When, by the house's clock; "" is the database's time, which leases always have.
        approver: Whose approval it is carried out under; None where nothing can be moved.

    Raises:
        HeldError: Another carrier holds it: who, where and since when.
        PlanError: The plan is not known in this database.
        StoreError: The database cannot be used.
    """
    started = started_of(pid) if started is None else started

    def work(connection: Connection) -> tuple[Carrier, list[Entry]]:
        chosen = select(*CARRIERS.c, database_time().label("now"))
        row = connection.execute(chosen.where(CARRIERS.c.plan_id == plan_id)).one_or_none()
        if row is None:
            raise unknown_plan(store, plan_id)
        if row.holder is not None:
            _refuse_if_alive(row, host)
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
            "instead_of": None if row.holder is None else _named(row),
        }
        chain = chain_of(connection, plan_id)
        made = link_all([Draft("carrier", detail=detail)], chain, epoch=epoch, at=at or row.now)
        write_entries(connection, made)
        return Carrier(plan_id, epoch, chain.environment, chain.verb), made

    return recorded(store, work)


def beat(store: Store, carrier: Carrier) -> None:
    """Say that a carrier lives.

    Raises:
        LostError: Another took its plan over.
        StoreError: The database cannot be used.
    """
    with writing(store) as connection:
        hold(connection, carrier)


def release(store: Store, carrier: Carrier) -> None:
    """Let a plan go at the end of a run. One that another has taken over is not touched.

    Raises:
        StoreError: The database cannot be used.
    """
    with writing(store) as connection:
        connection.execute(
            update(CARRIERS)
            .where(CARRIERS.c.plan_id == carrier.plan_id, CARRIERS.c.epoch == carrier.epoch)
            .values(holder=None, host=None, pid=None, started=None, taken_at=None)
        )


def hold(connection: Connection, carrier: Carrier) -> str:
    """Renew the lease, and lock the plan's row until the end of the transaction.

    Returns:
        The database's time.

    Raises:
        LostError: The plan's epoch is no longer this carrier's, or it was released.
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
        raise _lost(connection, carrier)
    return str(renewed)


def still_held(store: Store, carrier: Carrier) -> bool:
    """Whether a carrier's epoch is still the plan's, without renewing anything.

    Raises:
        StoreError: The database cannot be used.
    """
    chosen = select(CARRIERS.c.epoch).where(
        CARRIERS.c.plan_id == carrier.plan_id, CARRIERS.c.holder.is_not(None)
    )
    with reading(store) as connection:
        return connection.execute(chosen).scalar() == carrier.epoch


def _refuse_if_alive(row: Any, host: str) -> None:
    silent = _seconds_between(row.heartbeat_at, row.now)
    if silent >= LEASE_SECONDS:
        return
    if row.host == host and is_gone(row.pid, row.started or ""):
        return
    raise PlanLockHeldError(
        f"plan {row.plan_id} is being carried out by {row.holder} on {row.host} (process "
        f"{row.pid}) since {row.taken_at}, last heard of {max(silent, 0):.0f} s ago: wait until "
        f"that has finished, or stop it there; {LEASE_SECONDS:.0f} s after its last sign of life "
        "the plan is free"
    )


def _lost(connection: Connection, carrier: Carrier) -> PlanLockLostError:
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


def _named(row: Any) -> dict[str, Any]:
    names = ("holder", "host", "pid", "taken_at", "heartbeat_at", "epoch")
    return {name: getattr(row, name) for name in names}


def _seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
