"""Define the month of every scenario and format its times.

Times are whole seconds since 1970 in UTC. The module needs only the Nordic zones in autumn 2026, so
it holds their offsets and the clock change as constants. Without a time zone database the output is
the same on every machine.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

HOUR = 3600
DAY = 24 * HOUR

FIRST_DAY = date(2026, 10, 1)
LAST_DAY = date(2026, 10, 31)
"""Orders are placed on these local days and the days between."""

EXPORTED_AT = int(datetime(2026, 11, 5, 6, tzinfo=UTC).timestamp())
"""Time of the shop's export; also the modification time of `orders.csv`."""

CLOCK_START = EXPORTED_AT + 2 * HOUR
"""Start of the simulator's clock: the payments are fetched two hours after the export."""

COMPLETED_BY = EXPORTED_AT - 36 * HOUR
"""Operations that are not timing differences are complete on both sides by this time."""

_SUMMER_ENDS = int(datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp())
_WINTER_OFFSET = {"NO": HOUR, "DK": HOUR, "FI": 2 * HOUR}
_EPOCH = date(1970, 1, 1)


def compute_utc_offset(at: int, market: str) -> int:
    """Return how many seconds local time is ahead of UTC.

    >>> compute_utc_offset(EXPORTED_AT, "NO"), compute_utc_offset(EXPORTED_AT - 20 * DAY, "FI")
    (3600, 10800)
    """
    return _WINTER_OFFSET[market] + (HOUR if at < _SUMMER_ENDS else 0)


def compute_local_moment(day: date, second: int, market: str) -> int:
    """Return the moment of `second` of the local day `day` in a market."""
    wall = (day - _EPOCH).days * DAY + second
    summer = wall - _WINTER_OFFSET[market] - HOUR
    return summer if summer < _SUMMER_ENDS else summer + HOUR


def find_local_day(at: int, market: str) -> date:
    """Return the accounting day a moment falls on in a market.

    >>> find_local_day(int(datetime(2026, 10, 31, 23, 30, tzinfo=UTC).timestamp()), "NO")
    datetime.date(2026, 11, 1)
    """
    return _EPOCH + timedelta(days=(at + compute_utc_offset(at, market)) // DAY)


def compute_midnight_after(day: date, market: str) -> int:
    """Return the moment a market's accounting day ends."""
    return compute_local_moment(day + timedelta(days=1), 0, market)


def compute_utc_midnight(day: date) -> int:
    """Return 00:00 UTC of a day."""
    return (day - _EPOCH).days * DAY


@lru_cache(maxsize=4096)
def format_iso_day(days: int) -> str:
    """Return days since 1970 as `YYYY-MM-DD`."""
    return (_EPOCH + timedelta(days=days)).isoformat()


def format_time_of_day(at: int) -> str:
    """Return the time of day of a moment as `HH:MM:SS`."""
    second = at % DAY
    return f"{second // HOUR:02}:{second // 60 % 60:02}:{second % 60:02}"


def format_utc(at: int) -> str:
    """Return a moment in RFC 3339 format without the zone: `2026-11-05T06:00:00`.

    >>> format_utc(EXPORTED_AT)
    '2026-11-05T06:00:00'
    """
    return f"{format_iso_day(at // DAY)}T{format_time_of_day(at)}"


def format_wall_time(at: int, market: str, between: str = " ") -> str:
    """Return a moment in the local time of a market.

    >>> format_wall_time(EXPORTED_AT, "DK")
    '2026-11-05 07:00:00'
    """
    local = at + compute_utc_offset(at, market)
    return f"{format_iso_day(local // DAY)}{between}{format_time_of_day(local)}"


def format_utc_offset(at: int, market: str, colon: str = ":") -> str:
    """Return the offset of a market at a moment, as `+01:00`."""
    return f"+{compute_utc_offset(at, market) // HOUR:02}{colon}00"


def add_bank_days(day: date, ahead: int) -> date:
    """Return the bank day `ahead` bank days after `day`. This month has no bank holidays.

    >>> add_bank_days(date(2026, 10, 2), 1)
    datetime.date(2026, 10, 5)
    """
    while ahead:
        day += timedelta(days=1)
        if day.weekday() < 5:
            ahead -= 1
    return day
