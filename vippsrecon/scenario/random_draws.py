"""Draw random values that are the same for a seed on every Python version and machine."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

_PRICES = (1900, 9900, 14900, 19900, 24900, 34900, 44900, 59900, 89900, 149900, 499900)
"""Price deciles of a Nordic web shop, in øre; roughly lognormal. A table replaces
`lognormvariate`, whose last digit depends on the mathematics library of the machine."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class RandomDraws:
    """Draws all random values of a month: the same seed gives the same values in the same order."""

    __slots__ = ("_random",)

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def chance(self, share: float) -> bool:
        """Return True with probability `share`."""
        return self._random.random() < share

    def between(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        """Return a random choice."""
        return choices[int(self._random.random() * len(choices))]

    def draw_position(self, cumulated: Sequence[float]) -> int:
        """Return a random position by weight; `cumulated` holds the running sums of the weights."""
        place = bisect_right(cumulated, self._random.random() * cumulated[-1])
        return min(place, len(cumulated) - 1)

    def shuffle_in_place(self, items: list[T]) -> list[T]:
        """Shuffle the items in place and return them."""
        for last in range(len(items) - 1, 0, -1):
            other = int(self._random.random() * (last + 1))
            items[last], items[other] = items[other], items[last]
        return items

    def draw_price(self, currency: str) -> int:
        """Return a price in minor units, most of them ending in 9 kroner."""
        place = self._random.random() * (len(_PRICES) - 1)
        step = int(place)
        low, high = _PRICES[step], _PRICES[step + 1]
        price = low + int((high - low) * (place - step))
        if price % 10 < 7:
            price = price // 1000 * 1000 + 900
        return price // 10 if currency == "EUR" else price

    def uuid(self) -> str:
        """Return a random UUID as text."""
        digits = f"{self._random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def draw_base62(self, length: int) -> str:
        """Return random letters and digits, as in the ids of payment providers."""
        bits = self._random.getrandbits(length * 6)
        return "".join(_ALPHABET[(bits >> 6 * place & 63) % 62] for place in range(length))
