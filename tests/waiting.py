"""Wait for a condition; a test never sleeps and then asserts."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Return once `condition()` is true.

    Args:
        condition: Called again and again.
        seconds: A limit for a test that would hang; ample on a machine that is busy otherwise.

    Raises:
        AssertionError: The condition was not true in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true within {seconds:.0f} s: {condition}"
        time.sleep(0.01)
