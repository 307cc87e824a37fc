"""When to ask again, and how long to wait first.

Only what cannot do the work twice is repeated: reads, and writes that carry their key. A 4xx
sticks to its key, so it is final; 423, 429, 5xx, a lost answer and an answer that cannot be
understood are asked again with the same bytes and the same key. The whole is bounded: a wait
that would end after the deadline is not begun.

Source: https://developer.vippsmobilepay.com/docs/knowledge-base/errors/ and
https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/ (rate limiting)
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina
from stamina.instrumentation import set_on_retry_hooks

from vippsrecon.errors import (
    LockedError,
    NoAnswerError,
    NotConnectedError,
    RateLimitedError,
    RefusedError,
    ServiceError,
    UnreadableAnswerError,
    VippsReconError,
)

# stamina's own hook logs the arguments of what it repeats; ours names the error alone.
set_on_retry_hooks(())

_log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS = 0.5
MAX_WAIT_SECONDS = 60.0
"""A rate limit counts by the minute, so backing off must be able to sit one out."""

MAX_UNREADABLE_ATTEMPTS = 3
LOCKED_CODE = "6160"
"""ePayment: "Order processing, locked". Nothing was done, whatever status it comes with."""

T = TypeVar("T")


class RetryPolicy:
    """Says of each failure of one call whether to ask again, and after how many seconds.

    Args:
        deadline: `time.monotonic()` after which no further wait may end.
        may_repeat: False for a write without a key, repeated only where nothing was sent.
    """

    def __init__(self, deadline: float, *, may_repeat: bool) -> None:
        self._deadline = deadline
        self._may_repeat = may_repeat
        self._wait_count = 0
        self._unreadable_count = 0

    def __call__(self, error: Exception) -> bool | float:
        """Return the seconds to wait before asking again, or False to give up."""
        if not self._is_transient(error):
            return False
        seconds = self._compute_wait(error)
        if time.monotonic() + seconds > self._deadline:
            return False
        _log.info("%s; asking again in %.1f s", type(error).__name__, seconds)
        return seconds

    def _is_transient(self, error: Exception) -> bool:
        if isinstance(error, NotConnectedError):
            return True
        if not self._may_repeat:
            return False
        if isinstance(error, UnreadableAnswerError):
            self._unreadable_count += 1
            return self._unreadable_count < MAX_UNREADABLE_ATTEMPTS
        if isinstance(error, RefusedError):
            return error.code == LOCKED_CODE
        return isinstance(error, NoAnswerError | LockedError | RateLimitedError | ServiceError)

    def _compute_wait(self, error: Exception) -> float:
        asked = error.retry_after if isinstance(error, RateLimitedError | ServiceError) else None
        if asked is not None:
            # Many callers are told the same second: spread them over the next one.
            return asked + random.uniform(0, min(1.0, asked / 4))
        backoff = min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(self._wait_count, 10))
        self._wait_count += 1
        return backoff * random.uniform(0.75, 1.0)


async def call_with_retries(once: Callable[[], Awaitable[T]], judge: RetryPolicy) -> T:
    """Return what `once` returns, asking again as `judge` says.

    The first attempt is made outside stamina: of a million reads nearly all need no second,
    and its bookkeeping would cost as much as the read.
    """
    try:
        return await once()
    except VippsReconError as error:
        failures = [error]
    async for attempt in stamina.retry_context(on=judge, attempts=None, timeout=None):
        with attempt:
            if failures:
                raise failures.pop()
            return await once()
    raise AssertionError("stamina either returns or raises")
