"""The merchant's sales units: invented numbers, invented keys, one market each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MARKETS = {"NOK": "NO", "DKK": "DK", "EUR": "FI"}
"""Currency to the market a sales unit of that currency belongs to."""

_ACCOUNTS = {"NOK": "86011117947", "DKK": "DK5000400440116243", "EUR": "FI2112345600000785"}
_FIRST_MSN = 123456
_FIRST_LEDGER = 302321


class Keys(NamedTuple):
    """The keys of one sales unit. They open nothing but the simulator."""

    client_id: str
    client_secret: str
    subscription_key: str


class SalesUnit(NamedTuple):
    """One sales unit of the invented merchant.

    Attributes:
        position: 0 for the first.
        store: How the shop's export names the store whose orders belong here.
        account: The bank account its payouts go to.
    """

    position: int
    msn: str
    currency: str
    market: str
    ledger_id: str
    name: str
    store: str
    account: str

    @property
    def keys(self) -> Keys:
        """The invented keys the simulator accepts for this sales unit.

        >>> sales_units(["NOK"])[0].keys.client_id
        'scenario-client-123456'
        """
        return Keys(
            f"scenario-client-{self.msn}",
            f"scenario-secret-{self.msn}",
            f"scenario-subscription-{self.msn}",
        )


def sales_units(currencies: Sequence[str]) -> tuple[SalesUnit, ...]:
    """Return one sales unit per currency given, in that order.

    Raises:
        ValueError: A currency is not NOK, DKK or EUR.
    """
    units = []
    for position, currency in enumerate(currencies):
        if currency not in MARKETS:
            raise ValueError(f"currency {currency!r} is not one of {', '.join(MARKETS)}")
        market = MARKETS[currency]
        place = f"{market} {position + 1}"
        units.append(
            SalesUnit(
                position,
                str(_FIRST_MSN + position),
                currency,
                market,
                str(_FIRST_LEDGER + position),
                f"Nordlys Test {place}",
                f"Store {place}",
                _ACCOUNTS[currency],
            )
        )
    return tuple(units)
