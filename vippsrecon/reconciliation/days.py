"""Compute days and deadlines as whole numbers, with the same result on every engine.

A time is a number of microseconds since 1970 (UTC). Its local day depends on the zone's offset,
which changes twice a year. Python looks up the few changes in the two years before the cut-off
time once, and they become a chain of comparisons.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw

from vippsrecon.dates import EPOCH

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US


def to_microseconds(moment: datetime) -> int:
    """Convert an aware datetime to whole microseconds since 1970.

    >>> from datetime import UTC
    >>> to_microseconds(datetime(1970, 1, 2, tzinfo=UTC)) == DAY_US
    True
    """
    return (moment - EPOCH) // timedelta(microseconds=1)


def microseconds_to_datetime(us: int) -> datetime:
    """Convert microseconds since 1970 to an aware UTC datetime."""
    return EPOCH + timedelta(microseconds=us)


def local_day_number(us: int, zone: str) -> int:
    """Return the local day of a time in a zone, as days since 1970-01-01.

    >>> from datetime import UTC
    >>> evening = to_microseconds(datetime(1970, 1, 1, 23, 30, tzinfo=UTC))
    >>> local_day_number(evening, "UTC"), local_day_number(evening, "Europe/Oslo")
    (0, 1)
    """
    return (microseconds_to_datetime(us).astimezone(ZoneInfo(zone)).date() - EPOCH.date()).days


def local_day_expression(us: nw.Expr, zone: str, latest_us: int) -> nw.Expr:
    """Return the local day, in a zone, of times no later than `latest_us`.

    Exact for the two years before `latest_us`; earlier times get the offset at their beginning.
    """
    changes = _find_offset_changes(zone, latest_us)
    offset: nw.Expr = nw.lit(changes[0][1])
    for since, value in changes[1:]:
        offset = nw.when(us >= since).then(nw.lit(value)).otherwise(offset)
    return ((us + offset) // DAY_US).cast(nw.Int64)


def _find_offset_changes(zone: str, latest_us: int) -> list[tuple[int, int]]:
    """Return the zone's offsets in the two years before `latest_us`, as (since, offset) in µs."""
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
