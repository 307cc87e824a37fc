"""Record ledger entries that were read, and read them again. An entry never changes once it is closed.

record_closed_date   the entries of a date to which none can be added
read_closed_dates    those of a period
record_feed_page     the entries of a page of a feed, and the cursor of the next page
read_feed_page       the page of a cursor

The entries are bytes here: `vippsrecon.fetching.ledgers` makes frames of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from sqlalchemy import select

from vippsrecon.store.database.rows import insert_rows
from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import (
    LEDGER_DATES,
    LEDGER_FEED_PAGES,
    database_time,
)
from vippsrecon.store.database.transactions import read_transaction, write_transaction


class LedgerTopic(NamedTuple):
    """One topic of one ledger in one environment."""

    environment: str
    ledger_id: str
    topic: str


class StoredPage(NamedTuple):
    """The entries of one page of a feed.

    Attributes:
        cursor: With which it was requested.
        next_cursor: With which the page after it is requested.
        entry_count: Number of entries.
        data: The entries.
    """

    cursor: str
    next_cursor: str
    entry_count: int
    data: bytes


class StoredDate(NamedTuple):
    """The entries of one closed ledger date.

    Attributes:
        day: The ledger date.
        entry_count: Number of entries.
        data: The entries.
        intact: Whether `data` is what was recorded.
    """

    day: date
    entry_count: int
    data: bytes
    intact: bool


def record_closed_date(
    store: Store, topic: LedgerTopic, day: date, count: int, data: bytes
) -> None:
    """Record the entries of a closed date; a date that is recorded is not changed.

    Raises:
        StoreError: Nothing was recorded.
    """
    with write_transaction(store) as connection:
        insert_rows(
            connection,
            LEDGER_DATES.name,
            [
                {
                    **topic._asdict(),
                    "ledger_date": day.isoformat(),
                    "entry_count": count,
                    "entries": data,
                    "sha256": _hash(data),
                    "recorded_at": connection.execute(select(database_time())).scalar_one(),
                }
            ],
            "DO NOTHING",
        )


def read_closed_dates(
    store: Store, topic: LedgerTopic, first: date, last: date
) -> Iterator[StoredDate]:
    """Yield the closed dates of a period, in order."""
    columns = LEDGER_DATES.c
    query = (
        select(columns.ledger_date, columns.entry_count, columns.entries, columns.sha256)
        .where(
            columns.environment == topic.environment,
            columns.ledger_id == topic.ledger_id,
            columns.topic == topic.topic,
            columns.ledger_date.between(first.isoformat(), last.isoformat()),
        )
        .order_by(columns.ledger_date)
    )
    with read_transaction(store) as connection:
        for day, count, data, sha256 in connection.execute(query):
            content = bytes(data)
            yield StoredDate(date.fromisoformat(day), count, content, _hash(content) == sha256)


def record_feed_page(store: Store, topic: LedgerTopic, page: StoredPage) -> None:
    """Record a page of a feed; a page that is recorded is not changed.

    Raises:
        StoreError: Nothing was recorded.
    """
    with write_transaction(store) as connection:
        insert_rows(
            connection,
            LEDGER_FEED_PAGES.name,
            [
                {
                    **topic._asdict(),
                    "cursor": page.cursor,
                    "next_cursor": page.next_cursor,
                    "entry_count": page.entry_count,
                    "entries": page.data,
                    "sha256": _hash(page.data),
                    "recorded_at": connection.execute(select(database_time())).scalar_one(),
                }
            ],
            "DO NOTHING",
        )


def read_feed_page(store: Store, topic: LedgerTopic, cursor: str) -> StoredPage | None:
    """Return the page that a request with this cursor gave; None if it is not recorded or damaged."""
    columns = LEDGER_FEED_PAGES.c
    query = select(columns.next_cursor, columns.entry_count, columns.entries, columns.sha256).where(
        columns.environment == topic.environment,
        columns.ledger_id == topic.ledger_id,
        columns.topic == topic.topic,
        columns.cursor == cursor,
    )
    with read_transaction(store) as connection:
        row = connection.execute(query).one_or_none()
    if row is None or _hash(bytes(row[2])) != row[3]:
        return None
    return StoredPage(cursor, row[0], row[1], bytes(row[2]))


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
