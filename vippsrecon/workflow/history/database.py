"""Query the workspace database for a report, which does not wait long for a locked one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from vippsrecon.store import Store, database_exists, open_store

T = TypeVar("T")

WAIT_SECONDS = 5.0
"""Longest wait for a lock of the database."""


def query_database(url: str, query: Callable[[Store], T], default: T, *, create: bool = False) -> T:
    """Return the result of a query, or the default if there is no database.

    Args:
        url: The URL of the database.
        query: Reads from, or writes to, the open database.
        default: The result without a database.
        create: Create the database if it does not exist.

    Raises:
        StoreError: The database cannot be used, or another program has locked it.
    """
    if not create and not database_exists(url):
        return default
    with open_store(url, create=create, wait_seconds=WAIT_SECONDS) as store:
        return query(store)
