"""Make the sales units of the merchant, with invented numbers and keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MARKET_BY_CURRENCY = {"NOK": "NO", "DKK": "DK", "EUR": "FI"}
"""Currency → market of a sales unit with that currency."""

_ACCOUNT_BY_CURRENCY = {
    "NOK": "86011117947",
    "DKK": "DK5000400440116243",
    "EUR": "FI2112345600000785",
}
_NEXT_ACCOUNT_BY_CURRENCY = {
    "NOK": "86011118005",
    "DKK": "DK2800400440116251",
    "EUR": "FI3715903000000776",
}
_FIRST_MSN = 123456
_FIRST_LEDGER = 302321


class ScenarioKeys(NamedTuple):
    """The keys of a sales unit. They work only with the simulator."""

    client_id: str
    client_secret: str
    subscription_key: str


class ScenarioSalesUnit(NamedTuple):
    """Describes a sales unit of the invented merchant.

    Attributes:
        position: 0 for the first.
        store: Name of its store in the shop's export.
        account: The bank account its payouts go to.
        next_account: The bank account they go to after a change in the month.
    """

    position: int
    msn: str
    currency: str
    market: str
    ledger_id: str
    name: str
    store: str
    account: str
    next_account: str

    @property
    def keys(self) -> ScenarioKeys:
        """The invented keys the simulator accepts for this sales unit.

        >>> make_sales_units(["NOK"])[0].keys.client_id
        'scenario-client-123456'
        """
        return ScenarioKeys(
            f"scenario-client-{self.msn}",
            f"scenario-secret-{self.msn}",
            f"scenario-subscription-{self.msn}",
        )


def make_sales_units(currencies: Sequence[str]) -> tuple[ScenarioSalesUnit, ...]:
    """Return one sales unit for each currency, in the same order.

    Raises:
        ValueError: A currency is not NOK, DKK or EUR.
    """
    units = []
    for position, currency in enumerate(currencies):
        if currency not in MARKET_BY_CURRENCY:
            raise ValueError(f"currency {currency!r} is not one of {', '.join(MARKET_BY_CURRENCY)}")
        market = MARKET_BY_CURRENCY[currency]
        place = f"{market} {position + 1}"
        units.append(
            ScenarioSalesUnit(
                position,
                str(_FIRST_MSN + position),
                currency,
                market,
                str(_FIRST_LEDGER + position),
                f"Nordlys Test {place}",
                f"Store {place}",
                _ACCOUNT_BY_CURRENCY[currency],
                _NEXT_ACCOUNT_BY_CURRENCY[currency],
            )
        )
    return tuple(units)
