"""Send one prepared operation and establish its outcome.

    send ──► 2xx that matches the expected totals ──► done
      ▲      locked, rate limit ──► wait, check whether an earlier request got through, send again
      │      refusal ──► refused, if no earlier request can have succeeded
      │      anything else (timeout, 5xx, unreadable answer): open
      │                │
      │                ▼
      └── nothing     resolve: read event log and payment ──► done, already_done, refused
          happened     │
                       └── totals changed without our key: wait, read again ──► unknown

A request never leaves before the journal has its own `intended` entry for it. After the first lost
answer (`maybe_done`), no later answer proves that nothing happened; only a reading does.
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

from vippsrecon.api.models import Event, Modification, Payment
from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.execution.context import RunContext, StopRunError
from vippsrecon.bulk.execution.evidence import Evidence, Intention, evaluate
from vippsrecon.bulk.execution.journal_writer import now_seconds
from vippsrecon.bulk.execution.operations import (
    confirms_operation,
    extract_aggregate,
    find_last_release,
    find_own_event,
    send_operation,
)
from vippsrecon.bulk.execution.prepare import record_intention_again, record_result
from vippsrecon.bulk.execution.responses import classify_error, get_retry_after
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.verbs import PAST_TENSE
from vippsrecon.errors import ApiError, VippsReconError

STOP_CHECK_SECONDS = 0.5
"""Longest time a wait continues after Ctrl-C."""


class Backoff:
    """The waits of one row: each twice as long as the one before, within a total time."""

    def __init__(self, context: RunContext, seconds: float) -> None:
        self._desk = context
        self._ends = now_seconds() + seconds
        self._next = context.patience.first_wait

    async def wait(self, retry_after: float | None = None) -> bool:
        """Wait and return True; return False at once if the wait would exceed the total time."""
        seconds = self._next * random.uniform(0.75, 1.0) if retry_after is None else retry_after
        until = now_seconds() + seconds
        self._next = min(self._desk.patience.longest_wait, self._next * 2)
        if until > self._ends:
            return False
        while (left := until - now_seconds()) > 0:
            if self._desk.stop_reason:
                return False
            await asyncio.sleep(min(STOP_CHECK_SECONDS, left))
        return True


async def send_and_resolve(
    context: RunContext, intention: Intention, *, maybe_done: bool
) -> RowResult:
    """Bring an intended operation to its outcome and record it in the journal.

    Args:
        context: What all rows of the run share.
        intention: The operation and the payment's totals before it.
        maybe_done: An earlier run may have sent it, or the last reading is too old: resolve it
            before sending.

    Raises:
        StopRunError: Every other row would fail in the same way; carries this row's result.
        StoreError: The outcome could not be recorded; the next run resolves the row.
    """
    send_backoff = Backoff(context, context.patience.wait_for)
    read_backoff = Backoff(context, context.patience.settle_for)
    send_again = maybe_done
    if maybe_done:
        resolved = await _resolve(context, intention, read_backoff)
        if resolved is not None:
            return await record_result(context, intention.row, resolved)
    while True:
        await _ensure_may_send(context, intention, send_again=send_again)
        send_again = True
        try:
            answer = await send_operation(context.core, context.verb, intention.row, intention.key)
        except VippsReconError as error:
            meaning = classify_error(error)
            if meaning == "later" and await send_backoff.wait(get_retry_after(error)):
                # Our own earlier request may have locked the payment and may be done by now:
                # read before sending the same request again.
                resolved = await _resolve(context, intention, read_backoff) if maybe_done else None
                if resolved is not None:
                    return await record_result(context, intention.row, resolved)
                continue
            if meaning != "open":
                result = await _resolve_refusal(context, intention, error, maybe_done, read_backoff)
                await record_result(context, intention.row, result)
                if meaning in ("stop", "conflict"):
                    raise StopRunError(str(error), result) from None
                return result
        else:
            if confirms_operation(
                context.verb, intention.before, intention.row.amount_minor, answer
            ):
                return await record_result(
                    context, intention.row, await _build_done_result(context, intention, answer)
                )
        maybe_done = True
        in_time = await read_backoff.wait()
        resolved = await _resolve(context, intention, read_backoff)
        if resolved is None and not in_time:
            resolved = _build_unknown_result(
                intention, "no answer showed whether it was done", intention.before
            )
        if resolved is not None:
            return await record_result(context, intention.row, resolved)


async def _ensure_may_send(context: RunContext, intention: Intention, *, send_again: bool) -> None:
    """Check that the request may be sent now: the plan is held, its intention is recorded.

    Args:
        context: What all rows of the run share.
        intention: The operation.
        send_again: The recorded intention belongs to an earlier request; record another one.

    Raises:
        StoreError: It must not be sent.
    """
    assert context.writer is not None
    if send_again:
        await record_intention_again(context, intention)
    await context.writer.check_held()


async def _resolve(context: RunContext, intention: Intention, backoff: Backoff) -> RowResult | None:
    """Read until the outcome of an operation that may have been done is clear.

    Returns:
        Its result, `unknown` when the time is over; None if nothing was done, so that the same
        request may be sent again.
    """
    seen_unchanged = False
    while True:
        evidence, after = await _read_evidence(context, intention)
        if evidence.kind in ("done", "already_done", "refused"):
            return _build_evidence_result(intention, evidence.kind, evidence, after)
        if evidence.kind == "nothing":
            if seen_unchanged or not _may_key_be_forgotten(context, intention):
                return None
            seen_unchanged = True
            await asyncio.sleep(context.patience.recheck_interval)
        elif not await backoff.wait():
            return _build_unknown_result(intention, evidence.explanation, after)


def _may_key_be_forgotten(context: RunContext, intention: Intention) -> bool:
    """Return whether Vipps MobilePay may have forgotten the key: its lifetime is not documented."""
    return context.core.now() - intention.intended_at > timedelta(
        seconds=context.patience.recheck_after
    )


async def _read_evidence(
    context: RunContext, intention: Intention
) -> tuple[Evidence, Aggregate | None]:
    """Take a reading and evaluate it."""
    try:
        payment, events = await _read_payment_and_log(context, intention)
    except VippsReconError as error:
        return Evidence("unread", None, f"the payment could not be read again: {error}"), None
    return evaluate(context.verb, intention, payment, events), extract_aggregate(payment)


async def _read_payment_and_log(
    context: RunContext, intention: Intention
) -> tuple[Payment, list[Event]]:
    # The log first: the totals then include all its events, and unchanged totals prove that
    # nothing was done before the second request.
    events = await context.core.events(intention.row.reference, intention.row.msn)
    return await context.core.payment(intention.row.reference, intention.row.msn), events


async def _resolve_refusal(
    context: RunContext,
    intention: Intention,
    error: VippsReconError,
    maybe_done: bool,
    backoff: Backoff,
) -> RowResult:
    """Return the row's result after a refusal. After a lost answer, only a reading decides."""
    meaning = classify_error(error)
    if meaning == "conflict":
        why = f"its idempotency key belongs to another request, which no retry explains: {error}"
        return _build_answer_result(intention, "unknown", why, error)
    if maybe_done:
        resolved = await _resolve(context, intention, backoff)
        if resolved is not None or meaning in ("later", "stop"):
            return resolved or _build_unknown_result(
                intention, f"after a lost answer it was not accepted: {error}", None
            )
    elif meaning == "already":
        evidence, after = await _read_evidence(context, intention)
        while evidence.kind == "unread" and await backoff.wait():
            evidence, after = await _read_evidence(context, intention)
        if evidence.kind in ("done", "already_done"):
            return _build_evidence_result(intention, "already_done", evidence, after)
        if evidence.kind == "unread":
            return _build_unknown_result(intention, evidence.explanation, after)
    if meaning in ("later", "stop"):
        return _build_answer_result(
            intention, "skipped", f"it was not accepted and nothing was done: {error}", error
        )
    return _build_answer_result(intention, "refused", str(error), error)


async def _build_done_result(
    context: RunContext, intention: Intention, answer: Modification
) -> RowResult:
    """Build the result of a matching answer, with its event if the log already has it."""
    why = f"{PAST_TENSE[context.verb]}; the answer shows it"
    after = extract_aggregate(answer)
    result = RowResult(intention.row.row, "done", why, 200, before=intention.before, after=after)
    return _add_event(result, await find_logged_event(context, intention))


async def find_logged_event(context: RunContext, intention: Intention) -> Event | None:
    """Return the operation's own event; None if the log cannot be read or is delayed."""
    try:
        events = await context.core.events(intention.row.reference, intention.row.msn, retry=False)
    except VippsReconError:
        return None
    if context.verb == "cancel":
        return find_last_release(events)
    event = find_own_event(context.verb, intention.key, events)
    return event if event is not None and event.success else None


def _build_evidence_result(
    intention: Intention, outcome: str, evidence: Evidence, after: Aggregate | None
) -> RowResult:
    result = RowResult(
        intention.row.row, outcome, evidence.explanation, before=intention.before, after=after
    )
    return _add_event(result, evidence.event)


def _add_event(result: RowResult, event: Event | None) -> RowResult:
    if event is None:
        return result
    return result._replace(psp_reference=event.psp_reference, event_at=event.timestamp)


def _build_unknown_result(intention: Intention, why: str, after: Aggregate | None) -> RowResult:
    explanation = (
        f"{why}; whether it was done is not known. Run the same command again to read it again"
    )
    return RowResult(
        intention.row.row, "unknown", explanation, before=intention.before, after=after
    )


def _build_answer_result(
    intention: Intention, outcome: str, why: str, error: VippsReconError
) -> RowResult:
    after = intention.before if outcome != "unknown" else None
    result = RowResult(intention.row.row, outcome, why, before=intention.before, after=after)
    if isinstance(error, ApiError):
        return result._replace(status=error.status, code=error.code, trace_id=error.trace_id)
    return result
