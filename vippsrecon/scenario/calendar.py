"""Define the months of the scenarios and format their times.

Times are whole seconds since 1970 in UTC. The module needs only the Nordic zones from October 2026 to
February 2027, so it holds their offsets and the clock change as constants. Without a time zone database the output is
the same on every machine.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

HOUR = 3600
DAY = 24 * HOUR

DAYS_IN_MONTH = 31


class ScenarioMonth(NamedTuple):
    """Defines a month of 31 days.

    Attributes:
        name: English, in lower case.
        first_day: Orders are placed on this local day and the 30 days after it.
        exported_at: Time of the shop's export; also the modification time of `orders.csv`.
    """

    name: str
    first_day: date
    exported_at: int

    @property
    def last_day(self) -> date:
        """The last local day on which orders are placed."""
        return self.find_day(DAYS_IN_MONTH)

    @property
    def clock_start(self) -> int:
        """Start of the simulator's clock: the payments are fetched two hours after the export."""
        return self.exported_at + 2 * HOUR

    @property
    def completed_by(self) -> int:
        """Operations that are not timing differences are complete on both sides by this time."""
        return self.exported_at - 36 * HOUR

    @property
    def statement_last_day(self) -> date:
        """Last day of the bank statement, the first bank day after the month."""
        return add_bank_days(self.last_day, 1)

    def find_day(self, number: int) -> date:
        """Return a day by its number; the days after the month go on counting.

        >>> OCTOBER_2026.find_day(33).isoformat()
        '2026-11-02'
        """
        return self.first_day + timedelta(days=number - 1)


OCTOBER_2026 = ScenarioMonth(
    "october", date(2026, 10, 1), int(datetime(2026, 11, 5, 6, tzinfo=UTC).timestamp())
)
JANUARY_2027 = ScenarioMonth(
    "january", date(2027, 1, 1), int(datetime(2027, 2, 5, 6, tzinfo=UTC).timestamp())
)
"""In this month MobilePay becomes Vipps, so that both names are in one export and one statement."""

RENAMED_ON = date(2027, 1, 12)
"""The day MobilePay takes the name Vipps in Denmark and Finland."""

FIRST_DAY = OCTOBER_2026.first_day
LAST_DAY = OCTOBER_2026.first_day + timedelta(days=DAYS_IN_MONTH - 1)
EXPORTED_AT = OCTOBER_2026.exported_at
CLOCK_START = OCTOBER_2026.clock_start
"""What October 2026 is, the month that is written unless another is asked for."""

_BANK_HOLIDAYS = frozenset({date(2027, 1, 1)})
"""Days in these months on which the banks of all three markets are closed, beside weekends."""

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


def get_brand(market: str, day: date) -> str:
    """Return the name of the payment method in a market.

    >>> get_brand("DK", RENAMED_ON), get_brand("DK", OCTOBER_2026.first_day)
    ('Vipps', 'MobilePay')
    """
    return "Vipps" if market == "NO" or day >= RENAMED_ON else "MobilePay"


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
    """Return the bank day `ahead` bank days after `day`.

    >>> add_bank_days(date(2026, 10, 2), 1)
    datetime.date(2026, 10, 5)
    """
    while ahead:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in _BANK_HOLIDAYS:
            ahead -= 1
    return day
