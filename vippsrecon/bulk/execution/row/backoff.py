"""The waits of one row between two requests or two readings."""

from __future__ import annotations

import random

from vippsrecon.bulk.execution.context import RunContext

STOP_CHECK_SECONDS = 0.5
"""Longest time a wait continues after Ctrl-C."""


class Backoff:
    """The waits of one row: each twice as long as the one before, within a total time.

    Args:
        context: What all rows of the run share.
        seconds: The total time, from now on.
        row: The row's number, for the notice that it waits.
    """

    def __init__(self, context: RunContext, seconds: float, row: int) -> None:
        self._context = context
        self._row = row
        self._ends = context.clock.count_seconds() + seconds
        self._began: float | None = None
        self._next = context.timeouts.first_wait

    async def wait_once(self, why: str, seconds: float) -> None:
        """Wait for a fixed time, whatever the total time is."""
        clock = self._context.clock
        now = clock.count_seconds()
        self._context.wait_notice.give(self._row, why, seconds, waited=seconds, now=now)
        await clock.sleep(seconds)

    async def wait(self, why: str, retry_after: float | None = None) -> bool:
        """Wait and return True; return False at once if the wait would exceed the total time.

        Args:
            why: What the row waits for, as a clause, for the notice.
            retry_after: The seconds an answer asked to wait. Zero, or a date in the past, does
                not shorten our own wait.
        """
        clock = self._context.clock
        seconds = max(self._next * random.uniform(0.75, 1.0), retry_after or 0.0)
        now = clock.count_seconds()
        until = now + seconds
        self._next = min(self._context.timeouts.longest_wait, self._next * 2)
        if until > self._ends:
            return False
        self._began = now if self._began is None else self._began
        self._context.wait_notice.give(
            self._row, why, self._ends - now, waited=until - self._began, now=now
        )
        while (left := until - clock.count_seconds()) > 0:
            if self._context.stop_reason:
                return False
            await clock.sleep(min(STOP_CHECK_SECONDS, left))
        return True
