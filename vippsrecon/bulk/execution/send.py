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

Each arrow to `send` but the first keeps the intention once more: no request leaves without an
entry of its own before it.

`may_be_done` is the one thing to remember: from the first request whose answer was lost on, no
answer to a later one proves that nothing was done; only a reading does.
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

from vippsrecon.api.models import Event, Modification, Payment
from vippsrecon.bulk.execution.context import Desk, StopRunError
from vippsrecon.bulk.execution.evidence import Found, Sent, look
from vippsrecon.bulk.execution.journal_writer import now_seconds
from vippsrecon.bulk.execution.operations import (
    PAST,
    aggregate_of,
    fits,
    last_release,
    own_event,
    send,
)
from vippsrecon.bulk.execution.prepare import intend_again, keep
from vippsrecon.bulk.execution.responses import meaning, retry_after
from vippsrecon.bulk.execution.row_result import Result
from vippsrecon.bulk.plan.rules import Aggregate
from vippsrecon.errors import ApiError, VippsReconError

SLICE_SECONDS = 0.5
"""How long a wait goes on after Ctrl-C, at most."""


class Clock:
    """The waits of one row: each twice the one before, until their time is over."""

    def __init__(self, desk: Desk, seconds: float) -> None:
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
            if self._desk.stopping:
                return False
            await asyncio.sleep(min(SLICE_SECONDS, left))
        return True


async def finish(desk: Desk, sent: Sent, *, may_be_done: bool) -> Result:
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
    offers = Clock(desk, desk.patience.wait_for)
    readings = Clock(desk, desk.patience.settle_for)
    again = may_be_done
    if may_be_done:
        settled = await _settle(desk, sent, readings)
        if settled is not None:
            return await keep(desk, sent.row, settled)
    while True:
        await _may_leave(desk, sent, again=again)
        again = True
        try:
            answer = await send(desk.core, desk.verb, sent.row, sent.key)
        except VippsReconError as error:
            means = meaning(error)
            if means == "later" and await offers.wait(retry_after(error)):
                # It may be our own earlier request that keeps the payment locked, and by now it
                # may be through: look before the same is sent again.
                settled = await _settle(desk, sent, readings) if may_be_done else None
                if settled is not None:
                    return await keep(desk, sent.row, settled)
                continue
            if means != "open":
                result = await _turned_down(desk, sent, error, may_be_done, readings)
                await keep(desk, sent.row, result)
                if means in ("stop", "conflict"):
                    raise StopRunError(str(error), result) from None
                return result
        else:
            if fits(desk.verb, sent.before, sent.row.amount_minor, answer):
                return await keep(desk, sent.row, await _done(desk, sent, answer))
        may_be_done = True
        in_time = await readings.wait()
        settled = await _settle(desk, sent, readings)
        if settled is None and not in_time:
            settled = _unknown(sent, "no answer came that says whether it was done", sent.before)
        if settled is not None:
            return await keep(desk, sent.row, settled)


async def _may_leave(desk: Desk, sent: Sent, *, again: bool) -> None:
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
        await intend_again(desk, sent)
    await desk.writer.still_held()


async def _settle(desk: Desk, sent: Sent, clock: Clock) -> Result | None:
    """Read until it is clear what became of an operation that may have been done.

    Returns:
        Its result: unknown when time is over. None where nothing was done, so that the same
        request may be sent again.
    """
    nothing_before = False
    while True:
        found, after = await _look(desk, sent)
        if found.kind in ("done", "already_done", "refused"):
            return _found(sent, found.kind, found, after)
        if found.kind == "nothing":
            if nothing_before or not _old(desk, sent):
                return None
            nothing_before = True
            await asyncio.sleep(desk.patience.apart)
        elif not await clock.wait():
            return _unknown(sent, found.why, after)


def _old(desk: Desk, sent: Sent) -> bool:
    """Say whether the key may have been forgotten by now: its life is not documented."""
    return desk.core.now() - sent.intended_at > timedelta(seconds=desk.patience.old_after)


async def _look(desk: Desk, sent: Sent) -> tuple[Found, Aggregate | None]:
    """Take a reading, and say what it shows."""
    try:
        payment, events = await _read(desk, sent)
    except VippsReconError as error:
        return Found("unread", None, f"it could not be read again: {error}"), None
    return look(desk.verb, sent, payment, events), aggregate_of(payment)


async def _read(desk: Desk, sent: Sent) -> tuple[Payment, list[Event]]:
    # The log first: what it shows is then in the payment's sums, and where they are as they were,
    # nothing was done up to the later of the two.
    events = await desk.core.events(sent.row.reference, sent.row.msn)
    return await desk.core.payment(sent.row.reference, sent.row.msn), events


async def _turned_down(
    desk: Desk, sent: Sent, error: VippsReconError, may_be_done: bool, clock: Clock
) -> Result:
    """Return what a no means for the row. After a lost answer, only a reading can say."""
    means = meaning(error)
    if means == "conflict":
        why = f"its key is taken by another request, which no retry can explain: {error}"
        return _answered(sent, "unknown", why, error)
    if may_be_done:
        settled = await _settle(desk, sent, clock)
        if settled is not None or means in ("later", "stop"):
            return settled or _unknown(sent, f"after a lost answer it was not taken: {error}", None)
    elif means == "already":
        found, after = await _look(desk, sent)
        while found.kind == "unread" and await clock.wait():
            found, after = await _look(desk, sent)
        if found.kind in ("done", "already_done"):
            return _found(sent, "already_done", found, after)
        if found.kind == "unread":
            return _unknown(sent, found.why, after)
    if means in ("later", "stop"):
        return _answered(sent, "skipped", f"it was not taken, and nothing was done: {error}", error)
    return _answered(sent, "refused", str(error), error)


async def _done(desk: Desk, sent: Sent, answer: Modification) -> Result:
    """Return the result of an answer that fits, with its event where the log has it by now."""
    why = f"{PAST[desk.verb]}; the answer shows it"
    after = aggregate_of(answer)
    result = Result(sent.row.row, "done", why, 200, before=sent.before, after=after)
    return _with_event(result, await logged(desk, sent))


async def logged(desk: Desk, sent: Sent) -> Event | None:
    """Return the operation's own event; None where the log cannot be read or lags."""
    try:
        events = await desk.core.events(sent.row.reference, sent.row.msn, retry=False)
    except VippsReconError:
        return None
    if desk.verb == "cancel":
        return last_release(events)
    event = own_event(desk.verb, sent.key, events)
    return event if event is not None and event.success else None


def _found(sent: Sent, outcome: str, found: Found, after: Aggregate | None) -> Result:
    result = Result(sent.row.row, outcome, found.why, before=sent.before, after=after)
    return _with_event(result, found.event)


def _with_event(result: Result, event: Event | None) -> Result:
    if event is None:
        return result
    return result._replace(psp_reference=event.psp_reference, event_at=event.timestamp)


def _unknown(sent: Sent, why: str, after: Aggregate | None) -> Result:
    said = f"{why}; whether it was done is not known. The same command again looks once more"
    return Result(sent.row.row, "unknown", said, before=sent.before, after=after)


def _answered(sent: Sent, outcome: str, why: str, error: VippsReconError) -> Result:
    after = sent.before if outcome != "unknown" else None
    result = Result(sent.row.row, outcome, why, before=sent.before, after=after)
    if isinstance(error, ApiError):
        return result._replace(status=error.status, code=error.code, trace_id=error.trace_id)
    return result
