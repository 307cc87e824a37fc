"""The clocks of one run: seconds for waits and ages, the machine's time of day, and waiting itself.

A run takes all three from one object, so that a test can move time forward without waiting.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


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
