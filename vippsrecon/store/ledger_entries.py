"""Record ledger entries that were read, and read them again. An entry never changes once it is closed.

record_closed_date   the entries of a date to which none can be added
read_closed_dates    those of a period
record_feed_page     the entries of a page of a feed, and the cursor after it; one transaction
read_feed_cursor     where the next request begins
read_feed_pages      the entries of all pages

The entries are bytes here: `vippsrecon.fetching.ledgers` makes frames of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, insert, select, update

from vippsrecon.errors import StoreError
from vippsrecon.store.database.rows import insert_rows
from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import (
    LEDGER_DATES,
    LEDGER_FEED_PAGES,
    LEDGER_FEEDS,
    database_time,
)
from vippsrecon.store.database.transactions import read_transaction, write_transaction


class LedgerTopic(NamedTuple):
    """One topic of one ledger in one environment."""

    environment: str
    ledger_id: str
    topic: str


class StoredEntries(NamedTuple):
    """The entries of one closed ledger date, or of one page of a feed.

    Attributes:
        day: The ledger date; None for a page of a feed.
        entry_count: Number of entries.
        data: The entries.
        intact: Whether `data` is what was recorded.
    """

    day: date | None
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
) -> Iterator[StoredEntries]:
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
            yield StoredEntries(date.fromisoformat(day), count, content, _hash(content) == sha256)


def read_feed_cursor(store: Store, topic: LedgerTopic) -> str:
    """Return the cursor after the last recorded page; "" where no page is recorded."""
    with read_transaction(store) as connection:
        cursor = connection.execute(
            select(LEDGER_FEEDS.c.cursor).where(*_match_feed(topic))
        ).scalar_one_or_none()
    return cursor or ""


def record_feed_page(  # noqa: PLR0917 (a page and where it stands)
    store: Store, topic: LedgerTopic, before: str, after: str, count: int, data: bytes
) -> None:
    """Record a page of a feed and the cursor after it, both or neither.

    Args:
        store: The workspace database.
        topic: Whose feed it is.
        before: The cursor with which the page was requested.
        after: The cursor that the page gave.
        count: Number of its entries; a page without entries only moves the cursor.
        data: Its entries.

    Raises:
        StoreError: Another process has recorded a page since `before` was read; or nothing could be
            recorded.
    """
    with write_transaction(store) as connection:
        row = connection.execute(
            select(LEDGER_FEEDS.c.cursor, LEDGER_FEEDS.c.pages).where(*_match_feed(topic))
        ).one_or_none()
        cursor, pages = row or ("", 0)
        if cursor != before:
            raise StoreError(
                f"another process read the feed of ledger {topic.ledger_id} ({topic.topic}) at the same "
                "time; its entries are stored. Run the command again"
            )
        number = pages + (count > 0)
        if count:
            connection.execute(
                insert(LEDGER_FEED_PAGES).values(
                    **topic._asdict(),
                    page=number,
                    entry_count=count,
                    entries=data,
                    sha256=_hash(data),
                    recorded_at=database_time(),
                )
            )
        change = {"cursor": after, "pages": number}
        connection.execute(
            insert(LEDGER_FEEDS).values(**topic._asdict(), **change)
            if row is None
            else update(LEDGER_FEEDS).where(*_match_feed(topic)).values(**change)
        )


def read_feed_pages(store: Store, topic: LedgerTopic) -> Iterator[StoredEntries]:
    """Yield the recorded pages of a feed, in the order in which they were read."""
    columns = LEDGER_FEED_PAGES.c
    query = (
        select(columns.entry_count, columns.entries, columns.sha256)
        .where(
            columns.environment == topic.environment,
            columns.ledger_id == topic.ledger_id,
            columns.topic == topic.topic,
        )
        .order_by(columns.page)
    )
    with read_transaction(store) as connection:
        for count, data, sha256 in connection.execute(query):
            content = bytes(data)
            yield StoredEntries(None, count, content, _hash(content) == sha256)


def _match_feed(topic: LedgerTopic) -> tuple[ColumnElement[bool], ...]:
    columns = LEDGER_FEEDS.c
    return (
        columns.environment == topic.environment,
        columns.ledger_id == topic.ledger_id,
        columns.topic == topic.topic,
    )


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
