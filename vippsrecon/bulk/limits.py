"""`[limits]` of vippsrecon.toml: how much may move without a second person, and at all.

Amounts there are major units: one number for every currency, or a table by currency. What is
misspelled is refused, since a limit misspelled is a limit not set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from vippsrecon.config.toml_file import LIMIT_SETTINGS, format_suggestion
from vippsrecon.errors import ConfigurationError, InputError
from vippsrecon.money import DECIMALS, to_minor

DEFAULT_OWN_APPROVAL_UP_TO = {
    "NOK": 1_000_000,
    "DKK": 1_000_000,
    "SEK": 1_000_000,
    "EUR": 100_000,
    "USD": 100_000,
    "GBP": 100_000,
}
"""Minor units a planner may approve alone where nothing is set: 10,000 kroner, 1,000 euros."""

_AMOUNT_SETTINGS = ("own_approval_up_to", "row_limit", "per_run", "per_day")
_SECTION = "vippsrecon.toml [limits]"

AmountsByCurrency = Mapping[str, int]


@dataclass(frozen=True)
class Limits:
    """What is allowed, amounts in minor units by currency; a currency not named has no limit.

    Attributes:
        own: Largest sum a planner may approve alone, own plans of 24 hours together; 0: never.
        rows: Largest row that one person alone may plan and approve.
        runs: Largest sum of one plan's runs; production needs one.
        days: Largest sum of one day, over all plans and planners; production needs one.
        stop_after_failures: Failures in a row after which a run stops.
        stop_at_share: Share of failures among the last 50 rows at which it stops.
        max_report_age_hours: Age from which a report is no longer planned from.
        settle_for: Seconds an operation whose outcome is open is looked at again.
    """

    own: AmountsByCurrency = field(default_factory=lambda: dict(DEFAULT_OWN_APPROVAL_UP_TO))
    rows: AmountsByCurrency = field(default_factory=dict)
    runs: AmountsByCurrency = field(default_factory=dict)
    days: AmountsByCurrency = field(default_factory=dict)
    stop_after_failures: int = 5
    stop_at_share: float = 0.2
    max_report_age_hours: float = 72.0
    settle_for: float = 120.0

    @classmethod
    def from_settings(cls, said: Mapping[str, Any]) -> Limits:
        """Return the limits a settings file says, and the usual ones where it says nothing.

        Raises:
            ConfigurationError: A name is not known, or a value is none it can have.

        >>> limits = Limits.from_settings({"own_approval_up_to": {"NOK": 5000}, "per_run": "250000.50"})
        >>> limits.own_approval_up_to("NOK"), limits.own_approval_up_to("EUR")
        (500000, 100000)
        >>> limits.per_run("DKK"), limits.per_day("DKK")
        (25000050, None)
        """
        for name in said:
            if name not in LIMIT_SETTINGS:
                raise ConfigurationError(
                    f"{_SECTION}: {name!r} is not a setting{format_suggestion(name, LIMIT_SETTINGS)}. Known are: "
                    f"{', '.join(sorted(LIMIT_SETTINGS))}"
                )
        amounts = {
            name: _parse_amounts(name, said[name]) for name in _AMOUNT_SETTINGS if name in said
        }
        return cls(
            own={**DEFAULT_OWN_APPROVAL_UP_TO, **amounts.get("own_approval_up_to", {})},
            rows=amounts.get("row_limit", {}),
            runs=amounts.get("per_run", {}),
            days=amounts.get("per_day", {}),
            stop_after_failures=_parse_count(said, "stop_after_failures", cls.stop_after_failures),
            stop_at_share=_parse_number(said, "stop_at_share", cls.stop_at_share, most=1.0),
            max_report_age_hours=_parse_number(
                said, "max_report_age_hours", cls.max_report_age_hours
            ),
            settle_for=_parse_number(said, "settle_for", cls.settle_for),
        )

    def own_approval_up_to(self, currency: str) -> int:
        """Return the largest sum a planner may approve alone, in minor units."""
        return self.own.get(currency, 0)

    def row_limit(self, currency: str) -> int | None:
        """Return the largest row one person alone may plan and approve, or None for any."""
        return self.rows.get(currency)

    def per_run(self, currency: str) -> int | None:
        """Return the most one plan's runs may move, or None where it is not set."""
        return self.runs.get(currency)

    def per_day(self, currency: str) -> int | None:
        """Return the most all plans together may move in a day, or None where it is not set."""
        return self.days.get(currency)


def _parse_amounts(name: str, said: Any) -> dict[str, int]:
    if not isinstance(said, Mapping):
        return {currency: _parse_amount(name, said, currency) for currency in DECIMALS}
    for currency in said:
        if currency not in DECIMALS:
            raise ConfigurationError(
                f"{_SECTION}: {name}.{currency} is no currency of Vipps MobilePay, which are "
                f"{', '.join(DECIMALS)}"
            )
    return {
        currency: _parse_amount(f"{name}.{currency}", one, currency)
        for currency, one in said.items()
    }


def _parse_amount(name: str, said: Any, currency: str) -> int:
    """Return an amount of major units as minor units; a float means the digits it is written with."""
    try:
        if isinstance(said, bool) or not isinstance(said, int | float | str | Decimal):
            raise InputError(f"{said!r} is not an amount")
        minor = to_minor(repr(said) if isinstance(said, float) else str(said).strip(), currency)
    except InputError as error:
        raise ConfigurationError(f"{_SECTION}: {name}: {error}") from None
    if minor < 0:
        raise ConfigurationError(f"{_SECTION}: {name} is {said}, and a limit cannot be below zero")
    return minor


def _parse_count(said: Mapping[str, Any], name: str, usual: int) -> int:
    value = said.get(name, usual)
    if type(value) is not int or value < 1:
        raise ConfigurationError(f"{_SECTION}: {name} is {value!r}; it can be 1, 2, 3, …")
    return value


def _parse_number(
    said: Mapping[str, Any], name: str, usual: float, *, most: float = 8760.0
) -> float:
    value = said.get(name, usual)
    # `not >` refuses what is no number either.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise ConfigurationError(
            f"{_SECTION}: {name} is {value!r}; it can be above 0, up to {most:g}"
        )
    return float(value)
