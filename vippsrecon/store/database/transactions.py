"""One transaction: reading, writing under the write lock, and what became of a COMMIT.

Writers come one at a time on both databases: SQLite knows no other way (BEGIN IMMEDIATE), and on
PostgreSQL an advisory lock does the same. So what a writer reads stands until it has committed,
and nothing here depends on isolation levels or can wait for itself in a circle.
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
"""How long a lost database is tried again, to see whether it carried a COMMIT out."""


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
    """Open a transaction that holds the write lock; committed at the end, or nothing is.

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
        said = build_store_error(error, store.url_masked, store._password)
        if committing and is_connection_lost(error):
            raise _CommitUnknownError(str(said)) from None
        raise said from None


def run_in_write_transaction(
    store: Store, work: Callable[[Connection], tuple[T, list[Entry]]]
) -> T:
    """Do a piece of work in one write transaction, and be certain of its outcome.

    Args:
        store: The database.
        work: Writes, and returns its result and the entries it appended. Where the connection
            is lost during COMMIT the last of these is looked for.

    Raises:
        StoreError: It was not recorded, or the database stayed away and it cannot be told.
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
    """Whether an entry was committed. Under the write lock, so that its transaction has ended."""
    deadline = time.monotonic() + COMMIT_CHECK_SECONDS
    while True:
        try:
            with write_transaction(store) as connection:
                found = connection.execute(
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
                f"{entry.seq} of plan {entry.plan_id}, and stays away, so it cannot be told "
                "whether it did: run the same command again when it is back; it looks by itself"
            ) from None
        return found == entry.hash
