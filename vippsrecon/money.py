"""Convert amounts between Decimal and minor units exactly, and format them for sentences.

Inside the package an amount is an `int` of minor units with a currency. `Decimal` is used only
where files are read and workbooks written. `float` is never used.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from vippsrecon.errors import InputError

DECIMALS = {"NOK": 2, "DKK": 2, "SEK": 2, "EUR": 2, "USD": 2, "GBP": 2}
"""Currency to its number of decimals. Source: ISO 4217; the list is the ePayment API's
`Currency` (https://developer.vippsmobilepay.com/api/epayment/)."""

[COMMON_DECIMALS] = set(DECIMALS.values())
"""The decimals of every currency, for columns of amounts in several currencies. If a currency with
other decimals is added, this line fails, and all that uses it must look up the currency instead."""

LARGEST_MINOR = 10**15 - 1
"""Fifteen digits, the most that a cell of a workbook stores exactly."""

LARGEST_SUM = 10**18 - 1
"""A ninth of what 64 bits hold, so that a few such sums can be added."""


def to_minor(amount: Decimal | str, currency: str) -> int:
    """Convert an amount in major units to whole minor units of `currency`.

    Raises:
        InputError: The currency is not supported, the amount is not a number, has more decimals
            than the currency has, or has more than fifteen digits.

    >>> to_minor("499.50", "NOK")
    49950
    >>> to_minor("499.505", "NOK")
    Traceback (most recent call last):
    vippsrecon.errors.InputError: amount 499.505 has more decimals than NOK has
    """
    try:
        value = Decimal(amount)
    except InvalidOperation:
        raise InputError(f"amount {amount!r} is not a number") from None
    if not value.is_finite():
        raise InputError(f"amount {amount!r} is not a number")
    if value and value.adjusted() > len(str(LARGEST_MINOR)):
        raise InputError(f"amount {amount} has more than fifteen digits")
    scaled = value.scaleb(_lookup_decimals(currency))
    minor = int(scaled)
    if minor != scaled:
        raise InputError(f"amount {amount} has more decimals than {currency} has")
    if abs(minor) > LARGEST_MINOR:
        raise InputError(f"amount {amount} has more than fifteen digits")
    return minor


def to_major(minor: int, currency: str) -> Decimal:
    """Convert minor units of `currency` to a Decimal of major units.

    >>> to_major(-49950, "NOK")
    Decimal('-499.50')
    """
    return Decimal(minor).scaleb(-_lookup_decimals(currency))


def format_amount(minor: int, currency: str) -> str:
    """Format an amount for a sentence, with a space between thousands.

    >>> format_amount(123450, "NOK")
    '1 234.50 NOK'
    """
    return f"{group_thousands(to_major(minor, currency))} {currency}"


def group_thousands(number: int | Decimal) -> str:
    """Format a number with a space between thousands.

    >>> group_thousands(1234567)
    '1 234 567'
    """
    return f"{number:,}".replace(",", " ")


def format_count(number: int, singular: str, many: str = "") -> str:
    """Format a number and its noun for a sentence, with a space between thousands.

    >>> format_count(1, "row"), format_count(1200, "row")
    ('1 row', '1 200 rows')
    """
    return f"{group_thousands(number)} {singular if number == 1 else many or f'{singular}s'}"


def _lookup_decimals(currency: str) -> int:
    try:
        return DECIMALS[currency]
    except KeyError:
        supported = ", ".join(DECIMALS)
        raise InputError(
            f"currency {currency!r} is not one Vipps MobilePay uses ({supported})"
        ) from None
