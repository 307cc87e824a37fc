"""Check the workspace database without changing it: does it exist, and can it be used?"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select

from vippsrecon.store.database.migrate import load_migrations, read_version
from vippsrecon.store.database.open import connect_store, database_exists
from vippsrecon.store.database.tables import IN_FLIGHT, JOURNAL
from vippsrecon.store.database.transactions import read_transaction, write_transaction

INSPECT_WAIT_SECONDS = 5.0
"""How long to wait for a lock. Short, because a person waits for the answer."""


class StoreStatus(NamedTuple):
    """State of a workspace database.

    Attributes:
        url_masked: The database URL without its password.
        exists: Whether the database exists. If not, no plan was approved here yet.
        version: Version of its tables; 0 if there are no tables yet.
        newest: The version that this vippsrecon migrates it to at the next use.
        plans: Number of plans it holds.
        unsettled: Number of plan rows in progress or with an unknown outcome.
    """

    url_masked: str
    exists: bool
    version: int
    newest: int
    plans: int
    unsettled: int


def inspect_store(url: str, *, wait_seconds: float | None = None) -> StoreStatus:
    """Read the workspace database and take its write lock for a moment.

    Creates, migrates and writes nothing.

    Args:
        url: See `open_store`.
        wait_seconds: How long to wait for a lock; None means INSPECT_WAIT_SECONDS.

    Raises:
        StoreError: The database cannot be used; the sentence says what to do and never contains the password.
    """
    newest = load_migrations()[-1].version
    with connect_store(
        url, INSPECT_WAIT_SECONDS if wait_seconds is None else wait_seconds
    ) as store:
        name = store.url_masked
        if not database_exists(url):
            return StoreStatus(name, False, 0, newest, 0, 0)
        with read_transaction(store, at_start=True) as connection:
            version = read_version(connection, name)
            counts = [0, 0]
            if version:
                plans = select(func.count()).select_from(JOURNAL).where(JOURNAL.c.seq == 1)
                open_rows = select(func.count()).select_from(IN_FLIGHT)
                counts = [connection.execute(query).scalar_one() for query in (plans, open_rows)]
        with write_transaction(store):
            pass
    return StoreStatus(name, True, version, newest, *counts)
