"""Rows that may have been sent and have no final outcome, and a new reading of them. Writes nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple

from vippsrecon.api.async_client import AsyncClient
from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.execution.row.evidence import Evidence, Intention, evaluate
from vippsrecon.bulk.execution.row.operations import extract_aggregate
from vippsrecon.bulk.execution.row.record import restore_planned_row
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.errors import VippsReconError
from vippsrecon.store import Entry, Store, read_row_states
from vippsrecon.vipps_rules import EVENT_LOG_DELAY_SECONDS

EVENT_LOG_DELAY = timedelta(seconds=EVENT_LOG_DELAY_SECONDS)
"""After this time the event log shows every operation that was done; earlier, a missing event
proves nothing. See docs/reliability.md, the second assumption."""

MAX_CONCURRENT_READS = 16


class OpenRow(NamedTuple):
    """A row that was sent, or may have been, and has no final outcome.

    Attributes:
        verb: refund, capture or cancel.
        intention: The operation, from its first `intended` entry.
        intended: That entry; the row's last entry, where its request was made before the journal
            was lost or restored.
        last_at: Time of the row's last entry. No request was sent later: every request has its
            own entry before it.
    """

    verb: str
    intention: Intention
    intended: Entry
    last_at: datetime

    @property
    def number(self) -> int:
        """The row number in the plan."""
        return self.intention.row.row


class RecheckedRow(NamedTuple):
    """An open row, and what a new reading proves.

    Attributes:
        open: The open row.
        evidence: What the reading proves; its kind is `unread` if the payment could not be read.
        after: The payment's totals as read.
        is_conclusive: The reading came so long after the last request that a missing event proves
            that nothing was done.
    """

    open: OpenRow
    evidence: Evidence
    after: Aggregate | None
    is_conclusive: bool


def find_open_rows(store: Store, plan_id: str) -> list[OpenRow]:
    """Return the rows of a plan without a final outcome, in the plan's order.

    Raises:
        StoreError: The database cannot be used.
    """
    open_rows = []
    for _, state in sorted(read_row_states(store, plan_id).items()):
        if state.outcome in ("intended", "unknown"):
            intended = state.intended or state.entry
            detail = intended.parse_detail()
            row = restore_planned_row(intended, detail, Aggregate(*detail["before"]))
            intention = Intention.from_entry(row, intended)
            last_at = parse_timestamp(state.entry.at)
            open_rows.append(OpenRow(intended.verb, intention, intended, last_at))
    return open_rows


async def recheck_rows(core: AsyncClient, rows: list[OpenRow]) -> list[RecheckedRow]:
    """Read each row's event log, then its payment, and evaluate them."""
    semaphore = asyncio.Semaphore(MAX_CONCURRENT_READS)

    async def recheck(row: OpenRow) -> RecheckedRow:
        async with semaphore:
            return await _recheck_row(core, row)

    return list(await asyncio.gather(*(recheck(row) for row in rows)))


async def _recheck_row(core: AsyncClient, row: OpenRow) -> RecheckedRow:
    planned = row.intention.row
    try:
        events = await core.events(planned.reference, planned.msn)
        payment = await core.payment(planned.reference, planned.msn)
    except VippsReconError as error:
        return RecheckedRow(
            row, Evidence("unread", None, f"the payment could not be read: {error}"), None, False
        )
    is_conclusive = core.now() - row.last_at > EVENT_LOG_DELAY
    return RecheckedRow(
        row,
        evaluate(row.verb, row.intention, payment, events),
        extract_aggregate(payment),
        is_conclusive,
    )
