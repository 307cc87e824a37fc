"""Rows under way at once: how many, where they stop, and the bar that shows them."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from vippsrecon.bulk.execution.context import Desk
from vippsrecon.bulk.execution.row_result import Result
from vippsrecon.bulk.plan.model import Plan, PlanRow
from vippsrecon.store import RowState


class Pace(NamedTuple):
    """How many rows are under way at once, and whether a bar shows it."""

    in_flight: int
    progress: bool


Row = Callable[[PlanRow], Awaitable[Result]]


def kept(row: PlanRow, state: RowState) -> Result:
    """Return what an earlier run left of a row, as its journal has it; an open one is unknown."""
    if state.intended is None:
        return Result.kept(row.row, state.outcome, state.detail)
    why = "an earlier run sent it, or may have; the same command again settles it"
    return Result.kept(row.row, "unknown", state.detail)._replace(why=why)


def _not_begun(row: PlanRow, state: RowState | None, why: str) -> Result:
    """Return what is known of a row that this run did not come to: never less than before."""
    if state is None or state.outcome == "skipped":
        return Result(row.row, "skipped", f"not begun: the run stopped ({why})")
    return kept(row, state)


async def all_rows(
    desk: Desk, states: Mapping[int, RowState], carry: Row, pace: Pace
) -> list[Result]:
    """Carry every row, some at a time, and return what became of each, in the plan's order.

    Rows that a run which stops did not come to are as an earlier one left them, or skipped.
    """
    results: dict[int, Result] = {}
    rows = iter(desk.plan.rows)
    with _bar(desk.plan, pace.progress) as advance:

        async def work() -> None:
            for row in rows:
                if desk.stopping:
                    return
                results[row.row] = await carry(row)
                advance()

        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, min(pace.in_flight, desk.plan.count))):
                group.create_task(work())
    return [
        results.get(row.row) or _not_begun(row, states.get(row.row), desk.stopping)
        for row in desk.plan.rows
    ]


@contextmanager
def gently_stopped(desk: Desk) -> Iterator[None]:
    """Let the first Ctrl-C finish the rows under way; the second ends the run at once.

    Ending at once is safe too: the next run settles what was under way.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def stop(*_: object) -> None:
        desk.stopping = desk.stopping or "Ctrl-C: rows under way were finished, no other begun"
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _bar(plan: Plan, shown: bool) -> Iterator[Callable[[], object]]:
    if not shown:
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(total=plan.count, unit="row", desc=f"{plan.verb}s", disable=None) as bar:
        yield bar.update
