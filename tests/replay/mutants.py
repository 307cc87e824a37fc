"""Mutants: the code that carries plans out, broken on purpose. Schedules must catch each one.

A mutant is a set of parts in which one is broken: a subclass of the package's own class in which one
step does something else.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from tests.replay.process import Parts
from tests.replay.schedule import find_violation
from tests.replay.simulated_disk import SimulatedDisk, SimulatedJournal
from tests.replay.simulated_vipps import Connection
from vippsrecon.api.models import Event, Modification
from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.execution.carry_out import RowSteps
from vippsrecon.bulk.execution.context import RunContext
from vippsrecon.bulk.execution.journal_writer import JournalWriter
from vippsrecon.bulk.execution.row.backoff import Backoff
from vippsrecon.bulk.execution.row.evidence import Evidence, Intention
from vippsrecon.bulk.execution.row.operations import extract_aggregate
from vippsrecon.bulk.execution.row.prepare import Reading, RowPreparer
from vippsrecon.bulk.execution.row.send import Rechecked, RowSender
from vippsrecon.bulk.execution.row_result import FINAL_OUTCOMES, RowResult
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.errors import (
    ApiError,
    NoAnswerError,
    NotConnectedError,
    RefusedError,
    ServiceError,
)
from vippsrecon.store import Cap, Draft, PlanLock, RowState
from vippsrecon.store.journal.entries import Chain, link_entries
from vippsrecon.store.journal.entry import NO_HASH
from vippsrecon.store.journal.reservations import Reservations


def _forget_outcomes(disk: SimulatedDisk) -> dict[int, RowState]:
    """Step 1: rows whose outcome is final in the journal are carried out again."""
    states = disk.read_row_states()
    return {row: state for row, state in states.items() if state.outcome not in FINAL_OUTCOMES}


def _forget_intentions(disk: SimulatedDisk) -> dict[int, RowState]:
    """Step 1: a row with an intention from an earlier run is treated as never started."""
    states = disk.read_row_states()
    return {row: state._replace(intended=None) for row, state in states.items()}


class _TakeEveryChangeForForeign(RowPreparer):
    """Step 2: a change that is not in the log yet is treated as made by somebody else."""

    def may_be_own_change(self, intention: Intention, reading: Reading) -> bool:
        return False


class _SkipOwnEvent(_TakeEveryChangeForForeign):
    """Step 2: nobody looks for our key in the log."""

    def find_earlier_event(self, reading: Reading) -> Event | None:
        return None


class _CheckNothing(RowPreparer):
    """Step 3: a row is sent whatever the state of its payment."""

    def object_to_sending(self, reading: Reading) -> str:
        return ""


class _IgnoreClock(RowPreparer):
    """Step 3: a wrong clock does not stop the run."""

    def find_clock_fault(self, reading: Reading) -> str:
        return ""


class _IgnoreClockAfterWaits(RowSender):
    """Step 3: the clock is checked at the first request only."""

    def __init__(self, preparer: RowPreparer, *given: Any, **named: Any) -> None:
        super().__init__(_IgnoreClock(preparer.context, preparer.row), *given, **named)


class _IgnoreCaps(RunContext):
    """Step 4: nothing is reserved against a cap."""

    def find_row_caps(self, row: PlanRow) -> list[Cap]:
        return []


class _SendBeforeCommit(JournalWriter):
    """Step 4: the request does not wait for the commit of its intention."""

    async def keep(self, draft: Draft) -> Any:
        if draft.kind != "intended":
            return await super().keep(draft)
        task = asyncio.ensure_future(super().keep(draft))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        lock = self._journal.lock
        chain = Chain(lock.plan_id, lock.environment, lock.verb, (0, NO_HASH))
        return link_entries([draft], chain, epoch=lock.epoch, at=draft.at)[0]


class _RecordOneIntention(JournalWriter):
    """Step 4: only the first request of a row is recorded."""

    async def keep(self, draft: Draft) -> Any:
        disk = self._journal.disk
        if draft.kind == "intended" and disk.count_intentions(draft.row):
            return next(entry for entry in disk.entries if entry.row == draft.row)
        return await super().keep(draft)


class _NeverReadAgain(RowSender):
    """Step 4: a request that waited is sent without a new reading."""

    def _is_reading_fresh(self) -> bool:
        return True


class _ReadButDoNotCheckAgain(RowSender):
    """Step 4: after a wait the payment is read, but approval and limits are not checked."""

    def __init__(self, preparer: RowPreparer, *given: Any, **named: Any) -> None:
        super().__init__(_CheckNothing(preparer.context, preparer.row), *given, **named)


class _SendAnotherKey(RunContext):
    """Step 4: each request gets a new key."""

    def key(self, row: PlanRow) -> str:
        return str(uuid.uuid4())


class _ImpatientBackoff(Backoff):
    async def wait(self, why: str, retry_after: float | None = None) -> bool:
        return True if retry_after == 0.0 else await super().wait(why, retry_after)


class _ObeyAnyWait(RowSender):
    """Step 4: after `Retry-After: 0` the next request is sent without a wait."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._send_backoff = _ImpatientBackoff(
            self._context, self._context.timeouts.wait_for, self._preparer.row.row
        )


class _IgnoreLostLock(SimulatedJournal):
    """Step 4: a process that was suspended writes on after another took over the plan."""

    def __init__(self, disk: SimulatedDisk, lock: PlanLock) -> None:
        super().__init__(disk, lock)
        disk.checks_lock = False


class _KeepPaymentsHeld(Reservations):
    """Step 4: a payment is not released when its row ends."""

    def release_payment(self, draft: Draft) -> None:
        pass


class _TakeNoAnswerForNotDone(Connection):
    """Step 5: a missing answer is taken to mean that nothing was done."""

    async def _modify(self, *given: Any) -> Modification:
        try:
            return await super()._modify(*given)
        except NoAnswerError:
            raise NotConnectedError("no answer") from None


class _TakeFailureForRefusal(Connection):
    """Step 5: a 500 is taken to mean that the operation was refused."""

    async def _modify(self, *given: Any) -> Modification:
        try:
            return await super()._modify(*given)
        except ServiceError:
            raise RefusedError(422) from None


class _TakeNoAnswerForRefusal(Connection):
    """Step 5: a missing answer is taken to mean that the operation was refused."""

    async def _modify(self, *given: Any) -> Modification:
        try:
            return await super()._modify(*given)
        except NotConnectedError:
            raise
        except NoAnswerError:
            raise RefusedError(422) from None


class _TakeUnchangedForRefused(RowSender):
    """Step 5: after a lost answer, an unchanged payment ends the row as refused."""

    async def _recheck(self) -> RowResult | Rechecked:
        rechecked = await super()._recheck()
        if self._maybe_done and isinstance(rechecked, Rechecked):
            return RowResult(self._intention.row.row, "refused", "it is unchanged")
        return rechecked


class _TakeMovedForUnchanged(_ReadButDoNotCheckAgain):
    """Step 5: a request is sent again although the payment moved without our key."""

    async def _read_evidence(self) -> tuple[Evidence, Reading | None]:
        evidence, reading = await super()._read_evidence()
        kind = "nothing" if evidence.kind == "moved" else evidence.kind
        return evidence._replace(kind=kind), reading


class _GiveUpAtOnce(RowSender):
    """Step 5: an unknown outcome is called refused when the time is over."""

    def _build_unknown_result(self, why: str, after: Aggregate | None) -> RowResult:
        return super()._build_unknown_result(why, after)._replace(outcome="refused")


class _BelieveEveryAnswer(RowSender):
    """Step 6: any 2xx means `done`, whatever totals it shows."""

    def _confirms(self, answer: Modification) -> bool:
        return True


class _HideOtherChanges(RowSender):
    """Step 6: no flag is set when a payment moved by more than our amount."""

    def _build_evidence_result(
        self, outcome: str, evidence: Evidence, after: Aggregate
    ) -> RowResult:
        return super()._build_evidence_result(outcome, evidence, after)._replace(flags="")


class _SayAlready(Connection):
    """Take a refusal for lack of money to say that the operation was done before."""

    async def _modify(self, *given: Any) -> Modification:
        try:
            return await super()._modify(*given)
        except ApiError as error:
            if error.code in ("6150", "6090"):
                raise RefusedError(400, code="6180") from None
            raise


class _CallAlreadyDone(RowSender):
    """Step 6: a refusal that says "already" is accepted without checking the payment."""

    async def _find_done_before(self) -> RowResult | None:
        reading = await self._preparer.take_reading()
        after = extract_aggregate(reading.payment) if isinstance(reading, Reading) else None
        evidence = Evidence("already_done", None, "it says so")
        return self._build_evidence_result("already_done", evidence, after or Aggregate(0, 0, 0, 0))


def _break_step(step: type[RowPreparer] | type[RowSender]) -> Parts:
    if issubclass(step, RowPreparer):
        return Parts(RowSteps(prepare=step))
    return Parts(RowSteps(send=step))


MUTANTS: dict[str, Parts] = {
    "forget outcomes": Parts(read_states=_forget_outcomes),
    "forget intentions": Parts(read_states=_forget_intentions),
    "skip own event": _break_step(_SkipOwnEvent),
    "take every change for foreign": _break_step(_TakeEveryChangeForForeign),
    "check nothing": _break_step(_CheckNothing),
    "ignore clock": _break_step(_IgnoreClock),
    "ignore clock after waits": _break_step(_IgnoreClockAfterWaits),
    "ignore caps": Parts(context=_IgnoreCaps),
    "send before commit": Parts(writer=_SendBeforeCommit),
    "record one intention": Parts(writer=_RecordOneIntention),
    "never read again": _break_step(_NeverReadAgain),
    "read but do not check again": _break_step(_ReadButDoNotCheckAgain),
    "send another key": Parts(context=_SendAnotherKey),
    "obey any wait": _break_step(_ObeyAnyWait),
    "ignore lost lock": Parts(journal=_IgnoreLostLock),
    "keep payments held": Parts(reservations=_KeepPaymentsHeld),
    "take no answer for not done": Parts(connection=_TakeNoAnswerForNotDone),
    "take failure for refusal": Parts(connection=_TakeFailureForRefusal),
    "take no answer for refusal": Parts(connection=_TakeNoAnswerForRefusal),
    "take unchanged for refused": _break_step(_TakeUnchangedForRefused),
    "take moved for unchanged": _break_step(_TakeMovedForUnchanged),
    "give up at once": _break_step(_GiveUpAtOnce),
    "believe every answer": _break_step(_BelieveEveryAnswer),
    "hide other changes": _break_step(_HideOtherChanges),
    "call already done": Parts(RowSteps(send=_CallAlreadyDone), connection=_SayAlready),
}
"""Name to the parts, of which one is broken."""


def catch(name: str, schedules: int) -> tuple[int, str] | None:
    """Run schedules against a mutant until one fails. Return its number and the reason, or None."""
    for number in range(schedules):
        why = find_violation(number, MUTANTS[name])
        if why:
            return number, why
    return None
