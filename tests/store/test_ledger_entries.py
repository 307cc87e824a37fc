"""Closed ledger dates and pages of a feed are recorded once, and read back as they were."""

from __future__ import annotations

from datetime import date

from sqlalchemy import text

from vippsrecon.store import (
    LedgerTopic,
    StoredPage,
    read_closed_dates,
    read_feed_page,
    record_closed_date,
    record_feed_page,
)
from vippsrecon.store.database.transactions import write_transaction

FUNDS = LedgerTopic("production", "302321", "funds")
FEES = FUNDS._replace(topic="fees")
FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
EVERY_BYTE = bytes(range(256))


def list_days(store, topic):
    """Return the days and counts of the recorded dates of October."""
    return [
        (entries.day, entries.entry_count)
        for entries in read_closed_dates(store, topic, FIRST, LAST)
    ]


def test_closed_date_is_read_back(store):
    """Both databases give the same bytes; topics, ledgers and environments are apart."""
    record_closed_date(store, FUNDS, LAST, 2, EVERY_BYTE)
    record_closed_date(store, FUNDS, FIRST, 0, b"")
    record_closed_date(store, FUNDS, date(2026, 11, 1), 1, b"later")

    assert list_days(store, FUNDS) == [(FIRST, 0), (LAST, 2)]
    *_, last = read_closed_dates(store, FUNDS, FIRST, LAST)
    assert (last.data, last.intact) == (EVERY_BYTE, True)
    assert list_days(store, FEES) == []
    assert list_days(store, FUNDS._replace(environment="simulator")) == []


def test_recorded_date_does_not_change(store):
    """A closed date is final: what is read a second time is not recorded."""
    record_closed_date(store, FUNDS, FIRST, 2, b"two")
    record_closed_date(store, FUNDS, FIRST, 3, b"three")

    assert list_days(store, FUNDS) == [(FIRST, 2)]


def test_damaged_entries_are_noticed(store):
    """A date whose bytes changed must be requested again."""
    record_closed_date(store, FUNDS, FIRST, 2, b"two")
    with write_transaction(store) as connection:
        connection.execute(text("UPDATE ledger_dates SET sha256 = 'x'"))

    assert [entries.intact for entries in read_closed_dates(store, FUNDS, FIRST, LAST)] == [False]


def test_page_of_a_feed_is_found_by_its_cursor(store):
    """Every reader goes from page to page by itself, so two readers cannot disturb each other."""
    record_feed_page(store, FUNDS, StoredPage("", "a", 256, EVERY_BYTE))
    record_feed_page(store, FUNDS, StoredPage("a", "b", 1, b"one"))
    record_feed_page(store, FUNDS, StoredPage("a", "c", 2, b"two"))

    assert read_feed_page(store, FUNDS, "") == StoredPage("", "a", 256, EVERY_BYTE)
    assert read_feed_page(store, FUNDS, "a") == StoredPage("a", "b", 1, b"one")
    assert read_feed_page(store, FUNDS, "b") is None
    assert read_feed_page(store, FEES, "") is None


def test_damaged_page_is_as_if_it_was_not_recorded(store):
    """It is requested again."""
    record_feed_page(store, FUNDS, StoredPage("", "a", 1, b"one"))
    with write_transaction(store) as connection:
        connection.execute(text("UPDATE ledger_feed_pages SET sha256 = 'x'"))

    assert read_feed_page(store, FUNDS, "") is None
