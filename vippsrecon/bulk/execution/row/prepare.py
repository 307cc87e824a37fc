"""Prepare one row: read the payment, check the row, record the intention in the journal.

Nothing in this module changes a payment.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from vippsrecon.api.models import Event, Payment
from vippsrecon.bulk.aggregate import Aggregate, describe_change
from vippsrecon.bulk.execution.context import RunContext, StopRunError
from vippsrecon.bulk.execution.journal_writer import WriteResult
from vippsrecon.bulk.execution.preconditions import find_clock_fault
from vippsrecon.bulk.execution.row.backoff import Backoff
from vippsrecon.bulk.execution.row.caps import describe_cap_breach
from vippsrecon.bulk.execution.row.checks import RowCheck, find_objection, get_planned_aggregate
from vippsrecon.bulk.execution.row.evidence import Intention, evaluate, may_be_own_change
from vippsrecon.bulk.execution.row.operations import (
    build_operation_request,
    compute_expected_aggregate,
    extract_aggregate,
    find_own_event,
)
from vippsrecon.bulk.execution.row.record import build_row_record
from vippsrecon.bulk.execution.row.responses import classify_error
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.times import format_journal_time, parse_plan_time, parse_timestamp
from vippsrecon.errors import ApiError, PaymentNotFoundError, VippsReconError
from vippsrecon.store import Attempt, CapExceeded, Draft, Entry, PaymentBusy, PaymentChanged


class Reading(NamedTuple):
    """A payment and its event log, read at one time, and the attempts of other plans at it.

    Attributes:
        payment: The payment.
        events: Its event log.
        others: The attempts of other plans at it.
        begun_at: When the reading was begun, by the run's clock.
    """

    payment: Payment
    events: list[Event]
    others: list[Attempt]
    begun_at: float


async def predict_outcome(
    context: RunContext, row: PlanRow, intended: Entry | None = None
) -> RowResult:
    """Predict what a live run would do with a row now. Sends nothing and writes nothing.

    Args:
        context: What all rows of the run share.
        row: The row.
        intended: Its `intended` entry if an earlier run left it open; such a row is resolved, not
            checked again.
    """
    reading = await take_reading(context, row)
    if isinstance(reading, RowResult):
        return reading
    if intended is not None:
        return _predict_resolution(context, Intention.from_entry(row, intended), reading)
    decided = decide_from_reading(context, row, reading)
    if decided is not None:
        # A dry run waits for nothing, so it cannot come to an unknown outcome.
        return decided._replace(outcome="skipped") if decided.outcome == "unknown" else decided
    before = extract_aggregate(reading.payment)
    after = compute_expected_aggregate(context.verb, before, row.amount_minor)
    return RowResult(row.row, "would_do", "would be sent", before=before, after=after)


def _predict_resolution(context: RunContext, intention: Intention, reading: Reading) -> RowResult:
    """Predict how a live run would resolve a row that an earlier run left open."""
    evidence = evaluate(context.verb, intention, reading.payment, reading.events)
    result = RowResult(
        intention.row.row, evidence.kind, evidence.explanation, before=intention.before
    )
    after = extract_aggregate(reading.payment)
    if evidence.kind == "nothing":
        why = "sent before, but nothing was done; would be sent again with the same key"
        after = compute_expected_aggregate(
            context.verb, intention.before, intention.row.amount_minor
        )
        result = result._replace(outcome="would_do", explanation=why)
    elif evidence.kind == "moved":
        why = f"sent before, and the outcome is open: {evidence.explanation}; would be read again"
        result = result._replace(outcome="skipped", explanation=why)
    elif evidence.kind == "done":
        result = result._replace(outcome="already_done")
    return result._replace(after=after)


async def prepare_row(context: RunContext, row: PlanRow) -> RowResult | Intention:
    """Read and check one row, and record the intention to send it.

    A change that may be this row's own operation, made before the journal was lost or restored
    and not in the event log yet, is read again for up to `settle_for`; then the row is `unknown`.

    Returns:
        The row's result if nothing may be sent, else the intention, which is in the journal.

    Raises:
        StopRunError: The keys are not accepted, or the clock cannot be trusted.
    """
    assert context.writer is not None
    backoff = Backoff(context, context.patience.settle_for)
    while True:
        reading = await take_reading(context, row)
        if isinstance(reading, RowResult):
            return await record_result(context, row, reading)
        decided = decide_from_reading(context, row, reading)
        if decided is not None:
            if decided.outcome == "unknown" and await backoff.wait():
                continue
            return await record_result(context, row, decided)
        clock_fault = find_clock_fault(context, reading.events)
        if clock_fault:
            unsent = RowResult(row.row, "skipped", f"nothing was sent: {clock_fault}")
            raise StopRunError(clock_fault, await record_result(context, row, unsent))
        intended = await _record_intention(context, row, reading)
        if not isinstance(intended, PaymentChanged):
            return intended


async def take_reading(context: RunContext, row: PlanRow) -> Reading | RowResult:
    """Read a payment, its event log and other plans' attempts; an error becomes the row's result.

    Raises:
        StopRunError: The keys are not accepted, or do not allow this operation.
    """
    begun_at = context.clock.count_seconds()
    try:
        payment = await context.core.payment(row.reference, row.msn)
        events = await context.core.events(row.reference, row.msn)
        if find_own_event(context.verb, context.key(row), events) is not None:
            # The operation may have arrived between the two requests: read its totals again.
            payment = await context.core.payment(row.reference, row.msn)
    except PaymentNotFoundError as error:
        why = (
            f"sales unit {row.msn} has no payment {row.reference} in this environment. Search "
            "for the reference in the business portal"
        )
        return RowResult(row.row, "refused", why, 404, error.code, error.trace_id)
    except VippsReconError as error:
        unread_result = _build_read_error_result(
            row, "skipped", f"the payment could not be read, so nothing was sent: {error}", error
        )
        if classify_error(error) == "stop":
            raise StopRunError(str(error), unread_result) from None
        return unread_result
    return Reading(payment, events, await context.others(row), begun_at)


def decide_from_reading(context: RunContext, row: PlanRow, reading: Reading) -> RowResult | None:
    """Return the row's result if the reading decides it, or None if the row may be sent."""
    payment, events = reading.payment, reading.events
    current = extract_aggregate(payment)
    earlier_event = _find_earlier_event(context, row, reading)
    if earlier_event is not None:
        why = "it was done before and is not repeated"
        return RowResult(row.row, "already_done", why, after=current)._replace(
            psp_reference=earlier_event.psp_reference, event_at=earlier_event.timestamp
        )
    as_planned = Intention(row, context.key(row), get_planned_aggregate(row), context.core.now())
    if may_be_own_change(context.verb, as_planned, payment, events, reading.others):
        change = describe_change(as_planned.before, current, payment.currency)
        why = (
            f"{change}, and the event log does not show yet who did it: it may be this row, carried "
            "out before the journal was lost or restored. Run the same command again in two minutes"
        )
        return RowResult(row.row, "unknown", why, before=as_planned.before, after=current)
    objection = object_to_sending(context, row, reading)
    if not objection:
        return None
    return RowResult(row.row, "refused", objection, before=current, after=current)


def object_to_sending(context: RunContext, row: PlanRow, reading: Reading) -> str:
    """Return why the row may not be sent on this reading, as one sentence, or "" if it may."""
    return find_objection(
        RowCheck(
            context.verb,
            row,
            context.key(row),
            reading.payment,
            reading.events,
            reading.others,
            context.core.settings.unit(row.msn),
            context.core.now(),
            parse_plan_time(context.plan.expires_at),
            context.approval_expires_at,
            context.plan.cancel_created,
        )
    )


def _find_earlier_event(context: RunContext, row: PlanRow, reading: Reading) -> Event | None:
    """Return the event of this operation if it was done, but the journal was lost or restored.

    The event of a cancel has no key: any cancel that left nothing reserved counts.
    """
    if context.verb != "cancel":
        event = find_own_event(context.verb, context.key(row), reading.events)
        return event if event is not None and event.success else None
    as_planned = Intention(row, context.key(row), get_planned_aggregate(row), context.core.now())
    evidence = evaluate("cancel", as_planned, reading.payment, reading.events)
    return evidence.event if evidence.kind in ("done", "already_done") else None


async def _record_intention(
    context: RunContext, row: PlanRow, reading: Reading
) -> RowResult | Intention | PaymentChanged:
    """Reserve the payment and the caps and write the `intended` entry, in one transaction."""
    before = extract_aggregate(reading.payment)
    written = await write_intention(context, row, before, reading)
    if isinstance(written, PaymentChanged):
        return written
    if isinstance(written, Entry):
        at = parse_timestamp(written.at)
        return Intention(row, context.key(row), before, at, reading.begun_at)
    return await record_result(context, row, describe_not_reserved(row, written, before))


async def write_intention(
    context: RunContext, row: PlanRow, before: Aggregate, reading: Reading
) -> WriteResult:
    """Write an `intended` entry if the caps and other plans allow it. Every request has its own.

    A row that is sent again keeps what it has reserved; on another day it counts for that day too.

    Raises:
        StoreError: It could not be written, or another process holds the plan: nothing may be sent.
    """
    assert context.writer is not None
    draft = _build_intention_draft(context, row, before)
    known = sum(attempt.entry_count for attempt in reading.others)
    return await context.writer.keep(draft._replace(known=known))


def describe_not_reserved(
    row: PlanRow, no: PaymentBusy | CapExceeded, before: Aggregate
) -> RowResult:
    """Return the result of a row that could not be reserved: nothing is sent."""
    if isinstance(no, PaymentBusy):
        why = f"row {no.row} of plan {no.plan_id} has a request in progress on this payment; finish that plan first"
        return RowResult(row.row, "skipped", why, before=before)
    return RowResult(row.row, "refused", describe_cap_breach(no), before=before, after=before)


def _build_intention_draft(context: RunContext, row: PlanRow, before: Aggregate) -> Draft:
    """Build the `intended` entry of a request."""
    request = build_operation_request(context.verb, row, context.key(row))
    caps = tuple(context.find_row_caps(row))
    detail = {
        "method": request.method,
        "path": request.path,
        "body": request.body.decode(),
        "before": list(before),
        "caps": [cap.scope for cap in caps],
        **build_row_record(row),
    }
    draft = _build_row_draft(context, row, "intended", context.core.now())
    return draft._replace(detail=detail, caps=caps)


async def record_result(context: RunContext, row: PlanRow, result: RowResult) -> RowResult:
    """Write a row's result to the journal; return it after the commit."""
    assert context.writer is not None
    draft = _build_row_draft(context, row, result.outcome, context.core.now())
    await context.writer.keep(draft._replace(detail=result.detail() | build_row_record(row)))
    return result


def _build_row_draft(context: RunContext, row: PlanRow, kind: str, at: datetime) -> Draft:
    return Draft(
        kind=kind,
        at=format_journal_time(at),
        row=row.row,
        msn=row.msn,
        reference=row.reference,
        currency=row.currency,
        amount_minor=row.amount_minor,
        idempotency_key=context.key(row),
    )


def _build_read_error_result(
    row: PlanRow, outcome: str, why: str, error: VippsReconError
) -> RowResult:
    if isinstance(error, ApiError):
        return RowResult(row.row, outcome, why, error.status, error.code, error.trace_id)
    return RowResult(row.row, outcome, why)
