"""Process rows concurrently, and stop gently on Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from vippsrecon.bulk.execution.context import RunContext
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.store import RowState


def _do_nothing() -> None:
    pass


class PoolOptions(NamedTuple):
    """How many rows are in progress at once, and what is called when a row has its outcome."""

    in_flight: int
    advance: Callable[[], object] = _do_nothing


RowHandler = Callable[[PlanRow], Awaitable[RowResult]]


def restore_result(row: PlanRow, state: RowState) -> RowResult:
    """Return a row's result from an earlier run's journal entries; an open row is `unknown`."""
    if state.intended is None:
        return RowResult.from_journal(row.row, state.outcome, state.detail)
    why = "an earlier run may have sent it; run the same command again to resolve it"
    return RowResult.from_journal(row.row, "unknown", state.detail)._replace(explanation=why)


def _build_not_begun_result(row: PlanRow, state: RowState | None, why: str) -> RowResult:
    """Return the result of a row this run did not start: the earlier result, else `skipped`."""
    if state is None or state.outcome == "skipped":
        return RowResult(row.row, "skipped", f"not started: the run stopped ({why})")
    return restore_result(row, state)


async def process_rows(
    context: RunContext,
    states: Mapping[int, RowState],
    process_row: RowHandler,
    pool_options: PoolOptions,
) -> list[RowResult]:
    """Process the plan's rows concurrently and return their results in the plan's order.

    If the run stops, rows it did not start keep their earlier result, or are `skipped`.

    Raises:
        StoreError: A dry run could not read the database.
    """
    results: dict[int, RowResult] = {}
    rows = iter(context.plan.rows)

    async def work() -> None:
        for row in rows:
            if context.stop_reason:
                return
            results[row.row] = await process_row(row)
            pool_options.advance()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, min(pool_options.in_flight, context.plan.count))):
                group.create_task(work())
    except ExceptionGroup as errors:
        # If every row met the same error, such as a lost database, raise that error.
        raise errors.exceptions[0] from None
    return [
        results.get(row.row)
        or _build_not_begun_result(row, states.get(row.row), context.stop_reason)
        for row in context.plan.rows
    ]


@contextmanager
def finish_rows_on_interrupt(context: RunContext) -> Iterator[None]:
    """On the first Ctrl-C finish the rows in progress; on the second end the run at once.

    Ending at once is safe too: the next run resolves the rows that were in progress.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous_handler = signal.getsignal(signal.SIGINT)

    def stop(*_: object) -> None:
        context.stop_reason = (
            context.stop_reason
            or "Ctrl-C: rows in progress were finished, no other row was started"
        )
        signal.signal(signal.SIGINT, previous_handler)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous_handler)
