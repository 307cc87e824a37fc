"""Wait for a condition, so that no test sleeps for a fixed time before its asserts."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Return once `condition()` is true.

    Args:
        condition: Called repeatedly until it is true.
        seconds: The time limit, so that a test cannot hang; it is long enough for a busy machine.

    Raises:
        AssertionError: The condition was not true in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true within {seconds:.0f} s: {condition}"
        time.sleep(0.01)
