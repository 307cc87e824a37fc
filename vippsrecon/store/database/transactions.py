"""Read and write transactions, and how to find out whether a COMMIT succeeded.

Only one process writes at a time: SQLite enforces that (BEGIN IMMEDIATE), and on PostgreSQL an
advisory lock does. So no other process changes what a writer has read before it commits. The code
does not depend on isolation levels, and deadlocks are impossible.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, func, select

from vippsrecon.errors import StoreError
from vippsrecon.store.database.sql_errors import build_store_error, is_connection_lost
from vippsrecon.store.database.store import WRITES_OPTION, Store
from vippsrecon.store.database.tables import JOURNAL
from vippsrecon.store.journal.entry import Entry

T = TypeVar("T")

WRITE_LOCK_NUMBER = 0x76697070_7372_6563
"""The number of PostgreSQL's advisory lock: "vippsrec" in ASCII."""

COMMIT_CHECK_SECONDS = 30.0
"""How long to retry a lost database to find out whether a COMMIT succeeded."""


class _CommitUnknownError(StoreError):
    """The connection was lost during COMMIT."""


@contextmanager
def read_transaction(store: Store, *, at_start: bool = False) -> Iterator[Connection]:
    """Open a transaction that only reads.

    Raises:
        StoreError: The database cannot be used.
    """
    try:
        with store._engine.connect() as connection, connection.begin():
            yield connection
    except store._errors as error:
        raise build_store_error(
            error, store.url_masked, store._password, at_start=at_start
        ) from None


@contextmanager
def write_transaction(store: Store) -> Iterator[Connection]:
    """Open a transaction that holds the write lock. It is committed at the end, or rolled back.

    Raises:
        StoreError: The database cannot be used, and nothing was written; or the connection was
            lost during COMMIT (`run_in_write_transaction` then finds out).
    """
    committing = False
    try:
        with store._engine.connect().execution_options(**{WRITES_OPTION: True}) as connection:
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(select(func.pg_advisory_xact_lock(WRITE_LOCK_NUMBER)))
                yield connection
                committing = True
            committing = False
    except store._errors as error:
        store_error = build_store_error(error, store.url_masked, store._password)
        if committing and is_connection_lost(error):
            raise _CommitUnknownError(str(store_error)) from None
        raise store_error from None


def run_in_write_transaction(
    store: Store, work: Callable[[Connection], tuple[T, list[Entry]]]
) -> T:
    """Run `work` in one write transaction and make sure whether it was committed.

    Args:
        store: The workspace database.
        work: Writes, and returns its result and the entries it appended. If the connection is
            lost during COMMIT, the last of these entries is looked up.

    Raises:
        StoreError: Nothing was recorded, or the database stayed unreachable and that is unknown.
    """
    appended: list[Entry] = []
    try:
        with write_transaction(store) as connection:
            result, appended = work(connection)
    except _CommitUnknownError:
        if not appended or _is_committed(store, appended[-1]):
            return result
        raise StoreError(
            f"the workspace database {store.url_masked} was lost before it had recorded the last "
            "entries: run the same command again when it is back"
        ) from None
    return result


def _is_committed(store: Store, entry: Entry) -> bool:
    """Return whether an entry was committed, under the write lock: its transaction has ended then."""
    deadline = time.monotonic() + COMMIT_CHECK_SECONDS
    while True:
        try:
            with write_transaction(store) as connection:
                stored_hash = connection.execute(
                    select(JOURNAL.c.hash).where(
                        JOURNAL.c.plan_id == entry.plan_id, JOURNAL.c.seq == entry.seq
                    )
                ).scalar()
        except StoreError:
            if time.monotonic() < deadline:
                time.sleep(0.5)
                continue
            raise StoreError(
                f"the workspace database {store.url_masked} was lost while it recorded entry "
                f"{entry.seq} of plan {entry.plan_id}, and cannot be reached, so it is not known "
                "whether it was recorded: run the same command again when it is back; it checks "
                "this first"
            ) from None
        return stored_hash == entry.hash
