"""Record plans, append journal entries and read them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Select, insert, select, union, update
from sqlalchemy.dialects import postgresql, sqlite

from vippsrecon.errors import PlanError
from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import CARRIERS, JOURNAL, database_time
from vippsrecon.store.database.transactions import read_transaction, run_in_write_transaction
from vippsrecon.store.journal.entry import ENTRY_KINDS, NO_HASH, ROW_KINDS, Draft, Entry, link_entry
from vippsrecon.store.journal.plan_order import LINK_NAME, build_link, read_registered_plans

KINDS_WITHOUT_LOCK = ("approved", "verified")
"""Kinds that may be appended without the plan lock. None records the state of a row, so only one
process at a time can do that."""

SETTLED_OUTCOMES = ("done", "already_done", "refused", "skipped")
"""Outcomes of a manual decision. The last two mean that nothing was done."""

ENTRIES_PER_PAGE = 2_000
"""Entries per page. Each page is its own transaction, so no reader blocks the database for long."""

ENTRY_COLUMNS = tuple(JOURNAL.c[name] for name in Entry._fields)


class Chain(NamedTuple):
    """End of a plan's chain, to which entries are appended.

    Attributes:
        plan_id: The plan.
        environment, verb: The same on every entry of the chain.
        head: (seq, hash) of the last entry.
    """

    plan_id: str
    environment: str
    verb: str
    head: tuple[int, str]


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


def append_entries(
    store: Store, plan_id: str, drafts: Sequence[Draft], *, at: str = ""
) -> list[Entry]:
    """Append entries of KINDS_WITHOUT_LOCK, such as an approval, to a recorded plan.

    `at` is the time of drafts without one; "" means the database's time.

    Raises:
        PlanError: The plan is not recorded in this database.
        StoreError: The database cannot be used.
    """
    for draft in drafts:
        if draft.kind not in KINDS_WITHOUT_LOCK:
            raise ValueError(
                f"{draft.kind!r} may only be written by the process that holds the plan lock"
            )

    def work(connection: Connection) -> tuple[list[Entry], list[Entry]]:
        # Every append to the chain first updates this row, which locks the chain.
        lock_chain = (
            update(CARRIERS)
            .where(CARRIERS.c.plan_id == plan_id)
            .values(epoch=CARRIERS.c.epoch)
            .returning(CARRIERS.c.epoch, database_time())
        )
        plan_row = connection.execute(lock_chain).one_or_none()
        if plan_row is None:
            raise build_unknown_plan_error(store, plan_id)
        epoch, now = plan_row
        entries = link_entries(drafts, read_chain(connection, plan_id), epoch=epoch, at=at or now)
        write_entries(connection, entries)
        return entries, entries

    return run_in_write_transaction(store, work)


def read_entries(
    store: Store, plan_id: str, *, after: int = 0, kinds: Collection[str] | None = None
) -> Iterator[Entry]:
    """Read a plan's chain in order, page by page: entries after seq `after`, of `kinds` if given.

    Raises:
        StoreError: The database cannot be used.
    """
    chosen = select(*ENTRY_COLUMNS).where(JOURNAL.c.plan_id == plan_id).order_by(JOURNAL.c.seq)
    if kinds is not None:
        chosen = chosen.where(JOURNAL.c.kind.in_(kinds))
    page = chosen if after == 0 else chosen.where(JOURNAL.c.seq > after)
    while True:
        with read_transaction(store) as connection:
            page_entries = [
                Entry._make(row) for row in connection.execute(page.limit(ENTRIES_PER_PAGE))
            ]
        yield from page_entries
        if len(page_entries) < ENTRIES_PER_PAGE:
            return
        page = chosen.where(JOURNAL.c.seq > page_entries[-1].seq)


def read_head(store: Store, plan_id: str) -> tuple[int, str]:
    """Return (seq, hash) of a plan's last entry, to be saved outside the database.

    Raises:
        PlanError: The plan is not recorded in this database.
        StoreError: The database cannot be used.
    """
    with read_transaction(store) as connection:
        last = connection.execute(_select_last_entry(plan_id)).one_or_none()
    if last is None:
        raise build_unknown_plan_error(store, plan_id)
    return last.seq, last.hash


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
        lasts = [connection.execute(_select_last_entry(row.plan_id)).one() for row in first_entries]
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


def read_first_entry(connection: Connection, plan_id: str) -> Entry | None:
    """Return a plan's first entry, which records the plan; None if there is none."""
    chosen = select(*ENTRY_COLUMNS).where(JOURNAL.c.plan_id == plan_id, JOURNAL.c.seq == 1)
    row = connection.execute(chosen).one_or_none()
    return None if row is None else Entry._make(row)


def read_chain(connection: Connection, plan_id: str) -> Chain:
    """Return the current end of a recorded plan's chain. The head is never cached."""
    last = connection.execute(_select_last_entry(plan_id)).one()
    return Chain(plan_id, last.environment, last.verb, (last.seq, last.hash))


def link_entries(drafts: Iterable[Draft], chain: Chain, *, epoch: int, at: str) -> list[Entry]:
    """Link drafts to the chain, one after the other."""
    entries: list[Entry] = []
    place = chain.head
    for draft in drafts:
        entry = link_entry(
            draft,
            plan_id=chain.plan_id,
            head=place,
            epoch=epoch,
            environment=chain.environment,
            verb=chain.verb,
            at=at,
        )
        place = entry.seq, entry.hash
        entries.append(entry)
    return entries


def write_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Insert entries. This is the only statement that writes to the journal."""
    if entries:
        connection.execute(insert(JOURNAL), [entry._asdict() for entry in entries])


def build_unknown_plan_error(store: Store, plan_id: str) -> PlanError:
    """Build the error for a plan that is not recorded here."""
    return PlanError(
        f"plan {plan_id} is not known in the workspace database {store.url_masked}: approve it "
        "first, with the same VIPPSRECON_DATABASE_URL"
    )


def check_drafts(drafts: Sequence[Draft]) -> None:
    """Refuse invalid drafts. They are programming errors, so they raise ValueError."""
    for draft in drafts:
        if draft.kind not in ENTRY_KINDS or draft.kind in ("seen", "carrier"):
            raise ValueError(f"{draft.kind!r} is not a kind of entry a carrier writes")
        if draft.kind in ROW_KINDS and None in draft[1:6]:
            raise ValueError(f"{draft.kind} names row, payment, currency and amount: {draft}")
        if draft.kind == "intended" and draft.idempotency_key is None:
            raise ValueError("an intended operation has a key")
        if draft.kind == "settled" and draft.detail.get("outcome") not in SETTLED_OUTCOMES:
            raise ValueError(
                f"a settled row ended as one of {SETTLED_OUTCOMES}, stated in detail.outcome"
            )


def _select_last_entry(plan_id: str) -> Select[Any]:
    return (
        select(*ENTRY_COLUMNS)
        .where(JOURNAL.c.plan_id == plan_id)
        .order_by(JOURNAL.c.seq.desc())
        .limit(1)
    )


def _refuse_other_digest(known: Entry, digest: str) -> None:
    first = orjson.loads(known.detail)["digest"]
    if first != digest:
        raise PlanError(
            f"plan {known.plan_id} was first seen on {known.at} with digest {first}, and this file "
            f"has {digest}: it was changed since. Use the file that was seen, or make a new plan"
        )
