"""The simulator's clock: starts at a given time, runs with real time, can be advanced."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

_OFFSET = re.compile(r"[T ][^+-]*([+-].*)")
_POSSIBLE_OFFSET = re.compile(r"[+-](?:(?:0[0-9]|1[0-3]):?[0-5][0-9]|14:?00)")
"""Source: IANA time zone database."""


class Clock:
    """A clock that never moves backwards.

    Deadlines, expiry, token lifetimes and the `Date` header of every answer use it, so a test
    reaches day 181 with a single call.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self.set(start or datetime.now(UTC))

    def set(self, start: datetime) -> None:
        """Set the clock to `start`, from which it continues."""
        self.start = start.astimezone(UTC)
        self._began_ns = time.monotonic_ns()
        self._advanced_by = timedelta()

    def now(self) -> datetime:
        """Return the time, aware and in UTC."""
        ran = timedelta(microseconds=(time.monotonic_ns() - self._began_ns) // 1000)
        return self.start + self._advanced_by + ran

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        if seconds < 0:
            raise ValueError("the clock only goes forward: advance_seconds is negative")
        self._advanced_by += timedelta(seconds=seconds)


def format_http_date(moment: datetime) -> str:
    """Format a time for the `Date` header.

    Source: RFC 9110 section 5.6.7

    >>> format_http_date(datetime(2026, 1, 31, 23, tzinfo=UTC))
    'Sat, 31 Jan 2026 23:00:00 GMT'
    """
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time, with any number of decimals; a time without an offset is UTC.

    Raises:
        ValueError: It is not a time, or no place has its offset.

    >>> parse_time("2026-03-27T10:51:44.5333258Z").microsecond
    533325
    """
    offset = _OFFSET.search(text)
    if offset is not None and _POSSIBLE_OFFSET.fullmatch(offset[1]) is None:
        raise ValueError("no place has this offset from UTC")
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def format_event_time(moment: datetime, digits: int = 3) -> str:
    """Format a time as in the event log: UTC with `Z` and the given number of decimals.

    >>> format_event_time(datetime(2026, 1, 31, 23, 0, 0, 250_000, tzinfo=UTC), 7)
    '2026-01-31T23:00:00.2500000Z'
    """
    seconds_text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return (
        f"{seconds_text}.{f'{moment.microsecond:06d}0'[:digits]}Z" if digits else f"{seconds_text}Z"
    )
