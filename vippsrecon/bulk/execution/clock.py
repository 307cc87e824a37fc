"""The clocks of one run: seconds for waits and ages, and the machine's time of day.

A run takes both from one object, so that a test can move time forward without waiting.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


class RunClock:
    """The clocks of this machine.

    Waiting itself is the event loop's: whoever replaces this clock runs a loop with the same time.
    """

    def count_seconds(self) -> float:
        """Return a time in seconds that never goes back and, where supported, counts sleep too."""
        clock = getattr(time, "CLOCK_BOOTTIME", None)
        return time.monotonic() if clock is None else time.clock_gettime(clock)

    def machine_time(self) -> datetime:
        """Return this machine's time, UTC."""
        return datetime.now(UTC)
