"""Format amounts as people write them, in the market of the currency or in the language of the report.

Notebooks in English show `1 234,50 kr`, as the market of the currency writes it. The HTML page, and
notebooks in another language, write every amount as their language does: `1 234,50 kr` in Norwegian,
`1,234.50 NOK` in English. In workbooks and terminals, amounts always have the code of the currency.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from vippsrecon.money import DECIMALS
from vippsrecon.texts import get_language
from vippsrecon.texts.numbers import load_separators


class MarketFormat(NamedTuple):
    """How amounts are written: the two separators, and where the sign of the currency is."""

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

SIGNS_OF_LANGUAGE = {
    "nb": {"NOK": "kr", "EUR": "€"},
    "da": {"DKK": "kr.", "EUR": "€"},
    "sv": {"SEK": "kr", "EUR": "€"},
    "fi": {"EUR": "€"},
}
"""Language to the signs that it writes for currencies; it writes the codes of all others. Source: as above."""

_CROWNS = {"NOK", "SEK", "DKK"}
_OTHER_CURRENCY = MarketFormat(" ", ",", "")
_SENTENCE_AMOUNT = re.compile(
    rf"(?<![\w.,])(-?)(\d{{1,3}}(?:[ ,.\u00a0\u202f]\d{{3}})*)[.,](\d{{2}}) ({'|'.join(DECIMALS)})\b"
)
"""An amount as `texts.format_money` writes it in any language, or as `money.format_amount` does."""

_NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?![\w.,]*\d)")
"""A count of more than 999, in English."""

_SEPARATOR = re.compile(r"[ ,.\u00a0\u202f]")


class AmountFormat:
    """Format the amounts of one display, in the language that is current when it is made.

    Args:
        currencies: The currencies in it. If there are crowns of two countries, both are written
            with their code: `kr` would not say which.
        by_market: Write amounts as the market of the currency does, if the language is English.
    """

    def __init__(self, currencies: Iterable[str], *, by_market: bool = True) -> None:
        self._with_code = len(_CROWNS & {*currencies}) > 1
        self._language = get_language()
        self._by_market = by_market and self._language == "en"

    def format(self, minor: int, currency: str) -> str:
        """Format minor units.

        >>> AmountFormat(["NOK"]).format(-123450, "NOK"), AmountFormat(["NOK", "SEK"]).format(5, "SEK")
        ('-1 234,50 kr', '0,05 SEK')
        >>> AmountFormat(["NOK"], by_market=False).format(123450, "NOK")
        '1,234.50 NOK'
        """
        decimals = DECIMALS.get(currency, 2)
        whole, fraction = divmod(abs(minor), 10**decimals)
        digits = f"{whole:,}"
        return self._join("-" if minor < 0 else "", digits, f"{fraction:0{decimals}d}", currency)

    def localize(self, sentence: str) -> str:
        """Rewrite the amounts of a sentence, and its counts as the market writes them.

        >>> AmountFormat(["DKK"]).localize("12 orders, 1,234.50 DKK at risk.")
        '12 orders, 1.234,50 kr. at risk.'
        >>> AmountFormat(["DKK"]).localize("1,234")
        '1 234'
        """
        return "".join(part for part, _ in self.split(sentence))

    def split(self, sentence: str) -> list[tuple[str, bool]]:
        """Split a sentence into parts, localized; each with whether it is an amount.

        >>> AmountFormat([]).split("in all 1,234.50 EUR.")
        [('in all ', False), ('1 234,50 €', True), ('.', False)]
        """
        parts, end = [], 0
        for match in _SENTENCE_AMOUNT.finditer(sentence):
            before = self._rewrite_counts(sentence[end : match.start()])
            parts += [(before, False), (self._join(*match.groups()), True)]
            end = match.end()
        return [*parts, (self._rewrite_counts(sentence[end:]), False)]

    def _rewrite_counts(self, text: str) -> str:
        if not self._by_market:
            return text
        return _NUMBER.sub(lambda match: match[0].replace(",", " "), text)

    def _join(self, sign: str, digits: str, fraction: str, currency: str) -> str:
        market = self._choose_format(currency)
        with_code = not market.pattern or (self._with_code and currency in _CROWNS)
        pattern = f"{{}} {currency}" if with_code else market.pattern
        number = f"{_SEPARATOR.sub(market.thousands, digits)}{market.decimal}{fraction}"
        return sign + pattern.format(number)

    def _choose_format(self, currency: str) -> MarketFormat:
        if self._by_market:
            return MARKET_FORMATS.get(currency, _OTHER_CURRENCY)
        sign = SIGNS_OF_LANGUAGE.get(self._language, {}).get(currency, "")
        return MarketFormat(*load_separators(self._language), f"{{}} {sign}" if sign else "")
