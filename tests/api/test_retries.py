"""How long a call waits before it is repeated, and how often it is."""

from __future__ import annotations

import time

import pytest

from vippsrecon.api.retries import MAX_ATTEMPTS, RetryPolicy
from vippsrecon.errors import RateLimitedError


def busy(retry_after: float | None) -> RateLimitedError:
    """Return a 429 that asks for this wait."""
    error = RateLimitedError(429)
    error.retry_after = retry_after
    return error


@pytest.mark.parametrize("retry_after", [None, 0.0, 0.01])
def test_retry_after_never_shortens_our_own_wait(retry_after):
    """`Retry-After: 0` or a date in the past must not lead to endless calls without a wait."""
    policy = RetryPolicy(time.monotonic() + 10_000, may_repeat=True)

    waits = [policy(busy(retry_after)) for _ in range(8)]

    assert all(wait >= 0.375 * 2**number for number, wait in enumerate(waits[:7]))
    assert max(waits) <= 60.0


def test_longer_retry_after_is_respected():
    """If Vipps MobilePay asks for a longer wait than our own, the client waits that long."""
    wait = RetryPolicy(time.monotonic() + 100, may_repeat=True)(busy(6.0))

    assert 6.0 <= wait <= 7.0


def test_number_of_attempts_is_limited():
    """The number of attempts is limited, even if the deadline is far away."""
    policy = RetryPolicy(time.monotonic() + 10**9, may_repeat=True)

    answers = [policy(busy(0.0)) for _ in range(MAX_ATTEMPTS + 5)]

    assert sum(answer is not False for answer in answers) == MAX_ATTEMPTS - 1
    assert answers[-1] is False
