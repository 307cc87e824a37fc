"""Words of plans and runs in the current language: numbers of operations, and sums.

Plans, workbooks and commands are in English, and use them with `use_language("en")`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vippsrecon.texts import format_spaced_money, say, say_number
from vippsrecon.vipps_rules import MARKET_OF_CURRENCY

_CARD_MARKETS = ("NO", "SE")
"""Markets in which a refund goes to the card of the payment.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/refunds/"""


def count_operations(verb: str, number: int) -> str:
    """Return a number of operations.

    >>> count_operations("refund", 1), count_operations("cancel", 2)
    ('1 refund', '2 cancels')
    """
    return say_number(f"operations.{verb}", number)


def list_sums(totals: Mapping[str, int]) -> list[str]:
    """Return the sum of each currency.

    >>> list_sums({"NOK": 123450})
    ['1 234.50 NOK']
    """
    return [format_spaced_money(minor, currency) for currency, minor in totals.items()]


def describe_card_refunds(verb: str, currencies: Iterable[str]) -> str:
    """Return what to do where the card of a refunded payment is no longer valid; "" if none is refunded.

    In Norway and Sweden the money goes to the card of the payment, so the merchant must contact a
    customer whose card is no longer valid.

    >>> describe_card_refunds("refund", ["DKK"]), describe_card_refunds("cancel", ["NOK"])
    ('', '')
    """
    to_card = any(MARKET_OF_CURRENCY.get(currency) in _CARD_MARKETS for currency in currencies)
    return say("plan.card_no_longer_valid") if verb == "refund" and to_card else ""
