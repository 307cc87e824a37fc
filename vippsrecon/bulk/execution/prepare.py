"""Before a row is sent: read the payment, judge the row, keep the intention on disk.

Nothing in here changes a payment.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from vippsrecon.api.models import Event, Payment
from vippsrecon.bulk.execution.caps import past
from vippsrecon.bulk.execution.context import Desk, StopRunError
from vippsrecon.bulk.execution.evidence import Sent, look
from vippsrecon.bulk.execution.operations import (
    aggregate_of,
    expected,
    journal_time,
    moment_of,
    own_event,
    request_of,
)
from vippsrecon.bulk.execution.responses import meaning
from vippsrecon.bulk.execution.row_checks import Case, objection, seen_in
from vippsrecon.bulk.execution.row_record import planned
from vippsrecon.bulk.execution.row_result import Result
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.plan.rules import Aggregate, moment
from vippsrecon.errors import ApiError, PaymentNotFoundError, StoreError, VippsReconError
from vippsrecon.store import Attempt, Draft, Entry, Moved, OverCap, Taken


class Reading(NamedTuple):
    """A payment and its log, read now, and what other plans did with it."""

    payment: Payment
    events: list[Event]
    others: list[Attempt]


async def would(desk: Desk, row: PlanRow, intended: Entry | None = None) -> Result:
    """Say what a live run would do with a row now. Reads; sends and keeps nothing.

    Args:
        desk: What the row would be carried out with.
        row: The row.
        intended: Its intention, where an earlier run left it open: it would not be judged anew.
    """
    reading = await read(desk, row)
    if isinstance(reading, Result):
        return reading
    if intended is not None:
        return _would_settle(desk, Sent.found(row, intended), reading)
    decided = decide(desk, row, reading)
    if decided is not None:
        return decided
    before = aggregate_of(reading.payment)
    after = expected(desk.verb, before, row.amount_minor)
    return Result(row.row, "would_do", "would be sent", before=before, after=after)


def _would_settle(desk: Desk, sent: Sent, reading: Reading) -> Result:
    """Say what a live run would make of a row that an earlier one left open."""
    found = look(desk.verb, sent, reading.payment, reading.events)
    result = Result(sent.row.row, found.kind, found.why, before=sent.before)
    after = aggregate_of(reading.payment)
    if found.kind == "nothing":
        why = "sent before, and nothing was done; would be sent again with the same key"
        after = expected(desk.verb, sent.before, sent.row.amount_minor)
        result = result._replace(outcome="would_do", why=why)
    elif found.kind == "moved":
        why = f"sent before, and its outcome is open: {found.why}; would be looked at again"
        result = result._replace(outcome="skipped", why=why)
    elif found.kind == "done":
        result = result._replace(outcome="already_done")
    return result._replace(after=after)


async def begin(desk: Desk, row: PlanRow) -> Result | Sent:
    """Read, judge and intend one row.

    Returns:
        What became of it where nothing is to be sent, else what may be sent now: its intention
        is on disk.
    """
    assert desk.writer is not None
    while True:
        reading = await read(desk, row)
        if isinstance(reading, Result):
            return await keep(desk, row, reading)
        decided = decide(desk, row, reading)
        if decided is not None:
            return await keep(desk, row, decided)
        intended = await _intend(desk, row, reading)
        if not isinstance(intended, Moved):
            return intended


async def read(desk: Desk, row: PlanRow) -> Reading | Result:
    """Read a payment, its event log and its journal; a failure becomes the row's result.

    Raises:
        StopRunError: The keys are not accepted, or not for this.
    """
    try:
        payment = await desk.core.payment(row.reference, row.msn)
        events = await desk.core.events(row.reference, row.msn)
        if own_event(desk.verb, desk.key(row), events) is not None:
            # It may have arrived between the two: its sums are those read after its event.
            payment = await desk.core.payment(row.reference, row.msn)
    except PaymentNotFoundError as error:
        why = (
            f"sales unit {row.msn} has no payment {row.reference} in this environment; look for "
            "the reference in the business portal"
        )
        return Result(row.row, "refused", why, 404, error.code, error.trace_id)
    except VippsReconError as error:
        unread = _said(
            row, "skipped", f"it could not be read, and nothing was sent: {error}", error
        )
        if meaning(error) == "stop":
            raise StopRunError(str(error), unread) from None
        return unread
    return Reading(payment, events, await desk.others(row))


def decide(desk: Desk, row: PlanRow, reading: Reading) -> Result | None:
    """Return what a reading decides by itself, or None where the row may be sent."""
    payment, events = reading.payment, reading.events
    now = aggregate_of(payment)
    done = _done_before(desk, row, reading)
    if done is not None:
        why = "it was done before, and is not done again"
        return Result(row.row, "already_done", why, after=now)._replace(
            psp_reference=done.psp_reference, event_at=done.timestamp
        )
    said = objection(
        Case(
            desk.verb,
            row,
            desk.key(row),
            payment,
            events,
            reading.others,
            desk.core.settings.unit(row.msn),
            desk.core.now(),
            moment(desk.plan.expires_at),
            desk.approval_expires_at,
            desk.plan.cancel_created,
        )
    )
    return Result(row.row, "refused", said, before=now, after=now) if said else None


def _done_before(desk: Desk, row: PlanRow, reading: Reading) -> Event | None:
    """Return the event of this very operation: a lost journal or a restored backup forgot it.

    A cancel's event carries no key: one that left nothing reserved is as good.
    """
    if desk.verb != "cancel":
        event = own_event(desk.verb, desk.key(row), reading.events)
        return event if event is not None and event.success else None
    as_planned = Sent(row, desk.key(row), seen_in(row), desk.core.now())
    found = look("cancel", as_planned, reading.payment, reading.events)
    return found.event if found.kind in ("done", "already_done") else None


async def _intend(desk: Desk, row: PlanRow, reading: Reading) -> Result | Sent | Moved:
    """Reserve the payment and the caps and keep the intention, in one transaction."""
    assert desk.writer is not None
    before = aggregate_of(reading.payment)
    draft = _intention(desk, row, before)._replace(
        caps=tuple(desk.caps_of(row)),
        known=sum(attempt.times for attempt in reading.others),
    )
    kept = await desk.writer.keep(draft)
    if isinstance(kept, Moved):
        return kept
    if isinstance(kept, Taken):
        why = f"row {kept.row} of plan {kept.plan_id} is under way on this payment; finish it first"
        return await keep(desk, row, Result(row.row, "skipped", why, before=before))
    if isinstance(kept, OverCap):
        refused = Result(row.row, "refused", past(kept), before=before, after=before)
        return await keep(desk, row, refused)
    return Sent(row, desk.key(row), before, moment_of(kept.at))


async def intend_again(desk: Desk, sent: Sent) -> None:
    """Keep once more that a request is about to leave: each one has its own entry before it.

    The row has its payment and its place under the caps from the first time. Whoever looks at
    the journal later knows from the last of these since when the operation may be under way.

    Raises:
        StoreError: It could not be kept, or another carrier has the plan: nothing may be sent.
    """
    assert desk.writer is not None
    kept = await desk.writer.keep(_intention(desk, sent.row, sent.before))
    if not isinstance(kept, Entry):
        raise StoreError(f"row {sent.row.row} no longer has its payment: {kept}")


def _intention(desk: Desk, row: PlanRow, before: Aggregate) -> Draft:
    """Return what is kept of a request before it leaves."""
    request = request_of(desk.verb, row, desk.key(row))
    said = {
        "method": request.method,
        "path": request.path,
        "body": request.body.decode(),
        "before": list(before),
        **planned(row),
    }
    return _draft(desk, row, "intended", desk.core.now())._replace(detail=said)


async def keep(desk: Desk, row: PlanRow, result: Result) -> Result:
    """Keep what became of a row; return it when it is on disk."""
    assert desk.writer is not None
    draft = _draft(desk, row, result.outcome, desk.core.now())
    await desk.writer.keep(draft._replace(detail=result.detail() | planned(row)))
    return result


def _draft(desk: Desk, row: PlanRow, kind: str, at: datetime) -> Draft:
    return Draft(
        kind=kind,
        at=journal_time(at),
        row=row.row,
        msn=row.msn,
        reference=row.reference,
        currency=row.currency,
        amount_minor=row.amount_minor,
        idempotency_key=desk.key(row),
    )


def _said(row: PlanRow, outcome: str, why: str, error: VippsReconError) -> Result:
    if isinstance(error, ApiError):
        return Result(row.row, outcome, why, error.status, error.code, error.trace_id)
    return Result(row.row, outcome, why)
