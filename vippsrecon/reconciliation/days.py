"""Days and deadlines as whole numbers, the same on every engine.

A moment is microseconds since 1970 (UTC). The local day of a moment needs its zone's offset,
which changes twice a year: the few changes around the moment compared at are looked up once,
in Python, and become a chain of comparisons.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_microseconds(moment: datetime) -> int:
    """Return an aware time as whole microseconds since 1970.

    >>> to_microseconds(datetime(1970, 1, 2, tzinfo=UTC)) == DAY_US
    True
    """
    return (moment - _EPOCH) // timedelta(microseconds=1)


def microseconds_to_datetime(us: int) -> datetime:
    """Return microseconds since 1970 as an aware UTC time."""
    return _EPOCH + timedelta(microseconds=us)


def local_day_number(us: int, zone: str) -> int:
    """Return the day number of a moment in a zone.

    >>> evening = to_microseconds(datetime(1970, 1, 1, 23, 30, tzinfo=UTC))
    >>> local_day_number(evening, "UTC"), local_day_number(evening, "Europe/Oslo")
    (0, 1)
    """
    return (microseconds_to_datetime(us).astimezone(ZoneInfo(zone)).date() - _EPOCH.date()).days


def local_day_expression(us: nw.Expr, zone: str, latest_us: int) -> nw.Expr:
    """Return the day number, in a zone, of moments no later than `latest_us`.

    Exact for the two years before `latest_us`; earlier moments take the offset of then.
    """
    changes = _find_offset_changes(zone, latest_us)
    offset: nw.Expr = nw.lit(changes[0][1])
    for since, value in changes[1:]:
        offset = nw.when(us >= since).then(nw.lit(value)).otherwise(offset)
    return ((us + offset) // DAY_US).cast(nw.Int64)


def _find_offset_changes(zone: str, latest_us: int) -> list[tuple[int, int]]:
    """Return (since, offset) in microseconds for the two years before `latest_us`."""
    info = ZoneInfo(zone)

    def offset(us: int) -> int:
        shift = microseconds_to_datetime(us).astimezone(info).utcoffset() or timedelta()
        return shift // timedelta(microseconds=1)

    start = (latest_us // HOUR_US) * HOUR_US - 2 * 366 * DAY_US
    changes = [(start, offset(start))]
    for day in range(2 * 366 + 1):
        until = start + (day + 1) * DAY_US
        if offset(until) != changes[-1][1]:
            since = next(
                until - DAY_US + h * HOUR_US
                for h in range(25)
                if offset(until - DAY_US + h * HOUR_US) != changes[-1][1]
            )
            changes.append((since, offset(since)))
    return changes
