"""An event loop with a virtual clock. A seed decides every step."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable
from typing import Any

MOST_STEPS = 200_000
"""A life of more steps than this goes round in circles."""


class Crash(BaseException):
    """Simulates the end of the process. No code that catches errors catches it."""


class VirtualTime:
    """Seconds since the schedule began, and the events outside the process, in order of time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def schedule(self, at: float, event: Callable[[], None]) -> None:
        """Make something happen at a time, even if no process is alive then."""
        self._number += 1
        heapq.heappush(self._events, (at, self._number, event))

    def advance(self, seconds: float) -> None:
        """Move the time forward, and run the events that are due."""
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            at, _, event = heapq.heappop(self._events)
            self.now = max(self.now, at)
            event()
        self.now = end


class _Selector:
    """Advances virtual time instead of waiting."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if self._loop.is_dead:
            return []
        if timeout is None:
            raise AssertionError("everybody waits and nothing is under way")
        if timeout > 0:
            # Add a very small time, so that the next timer is due in spite of rounding.
            self._loop.virtual_time.advance(timeout + 1e-9)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """The event loop of one life. The seed decides the order of steps; there are no threads.

    Args:
        virtual_time: Shared by all lives of a schedule.
        dice: Draws the order of steps and the duration of jobs.
        crash_at: The process dies before this step. 0 means never.
    """

    def __init__(self, virtual_time: VirtualTime, dice: random.Random, crash_at: int) -> None:
        super().__init__()
        self.virtual_time = virtual_time
        self.is_dead = False
        self._dice = dice
        self._crash_at = crash_at
        self._steps = 0
        self._selector = _Selector(self)

    def time(self) -> float:
        """Return the virtual time."""
        return self.virtual_time.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Run a thread's job at one instant, a little later. Its result arrives later still."""
        future = self.create_future()

        def tell(result: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def do() -> None:
            if self.is_dead or future.cancelled():
                return
            try:
                result, error = func(*args), None
            except Exception as failure:
                result, error = None, failure
            self.call_later(self._dice.random() * 0.01, tell, result, error)

        self.call_later(self._dice.random() * 0.01, do)
        return future

    def kill(self) -> None:
        """End every task of the dead process. Nothing they still do has an effect."""
        self.is_dead = True
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        if tasks:
            self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    def _run_once(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise AssertionError("a life goes round in circles")
        if self._steps == self._crash_at and not self.is_dead:
            raise Crash
        if len(self._ready) > 1:
            ready = list(self._ready)
            self._dice.shuffle(ready)
            self._ready.clear()
            self._ready.extend(ready)
        super()._run_once()

    def _process_events(self, event_list: list[Any]) -> None:
        """Do nothing: no events come from outside."""

    def _write_to_self(self) -> None:
        """Do nothing: there is no other thread."""
