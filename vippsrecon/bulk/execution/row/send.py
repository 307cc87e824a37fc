"""Send one prepared operation and establish its outcome.

    recheck ──► send ──► 2xx that matches the expected totals ──► done
      ▲  ▲        locked, rate limit, no connection ──► wait ──┐
      │  └─────────────────────────────────────────────────────┘
      │           refusal ──► refused, if no earlier request can have succeeded
      │           anything else (timeout, 5xx, unreadable answer): open ──► wait ──┐
      └────────────────────────────────────────────────────────────────────────────┘

After any wait, `recheck` reads payment and event log and checks the row again. It finds the outcome
of an earlier request, or that the payment, the limits, the deadlines or the clock no longer allow
the request; only otherwise is the request sent, with an `intended` entry of its own. Only the first
request of a run needs no second reading: the one it was intended on is seconds old.

After the first lost answer (`maybe_done`), no later answer proves that nothing happened; only a
reading does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from vippsrecon.api.models import Event, Modification
from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.execution.context import RunContext, StopRunError
from vippsrecon.bulk.execution.row.backoff import Backoff
from vippsrecon.bulk.execution.row.evidence import (
    Evidence,
    Intention,
    evaluate,
    flag_other_change,
)
from vippsrecon.bulk.execution.row.operations import (
    confirms_operation,
    extract_aggregate,
    find_last_release,
    find_own_event,
    send_operation,
)
from vippsrecon.bulk.execution.row.prepare import (
    LOG_IS_LATE,
    Reading,
    RowPreparer,
    describe_not_reserved,
    record_result,
    write_intention,
)
from vippsrecon.bulk.execution.row.responses import (
    classify_error,
    describe_answer,
    describe_failure,
    get_retry_after,
)
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.verbs import PAST_TENSE
from vippsrecon.errors import ApiError, VippsReconError
from vippsrecon.store import Entry, PaymentChanged
from vippsrecon.vipps_rules import EVENT_LOG_DELAY_SECONDS


class Rechecked(NamedTuple):
    """A reading after a wait on which the row may still be sent."""

    reading: Reading


class RowSender:
    """Brings one intended operation to its outcome.

    Args:
        preparer: Reads and checks the row again after a wait.
        intention: The operation and the payment's totals before it.
        sent_at: Server time of the last request an earlier run may have sent; None if no request
            can have been sent.
    """

    def __init__(
        self, preparer: RowPreparer, intention: Intention, sent_at: datetime | None = None
    ) -> None:
        self._preparer = preparer
        self._context = context = preparer.context
        self._intention = intention
        self._sent_at = sent_at
        self._sent_at_seconds: float | None = None
        self._maybe_done = sent_at is not None
        self._requests = 0
        row = intention.row.row
        self._send_backoff = Backoff(context, context.timeouts.wait_for, row)
        self._read_backoff = Backoff(context, context.timeouts.settle_for, row)

    async def carry_out(self) -> RowResult:
        """Return the row's result; it is in the journal.

        Raises:
            StopRunError: Every other row would fail in the same way; carries this row's result.
            StoreError: The outcome could not be recorded; the next run resolves the row.
        """
        while True:
            result = await self._prepare_to_send() or await self._send()
            if result is not None:
                return await self._record(result)

    async def _prepare_to_send(self) -> RowResult | None:
        """Ensure that the next request has a recent reading and an intention of its own."""
        for _ in range(self._context.timeouts.most_requests):
            if self._requests >= self._context.timeouts.most_requests:
                break
            if not self._is_reading_fresh():
                result = await self._recheck_and_record_intention()
                if result is not None:
                    return result
            await self._check_lock()
            if self._is_reading_fresh():
                return None
        why = f"{self._requests} requests were not accepted, or the payment was read too slowly"
        return self._build_undone_result(why)

    def _is_reading_fresh(self) -> bool:
        age = self._context.clock.count_seconds() - self._intention.read_at
        return age <= self._context.timeouts.reading_age

    async def _check_lock(self) -> None:
        """Check that this process still holds the plan: after a long sleep it may not."""
        assert self._context.writer is not None
        await self._context.writer.check_held()

    async def _recheck_and_record_intention(self) -> RowResult | None:
        rechecked = await self._recheck()
        if isinstance(rechecked, RowResult):
            return rechecked
        row, reading = self._intention.row, rechecked.reading
        clock_fault = self._preparer.find_clock_fault(reading)
        if clock_fault:
            stopped = await self._record(self._build_undone_result(clock_fault))
            raise StopRunError(clock_fault, stopped)
        written = await write_intention(self._context, row, self._intention.before, reading)
        if isinstance(written, Entry):
            self._intention = self._intention._replace(read_at=reading.begun_at)
        elif not isinstance(written, PaymentChanged):  # else: it is read again at once
            not_reserved = describe_not_reserved(row, written, self._intention.before)
            return self._build_undone_result(not_reserved.explanation, not_reserved.outcome)
        return None

    async def _recheck(self) -> RowResult | Rechecked:
        """Read until the outcome of an earlier request is clear, or the row may be sent again.

        Returns:
            The row's result, or the reading on which it may be sent.
        """
        read_unchanged = False
        while True:
            evidence, reading = await self._read_evidence()
            if reading is None:
                if not await self._read_backoff.wait(evidence.explanation):
                    return self._build_undone_result(evidence.explanation)
                continue
            after = extract_aggregate(reading.payment)
            if evidence.kind in ("done", "already_done", "refused"):
                return self._build_evidence_result(evidence.kind, evidence, after)
            if evidence.kind == "moved":
                if not self._may_be_own(reading):
                    return self._build_moved_result(reading, evidence)
                if not await self._read_backoff.wait(LOG_IS_LATE):
                    return self._build_unknown_result(evidence.explanation, after)
                continue
            # An objection may depend on the time: if the clock may be wrong, the caller stops the run.
            if not self._preparer.find_clock_fault(reading):
                objection = self._preparer.object_to_sending(reading)
                if objection:
                    return self._build_undone_result(objection, "refused")
            if read_unchanged or not self._may_key_be_forgotten():
                return Rechecked(reading)
            read_unchanged = True
            await self._read_backoff.wait_once(
                "its key may be forgotten, so the payment is read twice",
                self._context.timeouts.recheck_interval,
            )

    def _may_be_own(self, reading: Reading) -> bool:
        """Return whether a change of the payment may be this row's own operation."""
        return self._maybe_done or self._preparer.may_be_own_change(self._intention, reading)

    def _may_key_be_forgotten(self) -> bool:
        """Return whether Vipps MobilePay may have forgotten the key: its lifetime is not documented."""
        age = self._context.core.now() - self._intention.intended_at
        return self._maybe_done and age > timedelta(seconds=self._context.timeouts.recheck_after)

    async def _read_evidence(self) -> tuple[Evidence, Reading | None]:
        """Take a reading and evaluate it; without a reading the evidence says why."""
        row, core = self._intention.row, self._context.core
        begun_at = self._context.clock.count_seconds()
        try:
            # The log first: the totals then include all its events, and unchanged totals prove
            # that nothing was done before the second request.
            events = await core.events(row.reference, row.msn)
            payment = await core.payment(row.reference, row.msn)
        except VippsReconError as error:
            failure = describe_failure(error, self._context.timeouts.settle_for)
            why = f"the payment could not be read again: {failure}"
            return Evidence("unread", None, why), None
        reading = Reading(payment, events, await self._context.others(row), begun_at)
        return evaluate(self._context.verb, self._intention, payment, events), reading

    async def _send(self) -> RowResult | None:
        """Send the request once; return the row's result, or None if it is to be read again."""
        context, intention = self._context, self._intention
        self._requests += 1
        # A second request needs a new reading and a new intention, whatever happens next.
        self._intention = intention._replace(read_at=float("-inf"))
        sent_at_seconds = context.clock.count_seconds()
        try:
            answer = await send_operation(context.core, context.verb, intention.row, intention.key)
        except VippsReconError as error:
            meaning = classify_error(error)
            why = describe_answer(error)
            if meaning == "later" and await self._send_backoff.wait(why, get_retry_after(error)):
                return None
            if meaning != "open":
                result = await self._resolve_refusal(error)
                if meaning in ("stop", "conflict"):
                    raise StopRunError(str(error), await self._record(result)) from None
                return result
        else:
            if self._confirms(answer):
                return await self._build_done_result(answer)
            why = "the answer does not show whether it was done"
        self._maybe_done, self._sent_at_seconds = True, sent_at_seconds
        if await self._read_backoff.wait(why):
            return None
        resolved = await self._recheck()
        if isinstance(resolved, RowResult):
            return resolved
        return self._build_unknown_result("no answer showed whether it was done", intention.before)

    def _confirms(self, answer: Modification) -> bool:
        """Return whether an answer shows that this operation was done, and no other."""
        before, amount_minor = self._intention.before, self._intention.row.amount_minor
        return confirms_operation(self._context.verb, before, amount_minor, answer)

    async def _resolve_refusal(self, error: VippsReconError) -> RowResult:
        """Return the row's result after a refusal. After a lost answer, only a reading decides."""
        meaning = classify_error(error)
        explanation = describe_failure(error, self._context.timeouts.wait_for)
        if meaning == "conflict":
            why = f"its key belongs to another request, which no retry explains: {error}"
            return self._build_answer_result("unknown", why, error)
        if self._maybe_done:
            resolved = await self._recheck()
            if isinstance(resolved, RowResult):
                return resolved
            if meaning in ("later", "stop"):
                return self._build_unknown_result(
                    f"after a lost answer it was not accepted: {explanation}", None
                )
        elif meaning == "already":
            done_before = await self._find_done_before()
            if done_before is not None:
                return done_before
        if meaning in ("later", "stop"):
            why = f"it was not accepted and nothing was done: {explanation}"
            return self._build_answer_result("skipped", why, error)
        return self._build_answer_result("refused", str(error), error)

    async def _find_done_before(self) -> RowResult | None:
        """Return the result of an operation that took effect before our request, or None."""
        evidence, reading = await self._read_evidence()
        while reading is None and await self._read_backoff.wait(evidence.explanation):
            evidence, reading = await self._read_evidence()
        if reading is None:
            return self._build_unknown_result(evidence.explanation, None)
        if evidence.kind not in ("done", "already_done"):
            return None
        return self._build_evidence_result(
            "already_done", evidence, extract_aggregate(reading.payment)
        )

    async def _build_done_result(self, answer: Modification) -> RowResult:
        """Build the result of a matching answer, with its event if the log already has it."""
        why = f"{PAST_TENSE[self._context.verb]}; the answer shows it"
        after = extract_aggregate(answer)
        row, before = self._intention.row.row, self._intention.before
        result = RowResult(row, "done", why, 200, before=before, after=after)
        return _add_event(result, await find_logged_event(self._context, self._intention))

    def _build_evidence_result(
        self, outcome: str, evidence: Evidence, after: Aggregate
    ) -> RowResult:
        row, before = self._intention.row, self._intention.before
        if outcome == "done" and not self._maybe_done:
            outcome = "already_done"  # No request of this journal can have done it.
        result = RowResult(row.row, outcome, evidence.explanation, before=before, after=after)
        result = flag_other_change(self._context.verb, self._intention, result)
        return _add_event(result, evidence.event)

    def _build_moved_result(self, reading: Reading, evidence: Evidence) -> RowResult:
        """Return the result of a row that was not accepted, and whose payment changed meanwhile."""
        why = self._preparer.object_to_sending(reading)
        after = extract_aggregate(reading.payment)
        row, before = self._intention.row.row, self._intention.before
        return RowResult(row, "refused", why or evidence.explanation, before=before, after=after)

    def _build_undone_result(self, why: str, outcome: str = "skipped") -> RowResult:
        """Return the result of a row that is not sent (again) although its payment is unchanged.

        A request of unknown outcome may still arrive: within the delay of the event log the
        unchanged payment does not prove that nothing will happen.
        """
        is_recent = self._measure_age_of_request() <= EVENT_LOG_DELAY_SECONDS
        if self._maybe_done and (outcome != "refused" or is_recent):
            return self._build_unknown_result(why, None)
        row, before = self._intention.row.row, self._intention.before
        return RowResult(row, outcome, why, before=before, after=before)

    def _measure_age_of_request(self) -> float:
        """Return the seconds since the last request that may have been done; infinite if none was.

        By the run's own clock where this run sent it, which no wrong `Date` of an answer changes.
        """
        if self._sent_at_seconds is not None:
            return self._context.clock.count_seconds() - self._sent_at_seconds
        if self._sent_at is None:
            return float("inf")
        return (self._context.core.now() - self._sent_at).total_seconds()

    def _build_unknown_result(self, why: str, after: Aggregate | None) -> RowResult:
        explanation = (
            f"{why}; whether it was done is not known. Run the same command again to read it again"
        )
        row, before = self._intention.row.row, self._intention.before
        return RowResult(row, "unknown", explanation, before=before, after=after)

    def _build_answer_result(self, outcome: str, why: str, error: VippsReconError) -> RowResult:
        row, before = self._intention.row.row, self._intention.before
        after = before if outcome != "unknown" else None
        result = RowResult(row, outcome, why, before=before, after=after)
        if isinstance(error, ApiError):
            return result._replace(status=error.status, code=error.code, trace_id=error.trace_id)
        return result

    async def _record(self, result: RowResult) -> RowResult:
        return await record_result(self._context, self._intention.row, result)


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


def _add_event(result: RowResult, event: Event | None) -> RowResult:
    if event is None:
        return result
    return result._replace(psp_reference=event.psp_reference, event_at=event.timestamp)
