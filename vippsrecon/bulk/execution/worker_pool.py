"""Rows under way at once: how many, where they stop, and the bar that shows them."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from vippsrecon.bulk.execution.context import RunContext
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.plan.model import Plan, PlanRow
from vippsrecon.store import RowState


class PoolOptions(NamedTuple):
    """How many rows are under way at once, and whether a bar shows it."""

    in_flight: int
    progress: bool


RowHandler = Callable[[PlanRow], Awaitable[RowResult]]


def restore_result(row: PlanRow, state: RowState) -> RowResult:
    """Return what an earlier run left of a row, as its journal has it; an open one is unknown."""
    if state.intended is None:
        return RowResult.from_journal(row.row, state.outcome, state.detail)
    why = "an earlier run sent it, or may have; the same command again settles it"
    return RowResult.from_journal(row.row, "unknown", state.detail)._replace(explanation=why)


def _build_not_begun_result(row: PlanRow, state: RowState | None, why: str) -> RowResult:
    """Return what is known of a row that this run did not come to: never less than before."""
    if state is None or state.outcome == "skipped":
        return RowResult(row.row, "skipped", f"not begun: the run stopped ({why})")
    return restore_result(row, state)


async def process_rows(
    desk: RunContext, states: Mapping[int, RowState], carry: RowHandler, pace: PoolOptions
) -> list[RowResult]:
    """Carry every row, some at a time, and return what became of each, in the plan's order.

    Rows that a run which stops did not come to are as an earlier one left them, or skipped.
    """
    results: dict[int, RowResult] = {}
    rows = iter(desk.plan.rows)
    with _show_progress_bar(desk.plan, pace.progress) as advance:

        async def work() -> None:
            for row in rows:
                if desk.stop_reason:
                    return
                results[row.row] = await carry(row)
                advance()

        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, min(pace.in_flight, desk.plan.count))):
                group.create_task(work())
    return [
        results.get(row.row) or _build_not_begun_result(row, states.get(row.row), desk.stop_reason)
        for row in desk.plan.rows
    ]


@contextmanager
def finish_rows_on_interrupt(desk: RunContext) -> Iterator[None]:
    """Let the first Ctrl-C finish the rows under way; the second ends the run at once.

    Ending at once is safe too: the next run settles what was under way.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def stop(*_: object) -> None:
        desk.stop_reason = (
            desk.stop_reason or "Ctrl-C: rows under way were finished, no other begun"
        )
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _show_progress_bar(plan: Plan, shown: bool) -> Iterator[Callable[[], object]]:
    if not shown:
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(total=plan.count, unit="row", desc=f"{plan.verb}s", disable=None) as bar:
        yield bar.update
