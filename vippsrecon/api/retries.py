"""Decide whether a failed call is repeated, and after how many seconds.

Only calls that cannot take effect twice are repeated: reads, and writes with an idempotency key.
Vipps MobilePay stores a 4xx answer under its key, so a 4xx is final. After 423, 429, 5xx, a lost
answer or an unreadable answer the same bytes are sent again with the same key. Every wait is at least
our own, which doubles, whatever `Retry-After` asks for. A wait that would end after the deadline is
not started. `OutageWatch` says at the terminal that calls are waiting.

Source: https://developer.vippsmobilepay.com/docs/knowledge-base/errors/ and
https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/ (rate limiting)
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
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

# stamina's own hook logs the call's arguments, which may be secret; the hook here logs the error class only.
set_on_retry_hooks(())

_log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS = 0.5
MAX_WAIT_SECONDS = 60.0
"""Rate limits count per minute, so one wait must be able to last a minute."""

MAX_ATTEMPTS = 100
"""How often one call is sent in all, at most."""

MAX_UNREADABLE_ATTEMPTS = 3

SILENCE_SECONDS = 6.0
"""How long a call waits for a usable answer before a notice is printed for the waiting user."""

LOCKED_CODE = "6160"
"""ePayment: "Order processing, locked". Nothing was done, whatever the HTTP status."""

T = TypeVar("T")


class RetryPolicy:
    """Decides for each failure of one call whether to repeat it, and after how many seconds.

    Args:
        deadline: No wait may end after this `time.monotonic()`.
        may_repeat: False for a write without a key: repeated only if nothing was sent.
    """

    def __init__(self, deadline: float, *, may_repeat: bool) -> None:
        self._deadline = deadline
        self._may_repeat = may_repeat
        self._wait_count = 0
        self._unreadable_count = 0

    def __call__(self, error: Exception) -> bool | float:
        """Return the seconds to wait before repeating, or False to give up."""
        if not self._is_transient(error) or self._wait_count + 1 >= MAX_ATTEMPTS:
            return False
        seconds = self._compute_wait(error)
        if time.monotonic() + seconds > self._deadline:
            return False
        _log.info("%s; repeating in %.1f s", type(error).__name__, seconds)
        return seconds

    def _is_transient(self, error: Exception) -> bool:
        if isinstance(error, NotConnectedError):
            return not error.permanent
        if not self._may_repeat:
            return False
        if isinstance(error, UnreadableAnswerError):
            self._unreadable_count += 1
            return self._unreadable_count < MAX_UNREADABLE_ATTEMPTS
        if isinstance(error, RefusedError):
            return error.code == LOCKED_CODE
        return isinstance(error, NoAnswerError | LockedError | RateLimitedError | ServiceError)

    def _compute_wait(self, error: Exception) -> float:
        backoff = min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(self._wait_count, 10))
        backoff *= random.uniform(0.75, 1.0)
        self._wait_count += 1
        retry_after = (
            error.retry_after if isinstance(error, RateLimitedError | ServiceError) else None
        )
        if retry_after is None:
            return backoff
        # Many callers get the same second: spread them over the next one. Zero, or a date in the
        # past, must not turn into a stream of requests.
        return max(backoff, retry_after + random.uniform(0, min(1.0, retry_after / 4)))


async def call_with_retries(attempt: Callable[[], Awaitable[T]], policy: RetryPolicy) -> T:
    """Return what `attempt` returns; repeat it as `policy` decides.

    The first attempt is made outside stamina: nearly all reads succeed at once, and stamina's
    bookkeeping would cost as much as the read.
    """
    try:
        return await attempt()
    except VippsReconError as error:
        failures = [error]
    async for retry in stamina.retry_context(on=policy, attempts=None, timeout=None):
        with retry:
            if failures:
                raise failures.pop()
            return await attempt()
    raise AssertionError("stamina either returns or raises")


class OutageWatch:
    """Watches the calls of one session, and logs a warning when none of them gets an answer."""

    def __init__(self) -> None:
        self._answered_at = 0.0
        self._has_warned = False
        self._last_problem = "no answer yet"

    def record(self, status: int) -> None:
        """Record that an answer came. A refusal is an answer; 429 and 5xx are not."""
        if status < 500 and status != 429:
            self._answered_at = time.monotonic()
            self._has_warned = False
        else:
            self._last_problem = f"it answers {status}"

    def record_lost(self, problem: str) -> None:
        """Record why a request got no answer."""
        self._last_problem = problem

    @contextmanager
    def watch(self, deadline: float) -> Iterator[None]:
        """Watch one call that is repeated until `deadline`, a `time.monotonic()`."""
        started = time.monotonic()
        timer = asyncio.get_running_loop().call_later(
            SILENCE_SECONDS, self._warn, started, deadline
        )
        try:
            yield
        finally:
            timer.cancel()

    def _warn(self, started: float, deadline: float) -> None:
        if self._has_warned or self._answered_at > started:
            return
        self._has_warned = True
        left = max(0.0, deadline - time.monotonic())
        _log.warning(
            "Vipps MobilePay cannot be read (%s). It will be tried for another %.0f s; Ctrl-C "
            "stops, and what was read is kept.",
            self._last_problem,
            left,
        )
