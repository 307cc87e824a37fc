"""After a row's intention is on disk: send it, and find out what became of it.

    send ──► 2xx that fits ────────────────────────────► done
      ▲      not taken (later) ──► wait, look if something may be done, the same again
      │      refused ──────────────────────────────────► refused, if nothing may have been done
      │      anything else: open
      │                │
      │                ▼
      └── nothing ◄── settle: read payment and log ────► done, already_done, refused
          was done         │
                           └── it moved without our key: wait, read again ──► unknown

Each arrow to `send_operation` but the first keeps the intention once more: no request leaves without an
entry of its own before it.

`may_be_done` is the one thing to remember: from the first request whose answer was lost on, no
answer to a later one proves that nothing was done; only a reading does.
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
"""How long a wait goes on after Ctrl-C, at most."""


class Backoff:
    """The waits of one row: each twice the one before, until their time is over."""

    def __init__(self, desk: RunContext, seconds: float) -> None:
        self._desk = desk
        self._ends = now_seconds() + seconds
        self._next = desk.patience.first_wait

    async def wait(self, asked: float | None = None) -> bool:
        """Wait, and say whether to go on: False, at once, where the time would be over."""
        seconds = self._next * random.uniform(0.75, 1.0) if asked is None else asked
        until = now_seconds() + seconds
        self._next = min(self._desk.patience.longest_wait, self._next * 2)
        if until > self._ends:
            return False
        while (left := until - now_seconds()) > 0:
            if self._desk.stop_reason:
                return False
            await asyncio.sleep(min(STOP_CHECK_SECONDS, left))
        return True


async def send_and_resolve(desk: RunContext, sent: Intention, *, may_be_done: bool) -> RowResult:
    """Bring an intended operation to its outcome, and keep that.

    Args:
        desk: What the row is carried out with.
        sent: The operation.
        may_be_done: An earlier run may have sent it, or it was read too long ago: settle before
            anything is sent.

    Raises:
        StopRunError: No other row will fare better; it carries this row's result.
        StoreError: The outcome could not be kept; the next run settles the row.
    """
    offers = Backoff(desk, desk.patience.wait_for)
    readings = Backoff(desk, desk.patience.settle_for)
    again = may_be_done
    if may_be_done:
        settled = await _resolve(desk, sent, readings)
        if settled is not None:
            return await record_result(desk, sent.row, settled)
    while True:
        await _ensure_may_send(desk, sent, again=again)
        again = True
        try:
            answer = await send_operation(desk.core, desk.verb, sent.row, sent.key)
        except VippsReconError as error:
            means = classify_error(error)
            if means == "later" and await offers.wait(get_retry_after(error)):
                # It may be our own earlier request that keeps the payment locked, and by now it
                # may be through: look before the same is sent again.
                settled = await _resolve(desk, sent, readings) if may_be_done else None
                if settled is not None:
                    return await record_result(desk, sent.row, settled)
                continue
            if means != "open":
                result = await _resolve_refusal(desk, sent, error, may_be_done, readings)
                await record_result(desk, sent.row, result)
                if means in ("stop", "conflict"):
                    raise StopRunError(str(error), result) from None
                return result
        else:
            if confirms_operation(desk.verb, sent.before, sent.row.amount_minor, answer):
                return await record_result(
                    desk, sent.row, await _build_done_result(desk, sent, answer)
                )
        may_be_done = True
        in_time = await readings.wait()
        settled = await _resolve(desk, sent, readings)
        if settled is None and not in_time:
            settled = _build_unknown_result(
                sent, "no answer came that says whether it was done", sent.before
            )
        if settled is not None:
            return await record_result(desk, sent.row, settled)


async def _ensure_may_send(desk: RunContext, sent: Intention, *, again: bool) -> None:
    """Make sure that the request may leave now: the plan is held, its intention is on disk.

    Args:
        desk: What the row is carried out with.
        sent: The operation.
        again: An earlier request of it may have left; the intention kept was for that one.

    Raises:
        StoreError: It may not.
    """
    assert desk.writer is not None
    if again:
        await record_intention_again(desk, sent)
    await desk.writer.check_held()


async def _resolve(desk: RunContext, sent: Intention, clock: Backoff) -> RowResult | None:
    """Read until it is clear what became of an operation that may have been done.

    Returns:
        Its result: unknown when time is over. None where nothing was done, so that the same
        request may be sent again.
    """
    nothing_before = False
    while True:
        found, after = await _read_evidence(desk, sent)
        if found.kind in ("done", "already_done", "refused"):
            return _build_evidence_result(sent, found.kind, found, after)
        if found.kind == "nothing":
            if nothing_before or not _may_key_be_forgotten(desk, sent):
                return None
            nothing_before = True
            await asyncio.sleep(desk.patience.recheck_interval)
        elif not await clock.wait():
            return _build_unknown_result(sent, found.explanation, after)


def _may_key_be_forgotten(desk: RunContext, sent: Intention) -> bool:
    """Say whether the key may have been forgotten by now: its life is not documented."""
    return desk.core.now() - sent.intended_at > timedelta(seconds=desk.patience.recheck_after)


async def _read_evidence(desk: RunContext, sent: Intention) -> tuple[Evidence, Aggregate | None]:
    """Take a reading, and say what it shows."""
    try:
        payment, events = await _read_payment_and_log(desk, sent)
    except VippsReconError as error:
        return Evidence("unread", None, f"it could not be read again: {error}"), None
    return evaluate(desk.verb, sent, payment, events), extract_aggregate(payment)


async def _read_payment_and_log(desk: RunContext, sent: Intention) -> tuple[Payment, list[Event]]:
    # The log first: what it shows is then in the payment's sums, and where they are as they were,
    # nothing was done up to the later of the two.
    events = await desk.core.events(sent.row.reference, sent.row.msn)
    return await desk.core.payment(sent.row.reference, sent.row.msn), events


async def _resolve_refusal(
    desk: RunContext, sent: Intention, error: VippsReconError, may_be_done: bool, clock: Backoff
) -> RowResult:
    """Return what a no means for the row. After a lost answer, only a reading can say."""
    means = classify_error(error)
    if means == "conflict":
        why = f"its key is taken by another request, which no retry can explain: {error}"
        return _build_answer_result(sent, "unknown", why, error)
    if may_be_done:
        settled = await _resolve(desk, sent, clock)
        if settled is not None or means in ("later", "stop"):
            return settled or _build_unknown_result(
                sent, f"after a lost answer it was not taken: {error}", None
            )
    elif means == "already":
        found, after = await _read_evidence(desk, sent)
        while found.kind == "unread" and await clock.wait():
            found, after = await _read_evidence(desk, sent)
        if found.kind in ("done", "already_done"):
            return _build_evidence_result(sent, "already_done", found, after)
        if found.kind == "unread":
            return _build_unknown_result(sent, found.explanation, after)
    if means in ("later", "stop"):
        return _build_answer_result(
            sent, "skipped", f"it was not taken, and nothing was done: {error}", error
        )
    return _build_answer_result(sent, "refused", str(error), error)


async def _build_done_result(desk: RunContext, sent: Intention, answer: Modification) -> RowResult:
    """Return the result of an answer that fits, with its event where the log has it by now."""
    why = f"{PAST_TENSE[desk.verb]}; the answer shows it"
    after = extract_aggregate(answer)
    result = RowResult(sent.row.row, "done", why, 200, before=sent.before, after=after)
    return _add_event(result, await find_logged_event(desk, sent))


async def find_logged_event(desk: RunContext, sent: Intention) -> Event | None:
    """Return the operation's own event; None where the log cannot be read or lags."""
    try:
        events = await desk.core.events(sent.row.reference, sent.row.msn, retry=False)
    except VippsReconError:
        return None
    if desk.verb == "cancel":
        return find_last_release(events)
    event = find_own_event(desk.verb, sent.key, events)
    return event if event is not None and event.success else None


def _build_evidence_result(
    sent: Intention, outcome: str, found: Evidence, after: Aggregate | None
) -> RowResult:
    result = RowResult(sent.row.row, outcome, found.explanation, before=sent.before, after=after)
    return _add_event(result, found.event)


def _add_event(result: RowResult, event: Event | None) -> RowResult:
    if event is None:
        return result
    return result._replace(psp_reference=event.psp_reference, event_at=event.timestamp)


def _build_unknown_result(sent: Intention, why: str, after: Aggregate | None) -> RowResult:
    said = f"{why}; whether it was done is not known. The same command again looks once more"
    return RowResult(sent.row.row, "unknown", said, before=sent.before, after=after)


def _build_answer_result(
    sent: Intention, outcome: str, why: str, error: VippsReconError
) -> RowResult:
    after = sent.before if outcome != "unknown" else None
    result = RowResult(sent.row.row, outcome, why, before=sent.before, after=after)
    if isinstance(error, ApiError):
        return result._replace(status=error.status, code=error.code, trace_id=error.trace_id)
    return result
