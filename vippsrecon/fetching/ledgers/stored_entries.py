"""Keep ledger entries in the workspace database, so that none is requested twice.

An entry never changes once its date is closed, and a feed is read from where it stopped. Without a
database, or where it cannot be used, the ledger is requested again: the result is the same.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.errors import SchemaError, StoreError
from vippsrecon.ledger.entries import ENTRY_COLUMNS
from vippsrecon.store import (
    LedgerTopic,
    Store,
    StoredPage,
    open_store,
    read_closed_dates,
    read_feed_page,
    record_closed_date,
    record_feed_page,
)

if TYPE_CHECKING:
    from vippsrecon.api.requests import Topic
    from vippsrecon.config.settings import Settings
    from vippsrecon.ledger.entries import LedgerDate, ReadableLedger

WAIT_SECONDS = 5.0
"""Longest wait for a lock of the database."""

_log = logging.getLogger("vippsrecon.ledger")


class FeedEntries(NamedTuple):
    """The entries of one page of a feed, and the cursor of the page after it."""

    entries: pl.DataFrame
    next_cursor: str


class StoredLedgers:
    """The closed ledger dates and the pages of feeds that the workspace database has.

    Args:
        store: The workspace database; None: nothing is stored.
        environment: Entries of another environment are others, whatever their ledger is called.
    """

    def __init__(self, store: Store | None, environment: str) -> None:
        self._store = store
        self._environment = environment

    def load(self, dates: Sequence[LedgerDate]) -> dict[tuple[str, str, date], pl.DataFrame]:
        """Return the entries of those dates that are stored, by ledger, topic and date."""
        found = {}
        for topic, days in self._group(dates).items():
            for stored in read_closed_dates(self._get_store(), topic, min(days), max(days)):
                if stored.day in days and stored.intact:
                    entries = unpack_entries(stored.data)
                    if entries is not None and len(entries) == stored.entry_count:
                        found[topic.ledger_id, topic.topic, stored.day] = entries
        return found

    def record(self, ledger_date: LedgerDate, entries: pl.DataFrame) -> None:
        """Store the entries of a closed date."""
        if self._store is not None:
            ledger_id, topic, day = ledger_date.key
            key = LedgerTopic(self._environment, ledger_id, topic)
            record_closed_date(self._store, key, day, len(entries), pack_entries(entries))

    def load_page(self, owner: ReadableLedger, topic: Topic, cursor: str) -> FeedEntries | None:
        """Return the stored page of a feed that begins at a cursor."""
        if self._store is None:
            return None
        page = read_feed_page(self._store, self._get_topic(owner, topic), cursor)
        entries = None if page is None else unpack_entries(page.data)
        if page is None or entries is None or len(entries) != page.entry_count:
            return None
        return FeedEntries(entries, page.next_cursor)

    def record_page(
        self, owner: ReadableLedger, topic: Topic, cursor: str, page: FeedEntries
    ) -> None:
        """Store a page that has entries; one without only says that nothing happened so far."""
        if self._store is not None and len(page.entries):
            data = pack_entries(page.entries)
            stored = StoredPage(cursor, page.next_cursor, len(page.entries), data)
            record_feed_page(self._store, self._get_topic(owner, topic), stored)

    def _get_topic(self, owner: ReadableLedger, topic: Topic) -> LedgerTopic:
        return LedgerTopic(self._environment, owner.ledger.ledger_id, topic)

    def _group(self, dates: Sequence[LedgerDate]) -> dict[LedgerTopic, set[date]]:
        groups: dict[LedgerTopic, set[date]] = {}
        if self._store is not None:
            for ledger_id, topic, day in (ledger_date.key for ledger_date in dates):
                key = LedgerTopic(self._environment, ledger_id, topic)
                groups.setdefault(key, set()).add(day)
        return groups

    def _get_store(self) -> Store:
        assert self._store is not None
        return self._store


@contextmanager
def open_stored_ledgers(settings: Settings, *, record: bool | None) -> Iterator[StoredLedgers]:
    """Open the database for the time of a reading.

    Args:
        settings: Name the database.
        record: Whether it is used; None: in production. A simulator may serve another month under
            the same names tomorrow.
    """
    if record is None:
        record = settings.environment == "production"
    store = None
    if record:
        try:
            store = open_store(settings.database_url, create=True, wait_seconds=WAIT_SECONDS)
        except StoreError as error:
            _log.warning(
                "Ledger entries are not stored, so the next run requests them again: %s", error
            )
    try:
        yield StoredLedgers(store, settings.environment)
    finally:
        if store is not None:
            store.close()


def pack_entries(entries: pl.DataFrame) -> bytes:
    """Return entries as a Parquet file; no bytes where there are none."""
    if not len(entries):
        return b""
    file = io.BytesIO()
    entries.write_parquet(file, compression="zstd")
    return file.getvalue()


def unpack_entries(data: bytes) -> pl.DataFrame | None:
    """Return the entries of `pack_entries`; None where they cannot be read."""
    if not data:
        return pl.DataFrame(schema=ENTRY_COLUMNS)
    try:
        return schemas.cast_to_schema(pl.read_parquet(io.BytesIO(data)), schemas.LEDGER_ENTRIES)
    except (pl.exceptions.PolarsError, SchemaError, OSError):
        return None
