"""Format amounts as people in the currency's market write them.

Workbooks and terminals write `1 234.50 NOK`, which a program can read back. Notebooks and the HTML
page show `1 234,50 kr`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from vippsrecon.money import DECIMALS


class MarketFormat(NamedTuple):
    """How a market writes amounts: the two separators, and where the sign of the currency is."""

    thousands: str
    decimal: str
    pattern: str


MARKET_FORMATS = {
    "NOK": MarketFormat(" ", ",", "{} kr"),
    "SEK": MarketFormat(" ", ",", "{} kr"),
    "DKK": MarketFormat(".", ",", "{} kr."),
    "EUR": MarketFormat(" ", ",", "{} €"),
    "USD": MarketFormat(",", ".", "${}"),
    "GBP": MarketFormat(",", ".", "£{}"),
}
"""Currency to the format of its market. Source: Unicode CLDR 48, locales nb, sv, da, fi, en-US and en-GB."""

_CROWNS = {"NOK", "SEK", "DKK"}
_OTHER_CURRENCY = MarketFormat(" ", ",", "")
_SENTENCE_AMOUNT = re.compile(
    rf"(?<![\w.,])(-?)(\d{{1,3}}(?: \d{{3}})*)\.(\d{{2}}) ({'|'.join(DECIMALS)})\b"
)


class AmountFormat:
    """Format the amounts of one display.

    Args:
        currencies: The currencies in it. If there are crowns of two countries, both are written
            with their code: `kr` would not say which.
    """

    def __init__(self, currencies: Iterable[str]) -> None:
        self._with_code = len(_CROWNS & {*currencies}) > 1

    def format(self, minor: int, currency: str) -> str:
        """Format minor units.

        >>> AmountFormat(["NOK"]).format(-123450, "NOK"), AmountFormat(["NOK", "SEK"]).format(5, "SEK")
        ('-1 234,50 kr', '0,05 SEK')
        """
        decimals = DECIMALS.get(currency, 2)
        whole, fraction = divmod(abs(minor), 10**decimals)
        digits = f"{whole:,}".replace(",", " ")
        return self._join("-" if minor < 0 else "", digits, f"{fraction:0{decimals}d}", currency)

    def localize(self, sentence: str) -> str:
        """Rewrite the amounts of a sentence, which are as `format_amount` writes them.

        >>> AmountFormat(["DKK"]).localize("12 orders, 1 234.50 DKK at risk.")
        '12 orders, 1.234,50 kr. at risk.'
        """
        return _SENTENCE_AMOUNT.sub(lambda match: self._join(*match.groups()), sentence)

    def split(self, sentence: str) -> list[tuple[str, bool]]:
        """Split a sentence into parts, localized; each with whether it is an amount.

        >>> AmountFormat([]).split("in all 1 234.50 EUR.")
        [('in all ', False), ('1 234,50 €', True), ('.', False)]
        """
        parts, end = [], 0
        for match in _SENTENCE_AMOUNT.finditer(sentence):
            parts += [(sentence[end : match.start()], False), (self._join(*match.groups()), True)]
            end = match.end()
        return [*parts, (sentence[end:], False)]

    def _join(self, sign: str, digits: str, fraction: str, currency: str) -> str:
        market = MARKET_FORMATS.get(currency, _OTHER_CURRENCY)
        with_code = currency not in MARKET_FORMATS or (self._with_code and currency in _CROWNS)
        pattern = f"{{}} {currency}" if with_code else market.pattern
        number = f"{digits.replace(' ', market.thousands)}{market.decimal}{fraction}"
        return sign + pattern.format(number)
