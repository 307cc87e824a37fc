"""The clocks of one run: seconds for waits and ages, the machine's time of day, and waiting itself.

A run takes all three from one object, so that a test can move time forward without waiting.

A row that waits makes no progress and no output. Somebody who sees nothing for two minutes stops the
run, or starts a second one. So the run says that rows wait, why, and for how long they will be tried.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime

SILENCE_SECONDS = 6.0
"""How long a row waits before it is reported; a wait that would take longer is reported at once."""

REPEAT_SECONDS = 60.0
"""A run reports that a row waits at most once in this time, however many rows wait."""

_log = logging.getLogger(__name__)


class RunClock:
    """The clocks of this machine."""

    def count_seconds(self) -> float:
        """Return a time in seconds that never goes back and, where supported, counts sleep too."""
        clock = getattr(time, "CLOCK_BOOTTIME", None)
        return time.monotonic() if clock is None else time.clock_gettime(clock)

    def machine_time(self) -> datetime:
        """Return this machine's time, UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class WaitNotice:
    """The notices of one run."""

    def __init__(self) -> None:
        self._given_at = float("-inf")

    def give(self, row: int, why: str, left: float, *, waited: float, now: float) -> None:
        """Log that a row waits, unless it waits only shortly or another notice is recent.

        Args:
            row: The row's number.
            why: What it waits for, as a clause after "Row 3 waits: ".
            left: For how many seconds it will still be tried.
            waited: Seconds from its first wait to the end of the one that begins.
            now: The time in seconds of the run's clock.
        """
        if waited <= SILENCE_SECONDS or now - self._given_at < REPEAT_SECONDS:
            return
        self._given_at = now
        _log.warning(
            "Row %d waits: %s. It will be tried for another %.0f s. Ctrl-C stops; the same command "
            "continues.",
            row,
            why,
            max(0.0, left),
        )
