"""Rows that were sent, or may have been, and what a reading of them shows. Nothing is kept here."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple

from vippsrecon.api.async_client import AsyncClient
from vippsrecon.bulk.execution.evidence import Found, Sent, look
from vippsrecon.bulk.execution.operations import aggregate_of, moment_of
from vippsrecon.bulk.execution.row_record import planned_row
from vippsrecon.bulk.plan.rules import Aggregate
from vippsrecon.errors import VippsReconError
from vippsrecon.store import Entry, Store, state_by_row

SHOWS_WITHIN = timedelta(seconds=60)
"""After so long the log shows an operation that was done: before, its absence proves nothing.
See docs/reliability.md, the second assumption."""

AT_ONCE = 16


class Open(NamedTuple):
    """A row that was sent, or may have been.

    Attributes:
        verb: What it does.
        sent: The operation, as its first intention says.
        intended: That intention.
        last_at: When the journal last said something of it. No request of it left later: each
            has an entry of its own before it.
    """

    verb: str
    sent: Sent
    intended: Entry
    last_at: datetime

    @property
    def number(self) -> int:
        """The plan's row."""
        return self.sent.row.row


class Looked(NamedTuple):
    """An open row, and what a reading of it shows.

    Attributes:
        open: The row.
        found: done, already_done, refused, nothing, moved; unread where it could not be read.
        after: The aggregate read.
        sure: The reading was taken so long after the last request that absence proves something.
    """

    open: Open
    found: Found
    after: Aggregate | None
    sure: bool


def open_rows(store: Store, plan_id: str) -> list[Open]:
    """Return the rows of a plan whose outcome is open, in order.

    Raises:
        StoreError: The database cannot be used.
    """
    found = []
    for _, state in sorted(state_by_row(store, plan_id).items()):
        if state.outcome in ("intended", "unknown") and state.intended is not None:
            said = state.intended.said()
            row = planned_row(state.intended, said, Aggregate(*said["before"]))
            sent = Sent.found(row, state.intended)
            last_at = moment_of(state.entry.at)
            found.append(Open(state.intended.verb, sent, state.intended, last_at))
    return found


async def look_at_all(core: AsyncClient, rows: list[Open]) -> list[Looked]:
    """Read each row's event log, then its payment; one that cannot be read is `unread`."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(row: Open) -> Looked:
        async with gate:
            return await _look(core, row)

    return list(await asyncio.gather(*(one(row) for row in rows)))


async def _look(core: AsyncClient, row: Open) -> Looked:
    planned = row.sent.row
    try:
        events = await core.events(planned.reference, planned.msn)
        payment = await core.payment(planned.reference, planned.msn)
    except VippsReconError as error:
        return Looked(row, Found("unread", None, f"it could not be read: {error}"), None, False)
    sure = core.now() - row.last_at > SHOWS_WITHIN
    return Looked(row, look(row.verb, row.sent, payment, events), aggregate_of(payment), sure)
