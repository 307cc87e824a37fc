"""Rows that were sent, or may have been, and what a reading of them shows. Nothing is kept here."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple

from vippsrecon.api.async_client import AsyncClient
from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.execution.evidence import Evidence, Intention, evaluate
from vippsrecon.bulk.execution.operations import extract_aggregate
from vippsrecon.bulk.execution.row_record import restore_planned_row
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.errors import VippsReconError
from vippsrecon.store import Entry, Store, read_row_states

EVENT_LOG_DELAY = timedelta(seconds=60)
"""After so long the log shows an operation that was done: before, its absence proves nothing.
See docs/reliability.md, the second assumption."""

MAX_CONCURRENT_READS = 16


class OpenRow(NamedTuple):
    """A row that was sent, or may have been.

    Attributes:
        verb: What it does.
        intention: The operation, as its first intention says.
        intended: That intention.
        last_at: When the journal last said something of it. No request of it left later: each
            has an entry of its own before it.
    """

    verb: str
    intention: Intention
    intended: Entry
    last_at: datetime

    @property
    def number(self) -> int:
        """The plan's row."""
        return self.intention.row.row


class RecheckedRow(NamedTuple):
    """An open row, and what a reading of it shows.

    Attributes:
        open: The row.
        found: done, already_done, refused, nothing, moved; unread where it could not be read.
        after: The aggregate read.
        is_conclusive: The reading was taken so long after the last request that absence proves something.
    """

    open: OpenRow
    found: Evidence
    after: Aggregate | None
    is_conclusive: bool


def find_open_rows(store: Store, plan_id: str) -> list[OpenRow]:
    """Return the rows of a plan whose outcome is open, in order.

    Raises:
        StoreError: The database cannot be used.
    """
    found = []
    for _, state in sorted(read_row_states(store, plan_id).items()):
        if state.outcome in ("intended", "unknown") and state.intended is not None:
            said = state.intended.said()
            row = restore_planned_row(state.intended, said, Aggregate(*said["before"]))
            sent = Intention.found(row, state.intended)
            last_at = parse_timestamp(state.entry.at)
            found.append(OpenRow(state.intended.verb, sent, state.intended, last_at))
    return found


async def recheck_rows(core: AsyncClient, rows: list[OpenRow]) -> list[RecheckedRow]:
    """Read each row's event log, then its payment; one that cannot be read is `unread`."""
    gate = asyncio.Semaphore(MAX_CONCURRENT_READS)

    async def one(row: OpenRow) -> RecheckedRow:
        async with gate:
            return await _recheck_row(core, row)

    return list(await asyncio.gather(*(one(row) for row in rows)))


async def _recheck_row(core: AsyncClient, row: OpenRow) -> RecheckedRow:
    planned = row.intention.row
    try:
        events = await core.events(planned.reference, planned.msn)
        payment = await core.payment(planned.reference, planned.msn)
    except VippsReconError as error:
        return RecheckedRow(
            row, Evidence("unread", None, f"it could not be read: {error}"), None, False
        )
    sure = core.now() - row.last_at > EVENT_LOG_DELAY
    return RecheckedRow(
        row, evaluate(row.verb, row.intention, payment, events), extract_aggregate(payment), sure
    )
