"""Looking at the workspace database without changing it: is it there, and can it be used."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select

from vippsrecon.store.database.migrate import load_migrations, read_version
from vippsrecon.store.database.open import connect_store, database_exists
from vippsrecon.store.database.tables import IN_FLIGHT, JOURNAL
from vippsrecon.store.database.transactions import read_transaction, write_transaction

INSPECT_WAIT_SECONDS = 5.0
"""How long a lock is waited for: a person is waiting."""


class StoreStatus(NamedTuple):
    """What is known of a workspace database.

    Attributes:
        url_masked: Which it is, as it may be shown.
        exists: Whether there is one; without, no plan was approved here yet.
        version: Of its tables; 0 where there are none yet.
        newest: The version this vippsrecon brings it to when it is next used.
        plans: How many plans it knows.
        unsettled: How many rows of them are under way, or their outcome is not known.
    """

    url_masked: str
    exists: bool
    version: int
    newest: int
    plans: int
    unsettled: int


def inspect_store(url: str, *, wait_seconds: float | None = None) -> StoreStatus:
    """Look at the workspace database: read it, and take its write lock for a moment.

    Nothing is made, brought to another version, or written.

    Args:
        url: As `open_store` takes it.
        wait_seconds: How long a lock is waited for; None: INSPECT_WAIT_SECONDS.

    Raises:
        StoreError: It cannot be used: a sentence with a way out, never with the password.
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
                known = select(func.count()).select_from(JOURNAL).where(JOURNAL.c.seq == 1)
                open_rows = select(func.count()).select_from(IN_FLIGHT)
                counts = [connection.execute(one).scalar_one() for one in (known, open_rows)]
        with write_transaction(store):
            pass
    return StoreStatus(name, True, version, newest, *counts)
