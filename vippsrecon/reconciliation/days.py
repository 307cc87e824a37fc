"""Compute days and deadlines as whole numbers, with the same result on every engine.

A time is a number of microseconds since 1970 (UTC). Its local day depends on the zone's offset,
which changes twice a year. Python looks up the few changes up to the cut-off time's year once, and
they become a chain of comparisons.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw

from vippsrecon.bank_days import MIDNIGHT
from vippsrecon.dates import EPOCH, to_day_number

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


def to_day_bounds(first: date | None, last: date | None) -> tuple[int, int] | None:
    """Return the first and last day of a period as day numbers; None where neither is given."""
    if first is None and last is None:
        return None
    no_limit = 10**6  # days; later than any date that can occur
    return (
        to_day_number(first) if first else -no_limit,
        to_day_number(last) if last else no_limit,
    )


def local_day_number(us: int, zone: str) -> int:
    """Return the local day of a time in a zone, as days since 1970-01-01.

    >>> from datetime import UTC
    >>> evening = to_microseconds(datetime(1970, 1, 1, 23, 30, tzinfo=UTC))
    >>> local_day_number(evening, "UTC"), local_day_number(evening, "Europe/Oslo")
    (0, 1)
    """
    return (local_date(us, zone) - EPOCH.date()).days


def local_date(us: int, zone: str) -> date:
    """Return the local date of a time in a zone."""
    return microseconds_to_datetime(us).astimezone(ZoneInfo(zone)).date()


def local_day_expression(
    us: nw.Expr, zone: str, latest_year: int, cut_off: time = MIDNIGHT
) -> nw.Expr:
    """Return the day, in a zone, of times no later than the end of `latest_year`.

    Exact for that year and the two before; earlier times get the offset at their beginning.

    Args:
        us: Microseconds since 1970, UTC.
        zone: The time zone.
        latest_year: The latest year that occurs.
        cut_off: Local time at which a day ends, as for `bank_days.find_accounting_day`.
    """
    cut_off_us = (cut_off.hour * 60 + cut_off.minute) * 60_000_000
    changes = _find_offset_changes(zone, latest_year)
    offset: nw.Expr = nw.lit(changes[0][1])
    for (_, before), (since, value) in pairwise(changes):
        # A change of clocks shows some times twice, or leaves them out. A cut-off among them is
        # that of the offset before.
        change = abs(value - before)
        is_affected = 0 <= cut_off_us - (since + min(before, value)) % DAY_US < change
        begins = since + (change if is_affected else 0)
        offset = nw.when(us >= begins).then(nw.lit(value)).otherwise(offset)
    return ((us + offset - cut_off_us) // DAY_US).cast(nw.Int64)


@cache
def _find_offset_changes(zone: str, latest_year: int) -> tuple[tuple[int, int], ...]:
    """Return the zone's offsets in three years, the latest included, as (since, offset) in µs."""
    info = ZoneInfo(zone)

    def offset(us: int) -> int:
        shift = microseconds_to_datetime(us).astimezone(info).utcoffset() or timedelta()
        return shift // timedelta(microseconds=1)

    start, end = (
        to_microseconds(datetime(year, 1, 1, tzinfo=UTC))
        for year in (latest_year - 2, latest_year + 1)
    )
    changes = [(start, offset(start))]
    for day_us in range(start, end, DAY_US):
        until = day_us + DAY_US
        if offset(until) != changes[-1][1]:
            since = next(
                day_us + hour * HOUR_US
                for hour in range(25)
                if offset(day_us + hour * HOUR_US) != changes[-1][1]
            )
            changes.append((since, offset(since)))
    return tuple(changes)
