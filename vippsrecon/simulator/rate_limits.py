"""Limit the calls per minute of one operation on one reference, as the gateway does.

Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/rate-limiting/
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

MINUTE = timedelta(seconds=60)


class RateLimits:
    """Counts the calls of each bucket in a sliding minute.

    Buckets are stored in two generations of a minute each. The older generation is dropped as a
    whole, so that memory is freed after a bulk read of a million references.
    """

    def __init__(self) -> None:
        self._current_minute: dict[tuple[str, ...], list[datetime]] = {}
        self._previous_minute: dict[tuple[str, ...], list[datetime]] = {}
        self._rotated_at: datetime | None = None

    def wait(self, bucket: tuple[str, ...], limit: int | None, now: datetime) -> int:
        """Count a call and return 0, or return the seconds to wait if the limit is reached.

        A rejected call does not count.
        """
        if limit is None:
            return 0
        self._rotate(now)
        calls = self._current_minute.get(bucket)
        if calls is None:
            calls = self._current_minute[bucket] = self._previous_minute.pop(bucket, [])
        while calls and calls[0] <= now - MINUTE:
            calls.pop(0)
        if len(calls) >= limit:
            return max(1, math.ceil((calls[0] + MINUTE - now).total_seconds()))
        calls.append(now)
        return 0

    def _rotate(self, now: datetime) -> None:
        if self._rotated_at is None or now - self._rotated_at >= MINUTE:
            both = self._rotated_at is not None and now - self._rotated_at < 2 * MINUTE
            self._previous_minute = self._current_minute if both else {}
            self._current_minute = {}
            self._rotated_at = now
