"""Read what happened on ledgers since an earlier run, from their feeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.fetching.ledgers.stored_entries import FeedEntries, open_stored_ledgers
from vippsrecon.ledger.entries import build_entries, find_ledgers, walk_feed

if TYPE_CHECKING:
    from vippsrecon.api import Client
    from vippsrecon.api.requests import Topic
    from vippsrecon.fetching.ledgers.stored_entries import StoredLedgers
    from vippsrecon.ledger.entries import ReadableLedger


class FeedReading(NamedTuple):
    """The entries since the cursors of an earlier run.

    Attributes:
        msns: Sales units whose ledgers were read.
        entries: `schemas.LEDGER_ENTRIES`.
        cursors: Ledger to the cursor at which the next run begins.
    """

    msns: frozenset[str]
    entries: pl.DataFrame
    cursors: dict[str, str]

    def covers(self, msns: Iterable[str]) -> bool:
        """Return whether each of these sales units has a ledger that was read."""
        return self.msns.issuperset(msns)


def read_feeds(
    client: Client,
    msns: Iterable[str],
    cursors: Mapping[str, str],
    *,
    topic: Topic = "funds",
    record: bool | None = None,
) -> FeedReading:
    """Read the feeds of the ledgers of sales units, each from its cursor.

    Args:
        client: Has the keys.
        msns: The sales units.
        cursors: Ledger to cursor; one that is missing begins with the first entry of its ledger.
        topic: funds or fees.
        record: Whether pages are stored in the workspace database; None: in production.

    Raises:
        ApiError, NoAnswerError: A feed could not be read to its end.
        StoreError: The workspace database failed.
    """
    frames = [schemas.to_polars(None, schemas.LEDGER_ENTRIES)]
    following = dict(cursors)
    ledgers = find_ledgers(client, msns)
    with open_stored_ledgers(client.settings, record=record) as stored:
        for owner in ledgers:
            ledger_id = owner.ledger.ledger_id
            for page in _walk_pages(client, owner, topic, cursors.get(ledger_id, ""), stored):
                frames.append(page.entries)
                following[ledger_id] = page.next_cursor
    settled = frozenset(msn for owner in ledgers for msn in owner.ledger.msns)
    return FeedReading(settled, pl.concat(frames), following)


def _walk_pages(
    client: Client, owner: ReadableLedger, topic: Topic, cursor: str, stored: StoredLedgers
) -> Iterable[FeedEntries]:
    while (page := stored.load_page(owner, topic, cursor)) is not None:
        yield page
        cursor = page.next_cursor
    for answer in walk_feed(client, owner, topic, cursor):
        page = FeedEntries(build_entries(answer.entries, owner.ledger), answer.cursor)
        stored.record_page(owner, topic, cursor, page)
        yield page
        cursor = answer.cursor
