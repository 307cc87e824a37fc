"""Mutants: the code that carries plans out, broken on purpose. Schedules must catch each one.

A mutant replaces one function or setting while its schedules run.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any
from unittest.mock import patch

from tests.replay.schedule import find_violation, simulated_store
from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.execution import carry_out, context, journal_writer
from vippsrecon.bulk.execution.row import backoff, evidence, prepare, send
from vippsrecon.bulk.execution.row.evidence import Evidence
from vippsrecon.bulk.execution.row.operations import extract_aggregate
from vippsrecon.bulk.execution.row.prepare import take_reading
from vippsrecon.bulk.execution.row.responses import classify_error
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.errors import ApiError, NoAnswerError, NotConnectedError, ServiceError
from vippsrecon.store.journal.reservations import Reservations

Patch = AbstractContextManager[Any]


def _answer(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


def _classify_as(meaning: str, *kinds: type[Exception]) -> Callable[[Any], str]:
    return lambda error: meaning if isinstance(error, kinds) else classify_error(error)


def _forget_outcomes() -> Iterator[Patch]:
    """Step 1: rows whose outcome is final in the journal are carried out again."""
    yield patch.object(carry_out, "FINAL_OUTCOMES", ())


def _forget_intentions() -> Iterator[Patch]:
    """Step 1: a row with an intention from an earlier run is treated as never started."""

    async def process(run: Any, row: Any, state: Any, breaker: Any) -> Any:
        forgotten = None if state is None else state._replace(intended=None)
        return await original(run, row, forgotten, breaker)

    original = carry_out._carry_out_row
    yield patch.object(carry_out, "_carry_out_row", process)


def _skip_own_event() -> Iterator[Patch]:
    """Step 2: nobody looks for our key in the log."""
    yield patch.object(prepare, "_find_earlier_event", _answer(None))
    yield patch.object(prepare, "may_be_own_change", _answer(False))


def _take_every_change_for_foreign() -> Iterator[Patch]:
    """Step 2: a change that is not in the log yet is treated as made by somebody else."""
    yield patch.object(prepare, "may_be_own_change", _answer(False))


def _check_nothing() -> Iterator[Patch]:
    """Step 3: a row is sent whatever the state of its payment."""
    yield patch.object(prepare, "find_objection", _answer(""))


def _ignore_clock() -> Iterator[Patch]:
    """Step 3: a wrong clock does not stop the run."""
    yield patch.object(prepare, "find_clock_fault", _answer(""))
    yield patch.object(send, "find_clock_fault", _answer(""))


def _ignore_clock_after_waits() -> Iterator[Patch]:
    """Step 3: the clock is checked at the first request only."""
    yield patch.object(send, "find_clock_fault", _answer(""))


def _ignore_caps() -> Iterator[Patch]:
    """Step 4: nothing is reserved against a cap."""
    yield patch.object(context.RunContext, "find_row_caps", _answer([]))


def _send_before_commit() -> Iterator[Patch]:
    """Step 4: the request does not wait for the commit of its intention."""

    async def keep(writer: Any, draft: Any) -> Any:
        if draft.kind != "intended":
            return await original(writer, draft)
        import asyncio

        task = asyncio.ensure_future(original(writer, draft))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        lock = writer._carrier
        chain = journal_chain(lock)
        return link([draft], chain, epoch=lock.epoch, at=draft.at)[0]

    from vippsrecon.store.journal.entries import Chain
    from vippsrecon.store.journal.entries import link_entries as link

    def journal_chain(lock: Any) -> Chain:
        return Chain(lock.plan_id, lock.environment, lock.verb, (0, "0" * 64))

    original = journal_writer.JournalWriter.keep
    yield patch.object(journal_writer.JournalWriter, "keep", keep)


def _record_one_intention() -> Iterator[Patch]:
    """Step 4: only the first request of a row is recorded."""

    async def write(run: Any, row: Any, before: Any, reading: Any) -> Any:
        if run.writer._store.count_intentions(row.row):
            return next(e for e in run.writer._store.entries if e.row == row.row)
        return await prepare.write_intention(run, row, before, reading)

    yield patch.object(send, "write_intention", write)


def _never_read_again() -> Iterator[Patch]:
    """Step 4: a request that waited is sent without a new reading."""
    yield patch.object(send.RowSender, "_is_reading_fresh", _answer(True))


def _read_but_do_not_check_again() -> Iterator[Patch]:
    """Step 4: after a wait the payment is read, but approval and limits are not checked."""
    yield patch.object(send, "object_to_sending", _answer(""))


def _send_another_key() -> Iterator[Patch]:
    """Step 4: each request gets a new key."""
    yield patch.object(context, "compute_idempotency_key", lambda *_: str(uuid.uuid4()))


def _obey_any_wait() -> Iterator[Patch]:
    """Step 4: after `Retry-After: 0` the next request is sent without a wait."""

    async def wait(self: Any, retry_after: float | None = None) -> bool:
        if retry_after == 0.0:
            return True
        return await original(self, retry_after)

    original = backoff.Backoff.wait
    yield patch.object(backoff.Backoff, "wait", wait)


def _take_no_answer_for_not_done() -> Iterator[Patch]:
    """Step 5: a missing answer is taken to mean that nothing was done."""
    yield patch.object(send, "classify_error", _classify_as("later", NoAnswerError))


def _take_failure_for_refusal() -> Iterator[Patch]:
    """Step 5: a 500 is taken to mean that the operation was refused."""
    yield patch.object(send, "classify_error", _classify_as("refused", ServiceError))


def _take_no_answer_for_refusal() -> Iterator[Patch]:
    """Step 5: a missing answer is taken to mean that the operation was refused."""

    def classify(error: Any) -> str:
        lost = isinstance(error, NoAnswerError) and not isinstance(error, NotConnectedError)
        return "refused" if lost else classify_error(error)

    yield patch.object(send, "classify_error", classify)


def _take_unchanged_for_refused() -> Iterator[Patch]:
    """Step 5: after a lost answer, an unchanged payment ends the row as refused."""

    async def recheck(self: Any) -> Any:
        aggregate_read = await original(self)
        if self._maybe_done and isinstance(aggregate_read, send.Rechecked):
            return RowResult(self._intention.row.row, "refused", "it is unchanged")
        return aggregate_read

    original = send.RowSender._recheck
    yield patch.object(send.RowSender, "_recheck", recheck)


def _take_moved_for_unchanged() -> Iterator[Patch]:
    """Step 5: a request is sent again although the payment moved without our key."""

    def evaluate(*arguments: Any) -> Evidence:
        evidence_read = evidence.evaluate(*arguments)
        return (
            evidence_read._replace(kind="nothing")
            if evidence_read.kind == "moved"
            else evidence_read
        )

    yield patch.object(send, "evaluate", evaluate)
    yield patch.object(send, "object_to_sending", _answer(""))


def _give_up_at_once() -> Iterator[Patch]:
    """Step 5: an unknown outcome is called refused when the time is over."""

    def build(self: Any, why: str, after: Any) -> Any:
        return original(self, why, after)._replace(outcome="refused")

    original = send.RowSender._build_unknown_result
    yield patch.object(send.RowSender, "_build_unknown_result", build)


def _believe_every_answer() -> Iterator[Patch]:
    """Step 6: any 2xx means `done`, whatever totals it shows."""
    yield patch.object(send, "confirms_operation", _answer(True))


def _hide_other_changes() -> Iterator[Patch]:
    """Step 6: no flag is set when a payment moved by more than our amount."""
    yield patch.object(evidence, "find_other_change", _answer(""))


def _call_already_done() -> Iterator[Patch]:
    """Step 6: a refusal that says "already" is accepted without checking the payment."""

    def classify(error: Any) -> str:
        final = isinstance(error, ApiError) and error.code in ("6150", "6090")
        return "already" if final else classify_error(error)

    async def believe(self: Any) -> Any:
        reading = await take_reading(self._context, self._intention.row)
        after = extract_aggregate(reading.payment) if hasattr(reading, "payment") else None
        proof = Evidence("already_done", None, "it says so")
        return self._build_evidence_result("already_done", proof, after or Aggregate(0, 0, 0, 0))

    yield patch.object(send, "classify_error", classify)
    yield patch.object(send.RowSender, "_find_done_before", believe)


def _keep_payments_held() -> Iterator[Patch]:
    """Step 4: a payment is not released when its row ends."""
    yield patch.object(Reservations, "release_payment", _answer(None))


MUTANTS: dict[str, Callable[[], Iterator[Patch]]] = {
    mutant.__name__.strip("_").replace("_", " "): mutant
    for mutant in (
        _forget_outcomes,
        _forget_intentions,
        _skip_own_event,
        _take_every_change_for_foreign,
        _check_nothing,
        _ignore_clock,
        _ignore_clock_after_waits,
        _ignore_caps,
        _send_before_commit,
        _record_one_intention,
        _never_read_again,
        _read_but_do_not_check_again,
        _send_another_key,
        _obey_any_wait,
        _take_no_answer_for_not_done,
        _take_failure_for_refusal,
        _take_no_answer_for_refusal,
        _take_unchanged_for_refused,
        _take_moved_for_unchanged,
        _give_up_at_once,
        _believe_every_answer,
        _hide_other_changes,
        _call_already_done,
        _keep_payments_held,
    )
}
"""Name to the patches that make the mutant."""


def catch(name: str, schedules: int) -> tuple[int, str] | None:
    """Run schedules against a mutant until one fails. Return its number and the reason, or None."""
    with simulated_store(), ExitStack() as stack:
        for change in MUTANTS[name]():
            stack.enter_context(change)
        for number in range(schedules):
            why = find_violation(number)
            if why:
                return number, why
    return None
