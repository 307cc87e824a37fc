"""Prepare one row: read the payment, check the row, record the intention in the journal.

Nothing in this module changes a payment.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from vippsrecon.api.models import Event, Payment
from vippsrecon.bulk.aggregate import Aggregate, describe_change
from vippsrecon.bulk.execution.context import RunContext, StopRunError
from vippsrecon.bulk.execution.plan_journal import WriteResult
from vippsrecon.bulk.execution.preconditions import find_clock_fault
from vippsrecon.bulk.execution.row.backoff import Backoff
from vippsrecon.bulk.execution.row.caps import describe_cap_breach
from vippsrecon.bulk.execution.row.checks import RowCheck, find_objection, get_planned_aggregate
from vippsrecon.bulk.execution.row.evidence import Intention, evaluate, may_be_own_change
from vippsrecon.bulk.execution.row.operations import (
    build_operation_request,
    extract_aggregate,
    find_own_event,
)
from vippsrecon.bulk.execution.row.record import build_row_record
from vippsrecon.bulk.execution.row.responses import classify_error, describe_failure
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.times import format_journal_time, parse_plan_time, parse_timestamp
from vippsrecon.errors import ApiError, PaymentNotFoundError, VippsReconError
from vippsrecon.store import Attempt, CapExceeded, Draft, Entry, PaymentBusy, PaymentChanged

LOG_IS_LATE = "the payment changed, and its event log does not show yet whether by this row"


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


class RowPreparer:
    """Reads and checks one row, and records the intention to send it. Changes no payment.

    Args:
        context: What all rows of the run share.
        row: The row.
    """

    def __init__(self, context: RunContext, row: PlanRow) -> None:
        self.context = context
        self.row = row

    async def prepare(self) -> RowResult | Intention:
        """Read and check the row, and record the intention to send it.

        A change that may be this row's own operation, made before the journal was lost or restored
        and not in the event log yet, is read again for up to `settle_for`; then the row is `unknown`.

        Returns:
            The row's result if nothing may be sent, else the intention, which is in the journal.

        Raises:
            StopRunError: The keys are not accepted, or the clock cannot be trusted.
        """
        backoff = Backoff(self.context, self.context.timeouts.settle_for, self.row.row)
        while True:
            reading = await self.take_reading()
            if isinstance(reading, RowResult):
                return await self._record(reading)
            decided = self.decide(reading)
            clock_fault = self.find_clock_fault(reading)
            # A refusal is final and may depend on the time: none while the clock may be wrong.
            if clock_fault and (decided is None or decided.outcome == "refused"):
                unsent = RowResult(self.row.row, "skipped", f"nothing was sent: {clock_fault}")
                raise StopRunError(clock_fault, await self._record(unsent))
            if decided is not None:
                if decided.outcome == "unknown" and await backoff.wait(LOG_IS_LATE):
                    continue
                return await self._record(decided)
            intended = await self._record_intention(reading)
            if not isinstance(intended, PaymentChanged):
                return intended

    async def take_reading(self) -> Reading | RowResult:
        """Read the payment, its event log and other plans' attempts; an error becomes the row's result.

        Raises:
            StopRunError: The keys are not accepted, or do not allow this operation.
        """
        context, row = self.context, self.row
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
            failure = describe_failure(error, self.context.timeouts.wait_for)
            unread_result = _build_read_error_result(
                row,
                "skipped",
                f"the payment could not be read, so nothing was sent: {failure}",
                error,
            )
            if classify_error(error) == "stop":
                raise StopRunError(str(error), unread_result) from None
            return unread_result
        return Reading(payment, events, await context.others(row), begun_at)

    def decide(self, reading: Reading) -> RowResult | None:
        """Return the row's result if the reading decides it, or None if the row may be sent."""
        row, current = self.row, extract_aggregate(reading.payment)
        earlier_event = self.find_earlier_event(reading)
        if earlier_event is not None:
            why = "it was done before and is not repeated"
            return RowResult(row.row, "already_done", why, after=current)._replace(
                psp_reference=earlier_event.psp_reference, event_at=earlier_event.timestamp
            )
        as_planned = self._build_planned_intention()
        if self.may_be_own_change(as_planned, reading):
            change = describe_change(as_planned.before, current, reading.payment.currency)
            why = (
                f"{change}, and the event log does not show yet who did it: it may be this row, "
                "carried out before the journal was lost or restored. Run the same command again "
                "in two minutes"
            )
            return RowResult(row.row, "unknown", why, before=as_planned.before, after=current)
        objection = self.object_to_sending(reading)
        if not objection:
            return None
        return RowResult(row.row, "refused", objection, before=current, after=current)

    def object_to_sending(self, reading: Reading) -> str:
        """Return why the row may not be sent on this reading, as one sentence, or "" if it may."""
        context, row = self.context, self.row
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

    def find_clock_fault(self, reading: Reading) -> str:
        """Return why the time cannot be trusted on this reading, as one sentence, or ""."""
        return find_clock_fault(self.context, reading.events)

    def may_be_own_change(self, intention: Intention, reading: Reading) -> bool:
        """Return whether a change of the payment may be this row's own, not yet in the log."""
        return may_be_own_change(
            self.context.verb, intention, reading.payment, reading.events, reading.others
        )

    def find_earlier_event(self, reading: Reading) -> Event | None:
        """Return the event of this operation if it was done, but the journal was lost or restored.

        The event of a cancel has no key: any cancel that left nothing reserved counts.
        """
        context = self.context
        if context.verb != "cancel":
            event = find_own_event(context.verb, context.key(self.row), reading.events)
            return event if event is not None and event.success else None
        as_planned = self._build_planned_intention()
        evidence = evaluate("cancel", as_planned, reading.payment, reading.events)
        return evidence.event if evidence.kind in ("done", "already_done") else None

    def _build_planned_intention(self) -> Intention:
        """Return the operation as if it had been intended now, on the totals it was planned on."""
        row, context = self.row, self.context
        return Intention(row, context.key(row), get_planned_aggregate(row), context.core.now())

    async def _record_intention(self, reading: Reading) -> RowResult | Intention | PaymentChanged:
        """Reserve the payment and the caps and write the `intended` entry, in one transaction."""
        context, row = self.context, self.row
        before = extract_aggregate(reading.payment)
        written = await write_intention(context, row, before, reading)
        if isinstance(written, PaymentChanged):
            return written
        if isinstance(written, Entry):
            at = parse_timestamp(written.at)
            return Intention(row, context.key(row), before, at, reading.begun_at)
        return await self._record(describe_not_reserved(row, written, before))

    async def _record(self, result: RowResult) -> RowResult:
        return await record_result(self.context, self.row, result)


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
