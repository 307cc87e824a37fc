"""Closed ledger dates and pages of a feed are recorded once, and read back as they were."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text

from vippsrecon.errors import StoreError
from vippsrecon.store import (
    LedgerTopic,
    read_closed_dates,
    read_feed_cursor,
    read_feed_pages,
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


def test_feed_goes_on_after_its_last_page(store):
    """Page and cursor are recorded together; an empty page only moves the cursor."""
    assert read_feed_cursor(store, FUNDS) == ""
    record_feed_page(store, FUNDS, "", "a", 2, b"two")
    record_feed_page(store, FUNDS, "a", "b", 0, b"")
    record_feed_page(store, FUNDS, "b", "c", 1, b"one")

    assert read_feed_cursor(store, FUNDS) == "c"
    assert [(page.entry_count, page.data) for page in read_feed_pages(store, FUNDS)] == [
        (2, b"two"),
        (1, b"one"),
    ]
    assert read_feed_cursor(store, FEES) == ""


def test_two_readers_of_a_feed_do_not_record_a_page_twice(store):
    """The second one is told to run again: its page is there already."""
    record_feed_page(store, FUNDS, "", "a", 2, b"two")

    with pytest.raises(StoreError, match="at the same time"):
        record_feed_page(store, FUNDS, "", "a", 2, b"two")
    assert len(list(read_feed_pages(store, FUNDS))) == 1
