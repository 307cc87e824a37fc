"""Record plans in the journal, and list those that are recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, select, union
from sqlalchemy.dialects import postgresql, sqlite

from vippsrecon.errors import PlanError
from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import CARRIERS, JOURNAL, database_time
from vippsrecon.store.database.transactions import read_transaction, run_in_write_transaction
from vippsrecon.store.journal.entries import (
    ENTRY_COLUMNS,
    read_first_entry,
    select_last_entry,
    write_entries,
)
from vippsrecon.store.journal.entry import NO_HASH, Draft, Entry, link_entry
from vippsrecon.store.journal.plan_order import LINK_NAME, build_link, read_registered_plans


def record_plan(  # noqa: PLR0917 (each is named in the plan)
    store: Store,
    plan_id: str,
    digest: str,
    environment: str,
    verb: str,
    at: str,
    detail: Mapping[str, Any],
) -> None:
    """Record a plan and its digest permanently. A second call changes nothing.

    Args:
        store: The workspace database.
        plan_id: The plan.
        digest: SHA-256 of the plan's content.
        environment: test, production or simulator.
        verb: refund, cancel or capture.
        at: Time of the entry; "" for the database's time.
        detail: Further content of the first entry: count, totals, planner, made_at, expires_at, source.

    Raises:
        PlanError: The plan id was recorded with another digest: the file was changed.
        StoreError: The database cannot be used.
    """

    def work(connection: Connection) -> tuple[None, list[Entry]]:
        # Waits for any other process that is recording the same plan.
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        row = dialect.insert(CARRIERS).values(plan_id=plan_id, epoch=0)
        connection.execute(row.on_conflict_do_nothing())
        first = read_first_entry(connection, plan_id)
        if first is not None:
            _refuse_other_digest(first, digest)
            return None, []
        now = connection.execute(select(database_time())).scalar_one()
        link = {LINK_NAME: build_link(read_registered_plans(connection))}
        entry = link_entry(
            Draft("seen", detail={**detail, "digest": digest, **link}),
            plan_id=plan_id,
            head=(0, NO_HASH),
            epoch=0,
            environment=environment,
            verb=verb,
            at=at or now,
        )
        write_entries(connection, [entry])
        return None, [entry]

    run_in_write_transaction(store, work)


def refuse_changed_plan(store: Store, plan_id: str, digest: str) -> None:
    """Refuse a plan that was recorded with another digest; an unrecorded plan passes.

    Raises:
        PlanError: The file was changed since it was first recorded.
        StoreError: The database cannot be used.
    """
    with read_transaction(store) as connection:
        first = read_first_entry(connection, plan_id)
    if first is not None:
        _refuse_other_digest(first, digest)


class PlanSummary(NamedTuple):
    """One plan, as recorded in this database.

    Attributes:
        plan_id: The plan.
        environment: From the first entry.
        verb: refund, cancel or capture.
        digest: Digest of the plan when it was recorded.
        planner: Who made the plan; "" if not recorded.
        seen_at: When it was recorded.
        detail: Detail of the first entry: count, totals, source and so on.
        entries: Number of entries.
        last_at: Time of the last entry.
        last_hash: Hash of the last entry; with `entries`, the head.
        epoch: How often the plan lock was acquired.
        holder: Who holds the plan lock now; None for nobody.
        heartbeat_at: Last heartbeat of the holder, database time.
        first_hash: Hash of the first entry.
    """

    plan_id: str
    environment: str
    verb: str
    digest: str
    planner: str
    seen_at: str
    detail: dict[str, Any]
    entries: int
    last_at: str
    last_hash: str
    epoch: int
    holder: str | None
    heartbeat_at: str | None
    first_hash: str


def list_plans(store: Store) -> list[PlanSummary]:
    """Return every plan recorded in this database, the newest last.

    Raises:
        StoreError: The database cannot be used.
    """
    chosen = (
        select(
            *ENTRY_COLUMNS,
            CARRIERS.c.epoch.label("taken"),
            CARRIERS.c.holder,
            CARRIERS.c.heartbeat_at,
        )
        .join_from(JOURNAL, CARRIERS, CARRIERS.c.plan_id == JOURNAL.c.plan_id, isouter=True)
        .where(JOURNAL.c.seq == 1)
        .order_by(JOURNAL.c.at, JOURNAL.c.plan_id)
    )
    with read_transaction(store) as connection:
        first_entries = connection.execute(chosen).all()
        lasts = [connection.execute(select_last_entry(row.plan_id)).one() for row in first_entries]
    summaries = []
    for row, last in zip(first_entries, lasts, strict=True):
        detail = orjson.loads(row.detail)
        summaries.append(
            PlanSummary(
                row.plan_id,
                row.environment,
                row.verb,
                detail.get("digest", ""),
                detail.get("planner") or "",
                row.at,
                detail,
                last.seq,
                last.at,
                last.hash,
                row.taken or 0,
                row.holder,
                row.heartbeat_at,
                row.hash,
            )
        )
    return summaries


def list_plan_ids(store: Store) -> list[str]:
    """Return the id of every plan with a trace here, even if its first entry is missing.

    First the plans in the order in which they were recorded, then those without a first entry,
    which `list_plans` omits.

    Raises:
        StoreError: The database cannot be used.
    """
    first_entries = (
        select(JOURNAL.c.plan_id)
        .where(JOURNAL.c.seq == 1)
        .order_by(JOURNAL.c.at, JOURNAL.c.plan_id)
    )
    traces = union(select(JOURNAL.c.plan_id), select(CARRIERS.c.plan_id))
    with read_transaction(store) as connection:
        recorded = list(connection.execute(first_entries).scalars())
        return list(dict.fromkeys([*recorded, *sorted(connection.execute(traces).scalars())]))


def _refuse_other_digest(known: Entry, digest: str) -> None:
    first = orjson.loads(known.detail)["digest"]
    if first != digest:
        raise PlanError(
            f"plan {known.plan_id} was first seen on {known.at} with digest {first}, and this file "
            f"has {digest}: it was changed since. Use the file that was seen, or make a new plan"
        )
