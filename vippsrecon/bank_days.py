"""Bank days: the days on which banks book payouts, and the accounting day of a moment.

The public holidays come from the library `holidays`. A bank's calendar differs from them: see
`_list_closed_days`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from vippsrecon.errors import InputError
from vippsrecon.vipps_rules import MARKET_OF_CURRENCY, PAYOUT_BANK_DAYS

MIDNIGHT = time()
_SATURDAY = 5
_FRIDAY = 4
_MARKETS_BY_COUNTRY = ("NO", "SE", "DK")


def is_bank_day(day: date, market: str) -> bool:
    """Return whether banks of a market book payments on a day.

    Args:
        day: The day.
        market: NO, SE, DK or FI. Finland has the days of TARGET, the payment system of the euro.

    Raises:
        InputError: There is no such market.

    >>> is_bank_day(date(2026, 5, 15), "DK"), is_bank_day(date(2026, 5, 15), "NO")
    (False, True)
    """
    return day.weekday() < _SATURDAY and day not in _list_closed_days(market, day.year)


def add_bank_days(day: date, count: int, market: str) -> date:
    """Return the bank day that is `count` bank days after a day.

    >>> add_bank_days(date(2026, 12, 23), 1, "DK"), add_bank_days(date(2026, 12, 23), 1, "FI")
    (datetime.date(2026, 12, 28), datetime.date(2026, 12, 24))
    """
    while count > 0:
        day += timedelta(days=1)
        count -= is_bank_day(day, market)
    return day


def compute_payout_bank_date(ledger_date: date, market: str) -> date:
    """Return the day on which the payout of a ledger date is expected on the bank account.

    Args:
        ledger_date: The last accounting day of the payout.
        market: NO, SE, DK or FI.

    >>> compute_payout_bank_date(date(2026, 10, 1), "NO")
    datetime.date(2026, 10, 6)
    """
    return add_bank_days(ledger_date, PAYOUT_BANK_DAYS[market], market)


def choose_market(market: str | None, currency: str) -> str:
    """Return the market whose bank days count: the configured one, else that of the currency.

    >>> choose_market(None, "EUR"), choose_market("SE", "SEK")
    ('FI', 'SE')
    """
    return market or MARKET_OF_CURRENCY.get(currency, "NO")


def find_accounting_day(at: datetime, zone: str, cut_off: time = MIDNIGHT) -> date:
    """Return the accounting day of a moment: until the cut-off it is the day before.

    The cut-off is the first moment of its day at which a clock shows this time, also where clocks
    are set back and show it twice.

    Args:
        at: An aware time.
        zone: Time zone of the sales unit.
        cut_off: Local time at which an accounting day ends. Midnight, unless Vipps MobilePay agreed
            to another one.

    >>> at = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    >>> find_accounting_day(at, "Europe/Oslo"), find_accounting_day(at, "Europe/Oslo", time(4))
    (datetime.date(2026, 11, 1), datetime.date(2026, 10, 31))
    """
    local_zone = ZoneInfo(zone)
    day = at.astimezone(local_zone).date()
    ends = datetime.combine(day, cut_off, local_zone)
    # In UTC: two times of one zone are compared by what the clock shows.
    is_before = at.astimezone(UTC) < ends.astimezone(UTC)
    return day - timedelta(days=1) if is_before else day


@lru_cache(maxsize=256)
def _list_closed_days(market: str, year: int) -> frozenset[date]:
    """Return the days other than Saturdays and Sundays on which the banks of a market are closed.

    Norway: the public holidays; 24 and 31 December are short bank days. Sweden: also the eves of
    Midsummer, Christmas and New Year. Denmark: also the Friday after Ascension, 5 June, 24 and 31
    December. Source: https://www.nationalbanken.dk (closing days); TARGET: https://www.ecb.europa.eu
    """
    from holidays import country_holidays, financial_holidays

    if market == "FI":
        return frozenset(financial_holidays("XECB", years=year, language="en_US"))
    if market not in _MARKETS_BY_COUNTRY:
        raise InputError(f"market {market[:10]!r} is not one of NO, SE, DK, FI")
    holidays = country_holidays(market, years=year, language="en_US")
    closed = set(holidays)
    if market == "DK":
        closed |= {day + timedelta(days=1) for day in holidays.get_named("Ascension Day")}
        closed |= {date(year, 6, 5), date(year, 12, 24), date(year, 12, 31)}
    if market == "SE":
        # Midsummer Eve is the Friday from 19 to 25 June.
        midsummer_eve = next(
            day for number in range(19, 26) if (day := date(year, 6, number)).weekday() == _FRIDAY
        )
        closed |= {midsummer_eve, date(year, 12, 24), date(year, 12, 31)}
    return frozenset(closed)
