"""Days and times as people type them, and day numbers: whole days since 1970-01-01 in frames."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from vippsrecon.errors import InputError

EPOCH_DATE = date(1970, 1, 1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PERIOD_EXAMPLES = "last-month, yesterday, a month such as 2026-10 or a day such as 2026-10-31"

YEARS = range(1970, 2200)
"""Years that a payment can have. Any other year is a typing error, and is too large or too small
for the computations."""

OFFSET_PATTERN = r"[+-](?:(?:0[0-9]|1[0-3]):?[0-5][0-9]|14:?00)"
"""An offset from UTC that a place can have: at most 14 hours, and fewer than 60 minutes. Every time that
is typed or read is checked with it. Source: IANA time zone database."""

_MONTH = re.compile(r"\d{4}-\d\d", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|(?P<offset>[+-]\d\d:?\d\d))?",
    re.ASCII,
)
_OFFSET = re.compile(OFFSET_PATTERN)


def format_with_local(moment: datetime, zone: str | None) -> str:
    """Return a time in UTC, and in brackets the local time with its zone; the local day if it differs.

    >>> format_with_local(datetime(2026, 10, 31, 23, 30, tzinfo=UTC), "Europe/Oslo")
    '2026-10-31 23:30 UTC (2026-11-01 00:30 Europe/Oslo)'
    >>> format_with_local(datetime(2026, 11, 5, 6, 0, tzinfo=UTC), "Europe/Oslo")
    '2026-11-05 06:00 UTC (07:00 Europe/Oslo)'
    >>> format_with_local(datetime(2026, 11, 5, 6, 0, tzinfo=UTC), None)
    '2026-11-05 06:00 UTC'
    """
    utc = moment.astimezone(UTC)
    shown = f"{utc:%Y-%m-%d %H:%M} UTC"
    if zone is None:
        return shown
    local = utc.astimezone(ZoneInfo(zone))
    day = "" if local.date() == utc.date() else f"{local:%Y-%m-%d} "
    return f"{shown} ({day}{local:%H:%M} {zone})"


def parse_day(text: str, name: str = "") -> date:
    """Parse a day such as 2026-10-31.

    Args:
        text: As a person typed it.
        name: What it is, for the error message, such as "--from".

    Raises:
        InputError: It is not a day, or no payment can have its year.

    >>> parse_day("2026-10-31")
    datetime.date(2026, 10, 31)
    """
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise InputError(f"{_before(name)}{text[:40]!r} is not a day such as 2026-10-31")
    return check_day(day, name)


def check_day(day: date, name: str = "") -> date:
    """Return the day, or raise InputError if no payment can have its year."""
    if day.year not in YEARS:
        raise InputError(
            f"{_before(name)}{day.isoformat()} is not between {YEARS[0]} and {YEARS[-1]}"
        )
    return day


def parse_moment(text: str, zone: tzinfo, name: str, example: str) -> datetime:
    """Parse a time; one without an offset is in `zone`, and a day alone is its end.

    Raises:
        InputError: It is not a time, no payment can have its year, or no place has its offset.

    >>> parse_moment("2026-10-31", UTC, "--as-of", "").isoformat()
    '2026-10-31T23:59:59+00:00'
    """
    is_day = _DAY.fullmatch(text) is not None
    parts = _MOMENT.fullmatch(text)
    if parts is not None and not _has_possible_offset(parts):
        raise InputError(f"{name}: {text[:40]!r} has an offset that no place has")
    try:
        moment = datetime.fromisoformat(text) if is_day or parts else None
    except ValueError:
        moment = None
    if moment is None:
        raise InputError(f"{name}: {text[:40]!r} is not a time such as {example}")
    check_day(moment.date(), name)
    if is_day:
        moment += timedelta(days=1, seconds=-1)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def parse_recorded_time(text: object) -> datetime | None:
    """Parse a time with an offset, as a program wrote it into a file, and return it in UTC.

    Returns None where it is not such a time: a time without an offset could be wrong by hours.

    >>> parse_recorded_time("2026-10-31T18:00:00+01:00").isoformat()
    '2026-10-31T17:00:00+00:00'
    >>> parse_recorded_time("2026-10-31T18:00:00+00:60") is None
    True
    """
    parts = _MOMENT.fullmatch(text) if isinstance(text, str) else None
    if parts is None or not _has_possible_offset(parts):
        return None
    try:
        moment = datetime.fromisoformat(parts[0])
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _has_possible_offset(parts: re.Match[str]) -> bool:
    offset = parts["offset"]
    return offset is None or _OFFSET.fullmatch(offset) is not None


def parse_optional_day(day: date | str | None, option: str) -> date | None:
    """Return a day that is given as a date or as text; None for None and for "".

    Args:
        day: A date, or text such as 2026-10-01.
        option: What it is, for the error message, such as "--from".

    Raises:
        InputError: It is not a day, or no payment can have its year.

    >>> parse_optional_day("2026-10-01", "--from"), parse_optional_day("", "--from")
    (datetime.date(2026, 10, 1), None)
    """
    if isinstance(day, str):
        return parse_day(day, option) if day else None
    return None if day is None else check_day(day, option)


class Period(NamedTuple):
    """Whole local days, both included, and the name that files of this period get."""

    first: date
    last: date
    name: str

    @property
    def is_month(self) -> bool:
        """Whether it is a month; otherwise it is a day."""
        return _MONTH.fullmatch(self.name) is not None


def parse_period(text: str, today: date, name: str = "") -> Period:
    """Parse a period: `last-month`, `yesterday`, a month such as 2026-10 or a day.

    Args:
        text: As a person typed it.
        today: The local day from which last-month and yesterday are counted.
        name: What it is, for the error message, such as "--period".

    Raises:
        InputError: It is not a period, or no payment can have its year.

    >>> parse_period("last-month", date(2026, 3, 31))
    Period(first=datetime.date(2026, 2, 1), last=datetime.date(2026, 2, 28), name='2026-02')
    >>> parse_period("yesterday", date(2026, 3, 1)).name
    '2026-02-28'
    """
    if text == "yesterday":
        text = (today - timedelta(days=1)).isoformat()
    elif text == "last-month":
        text = f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"
    return parse_named_period(text, name)


def parse_named_period(text: str, name: str = "") -> Period:
    """Parse a month such as 2026-10, or a day such as 2026-10-31.

    Raises:
        InputError: It is neither, or no payment can have its year.
    """
    try:
        is_month = _MONTH.fullmatch(text) is not None
        is_period = is_month or _DAY.fullmatch(text)
        first = date.fromisoformat(f"{text}-01" if is_month else text) if is_period else None
    except ValueError:
        first = None
    if first is None:
        raise InputError(f"{_before(name)}{text[:40]!r} is not a period. Use {PERIOD_EXAMPLES}.")
    check_day(first, name)
    days = monthrange(first.year, first.month)[1]
    return Period(first, first.replace(day=days) if is_month else first, text)


def find_next_period(period: Period) -> Period:
    """Return the month after a month, or the day after a day.

    >>> find_next_period(parse_named_period("2026-12")).name
    '2027-01'
    """
    first = period.last + timedelta(days=1)
    return parse_named_period(f"{first:%Y-%m}" if period.is_month else first.isoformat())


def _before(name: str) -> str:
    return f"{name}: " if name else ""


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
