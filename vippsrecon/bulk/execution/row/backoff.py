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
    """

    def __init__(self, context: RunContext, seconds: float) -> None:
        self._context = context
        self._ends = context.clock.count_seconds() + seconds
        self._next = context.timeouts.first_wait

    async def wait(self, retry_after: float | None = None) -> bool:
        """Wait and return True; return False at once if the wait would exceed the total time.

        Args:
            retry_after: The seconds an answer asked to wait. Zero, or a date in the past, does
                not shorten our own wait.
        """
        clock = self._context.clock
        seconds = max(self._next * random.uniform(0.75, 1.0), retry_after or 0.0)
        until = clock.count_seconds() + seconds
        self._next = min(self._context.timeouts.longest_wait, self._next * 2)
        if until > self._ends:
            return False
        while (left := until - clock.count_seconds()) > 0:
            if self._context.stop_reason:
                return False
            await clock.sleep(min(STOP_CHECK_SECONDS, left))
        return True
