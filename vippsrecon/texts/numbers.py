"""Write numbers and amounts as each language writes them. Nothing is read from these texts.

The separators are those of the Unicode CLDR, through babel: 1,234.50 in English, 1 234,50 in Norwegian,
Swedish and Finnish (with a space that does not break), 1.234,50 in Danish.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import NamedTuple

from vippsrecon.money import DECIMALS, format_amount, group_thousands
from vippsrecon.texts.language import get_language

_OTHER_DECIMALS = 2


class Separators(NamedTuple):
    """What a language writes between thousands, and before decimals."""

    thousands: str
    decimal: str


@cache
def load_separators(language: str) -> Separators:
    """Return the separators of a language."""
    from babel.numbers import get_decimal_symbol, get_group_symbol

    return Separators(get_group_symbol(language), get_decimal_symbol(language))


def format_number(number: int | Decimal) -> str:
    """Format a number in the current language, with a separator between thousands.

    >>> format_number(1234567), format_number(Decimal("-1234.50"))
    ('1,234,567', '-1,234.50')
    """
    whole, point, fraction = f"{number:,}".partition(".")
    separators = load_separators(get_language())
    digits = whole.replace(",", separators.thousands)
    return f"{digits}{separators.decimal}{fraction}" if point else digits


def format_money(minor: int, currency: str) -> str:
    """Format an amount in the current language, with its currency's code.

    A currency that Vipps MobilePay does not use has two decimals.

    >>> format_money(123450, "NOK"), format_money(5, "XTS")
    ('1,234.50 NOK', '0.05 XTS')
    """
    amount = Decimal(minor).scaleb(-DECIMALS.get(currency, _OTHER_DECIMALS))
    return f"{format_number(amount)} {currency}"


def format_spaced_number(number: int) -> str:
    """Format a number for a sentence about a plan: as `format_number`, but in English with spaces.

    >>> format_spaced_number(1200)
    '1 200'
    """
    return group_thousands(number) if get_language() == "en" else format_number(number)


def format_spaced_money(minor: int, currency: str) -> str:
    """Format an amount for a sentence about a plan: as `format_money`, but in English with spaces.

    >>> format_spaced_money(123450, "NOK")
    '1 234.50 NOK'
    """
    english = get_language() == "en"
    return format_amount(minor, currency) if english else format_money(minor, currency)


def format_share(part: int, whole: int) -> str:
    """Return a share of a total as a percentage in the current language.

    >>> format_share(1, 3), format_share(0, 0)
    ('33.3%', '0.0%')
    """
    return format_percent(Decimal(part) / whole if whole else Decimal(0))


def format_percent(share: Decimal) -> str:
    """Return a share, from 0 to 1, as a percentage with one decimal in the current language.

    >>> format_percent(Decimal("0.5"))
    '50.0%'
    """
    text = f"{share:.1%}"
    if get_language() == "en":
        return text
    # A space that does not break, as the CLDR has it in the four other languages.
    return text.replace(".", load_separators(get_language()).decimal).replace("%", "\u00a0%")
