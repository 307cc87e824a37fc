"""Day numbers: whole days since 1970-01-01, the form in which frames hold local days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

EPOCH_DATE = date(1970, 1, 1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_day_number(day: date) -> int:
    """Return the whole days from 1970-01-01 to a day.

    >>> to_day_number(date(2026, 10, 31))
    20757
    """
    return (day - EPOCH_DATE).days


def to_date(day_number: int) -> date:
    """Return the day of a day number.

    >>> to_date(20757)
    datetime.date(2026, 10, 31)
    """
    return EPOCH_DATE + timedelta(days=day_number)
