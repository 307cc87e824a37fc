"""Before a row is sent: read the payment, judge the row, keep the intention on disk.

Nothing in here changes a payment.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from vippsrecon.api.models import Event, Payment
from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.execution.caps import describe_cap_breach
from vippsrecon.bulk.execution.context import RunContext, StopRunError
from vippsrecon.bulk.execution.evidence import Intention, evaluate
from vippsrecon.bulk.execution.operations import (
    build_operation_request,
    compute_expected_aggregate,
    extract_aggregate,
    find_own_event,
)
from vippsrecon.bulk.execution.responses import classify_error
from vippsrecon.bulk.execution.row_checks import RowCheck, find_objection, get_planned_aggregate
from vippsrecon.bulk.execution.row_record import build_row_record
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.times import format_journal_time, parse_plan_time, parse_timestamp
from vippsrecon.errors import ApiError, PaymentNotFoundError, StoreError, VippsReconError
from vippsrecon.store import Attempt, CapExceeded, Draft, Entry, PaymentBusy, PaymentChanged


class Reading(NamedTuple):
    """A payment and its log, read now, and what other plans did with it."""

    payment: Payment
    events: list[Event]
    others: list[Attempt]


async def predict_outcome(
    desk: RunContext, row: PlanRow, intended: Entry | None = None
) -> RowResult:
    """Say what a live run would do with a row now. Reads; sends and keeps nothing.

    Args:
        desk: What the row would be carried out with.
        row: The row.
        intended: Its intention, where an earlier run left it open: it would not be judged anew.
    """
    reading = await take_reading(desk, row)
    if isinstance(reading, RowResult):
        return reading
    if intended is not None:
        return _predict_resolution(desk, Intention.found(row, intended), reading)
    decided = decide_from_reading(desk, row, reading)
    if decided is not None:
        return decided
    before = extract_aggregate(reading.payment)
    after = compute_expected_aggregate(desk.verb, before, row.amount_minor)
    return RowResult(row.row, "would_do", "would be sent", before=before, after=after)


def _predict_resolution(desk: RunContext, sent: Intention, reading: Reading) -> RowResult:
    """Say what a live run would make of a row that an earlier one left open."""
    found = evaluate(desk.verb, sent, reading.payment, reading.events)
    result = RowResult(sent.row.row, found.kind, found.explanation, before=sent.before)
    after = extract_aggregate(reading.payment)
    if found.kind == "nothing":
        why = "sent before, and nothing was done; would be sent again with the same key"
        after = compute_expected_aggregate(desk.verb, sent.before, sent.row.amount_minor)
        result = result._replace(outcome="would_do", explanation=why)
    elif found.kind == "moved":
        why = f"sent before, and its outcome is open: {found.explanation}; would be looked at again"
        result = result._replace(outcome="skipped", explanation=why)
    elif found.kind == "done":
        result = result._replace(outcome="already_done")
    return result._replace(after=after)


async def prepare_row(desk: RunContext, row: PlanRow) -> RowResult | Intention:
    """Read, judge and intend one row.

    Returns:
        What became of it where nothing is to be sent, else what may be sent now: its intention
        is on disk.
    """
    assert desk.writer is not None
    while True:
        reading = await take_reading(desk, row)
        if isinstance(reading, RowResult):
            return await record_result(desk, row, reading)
        decided = decide_from_reading(desk, row, reading)
        if decided is not None:
            return await record_result(desk, row, decided)
        intended = await _record_intention(desk, row, reading)
        if not isinstance(intended, PaymentChanged):
            return intended


async def take_reading(desk: RunContext, row: PlanRow) -> Reading | RowResult:
    """Read a payment, its event log and its journal; a failure becomes the row's result.

    Raises:
        StopRunError: The keys are not accepted, or not for this.
    """
    try:
        payment = await desk.core.payment(row.reference, row.msn)
        events = await desk.core.events(row.reference, row.msn)
        if find_own_event(desk.verb, desk.key(row), events) is not None:
            # It may have arrived between the two: its sums are those read after its event.
            payment = await desk.core.payment(row.reference, row.msn)
    except PaymentNotFoundError as error:
        why = (
            f"sales unit {row.msn} has no payment {row.reference} in this environment; look for "
            "the reference in the business portal"
        )
        return RowResult(row.row, "refused", why, 404, error.code, error.trace_id)
    except VippsReconError as error:
        unread = _build_read_error_result(
            row, "skipped", f"it could not be read, and nothing was sent: {error}", error
        )
        if classify_error(error) == "stop":
            raise StopRunError(str(error), unread) from None
        return unread
    return Reading(payment, events, await desk.others(row))


def decide_from_reading(desk: RunContext, row: PlanRow, reading: Reading) -> RowResult | None:
    """Return what a reading decides by itself, or None where the row may be sent."""
    payment, events = reading.payment, reading.events
    now = extract_aggregate(payment)
    done = _find_earlier_event(desk, row, reading)
    if done is not None:
        why = "it was done before, and is not done again"
        return RowResult(row.row, "already_done", why, after=now)._replace(
            psp_reference=done.psp_reference, event_at=done.timestamp
        )
    said = find_objection(
        RowCheck(
            desk.verb,
            row,
            desk.key(row),
            payment,
            events,
            reading.others,
            desk.core.settings.unit(row.msn),
            desk.core.now(),
            parse_plan_time(desk.plan.expires_at),
            desk.approval_expires_at,
            desk.plan.cancel_created,
        )
    )
    return RowResult(row.row, "refused", said, before=now, after=now) if said else None


def _find_earlier_event(desk: RunContext, row: PlanRow, reading: Reading) -> Event | None:
    """Return the event of this very operation: a lost journal or a restored backup forgot it.

    A cancel's event carries no key: one that left nothing reserved is as good.
    """
    if desk.verb != "cancel":
        event = find_own_event(desk.verb, desk.key(row), reading.events)
        return event if event is not None and event.success else None
    as_planned = Intention(row, desk.key(row), get_planned_aggregate(row), desk.core.now())
    found = evaluate("cancel", as_planned, reading.payment, reading.events)
    return found.event if found.kind in ("done", "already_done") else None


async def _record_intention(
    desk: RunContext, row: PlanRow, reading: Reading
) -> RowResult | Intention | PaymentChanged:
    """Reserve the payment and the caps and keep the intention, in one transaction."""
    assert desk.writer is not None
    before = extract_aggregate(reading.payment)
    draft = _build_intention_draft(desk, row, before)._replace(
        caps=tuple(desk.find_row_caps(row)),
        known=sum(attempt.entry_count for attempt in reading.others),
    )
    kept = await desk.writer.keep(draft)
    if isinstance(kept, PaymentChanged):
        return kept
    if isinstance(kept, PaymentBusy):
        why = f"row {kept.row} of plan {kept.plan_id} is under way on this payment; finish it first"
        return await record_result(desk, row, RowResult(row.row, "skipped", why, before=before))
    if isinstance(kept, CapExceeded):
        refused = RowResult(
            row.row, "refused", describe_cap_breach(kept), before=before, after=before
        )
        return await record_result(desk, row, refused)
    return Intention(row, desk.key(row), before, parse_timestamp(kept.at))


async def record_intention_again(desk: RunContext, sent: Intention) -> None:
    """Keep once more that a request is about to leave: each one has its own entry before it.

    The row has its payment and its place under the caps from the first time. Whoever looks at
    the journal later knows from the last of these since when the operation may be under way.

    Raises:
        StoreError: It could not be kept, or another carrier has the plan: nothing may be sent.
    """
    assert desk.writer is not None
    kept = await desk.writer.keep(_build_intention_draft(desk, sent.row, sent.before))
    if not isinstance(kept, Entry):
        raise StoreError(f"row {sent.row.row} no longer has its payment: {kept}")


def _build_intention_draft(desk: RunContext, row: PlanRow, before: Aggregate) -> Draft:
    """Return what is kept of a request before it leaves."""
    request = build_operation_request(desk.verb, row, desk.key(row))
    said = {
        "method": request.method,
        "path": request.path,
        "body": request.body.decode(),
        "before": list(before),
        **build_row_record(row),
    }
    return _build_row_draft(desk, row, "intended", desk.core.now())._replace(detail=said)


async def record_result(desk: RunContext, row: PlanRow, result: RowResult) -> RowResult:
    """Keep what became of a row; return it when it is on disk."""
    assert desk.writer is not None
    draft = _build_row_draft(desk, row, result.outcome, desk.core.now())
    await desk.writer.keep(draft._replace(detail=result.detail() | build_row_record(row)))
    return result


def _build_row_draft(desk: RunContext, row: PlanRow, kind: str, at: datetime) -> Draft:
    return Draft(
        kind=kind,
        at=format_journal_time(at),
        row=row.row,
        msn=row.msn,
        reference=row.reference,
        currency=row.currency,
        amount_minor=row.amount_minor,
        idempotency_key=desk.key(row),
    )


def _build_read_error_result(
    row: PlanRow, outcome: str, why: str, error: VippsReconError
) -> RowResult:
    if isinstance(error, ApiError):
        return RowResult(row.row, outcome, why, error.status, error.code, error.trace_id)
    return RowResult(row.row, outcome, why)
