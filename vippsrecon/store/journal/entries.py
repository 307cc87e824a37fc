"""Append journal entries to a plan's chain, and read them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, insert, select, update

from vippsrecon.errors import PlanError
from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import CARRIERS, JOURNAL, database_time
from vippsrecon.store.database.transactions import read_transaction, run_in_write_transaction
from vippsrecon.store.journal.entry import ENTRY_KINDS, ROW_KINDS, Draft, Entry, link_entry

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
        last = connection.execute(select_last_entry(plan_id)).one_or_none()
    if last is None:
        raise build_unknown_plan_error(store, plan_id)
    return last.seq, last.hash


def read_first_entry(connection: Connection, plan_id: str) -> Entry | None:
    """Return a plan's first entry, which records the plan; None if there is none."""
    chosen = select(*ENTRY_COLUMNS).where(JOURNAL.c.plan_id == plan_id, JOURNAL.c.seq == 1)
    row = connection.execute(chosen).one_or_none()
    return None if row is None else Entry._make(row)


def read_chain(connection: Connection, plan_id: str) -> Chain:
    """Return the current end of a recorded plan's chain. The head is never cached."""
    last = connection.execute(select_last_entry(plan_id)).one()
    return Chain(plan_id, last.environment, last.verb, (last.seq, last.hash))


def link_entries(drafts: Iterable[Draft], chain: Chain, *, epoch: int, at: str) -> list[Entry]:
    """Link drafts to the chain, one after the other."""
    entries: list[Entry] = []
    head = chain.head
    for draft in drafts:
        entry = link_entry(
            draft,
            plan_id=chain.plan_id,
            head=head,
            epoch=epoch,
            environment=chain.environment,
            verb=chain.verb,
            at=at,
        )
        head = entry.seq, entry.hash
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


def select_last_entry(plan_id: str) -> Select[Any]:
    """Return the query for a plan's last entry, which is the head of its chain."""
    return (
        select(*ENTRY_COLUMNS)
        .where(JOURNAL.c.plan_id == plan_id)
        .order_by(JOURNAL.c.seq.desc())
        .limit(1)
    )
