"""Read `[limits]` of vippsrecon.toml: amounts above which a second person must approve, and caps.

Amounts in the file are in major units: one number for every currency, or a table by currency. A
name that is not known is an error, because a misspelled limit would otherwise have no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from vippsrecon.config.toml_file import LimitsTable
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
"""Default in minor units: a planner may approve 10,000 kroner or 1,000 euros alone."""

_SECTION = "vippsrecon.toml [limits]"

AmountsByCurrency = Mapping[str, int]


@dataclass(frozen=True)
class Limits:
    """Limits on plans and runs. Amounts are in minor units; a currency that is missing has no limit.

    Attributes:
        own: Largest sum a planner may approve alone, over all own plans of 24 hours; 0: none. A
            missing currency counts as 0.
        rows: Largest amount of a row that one person may both plan and approve.
        runs: Largest sum that all runs of one plan may move; required in production.
        days: Largest sum of one day, over all plans and planners; required in production.
        stop_after_failures: Consecutive failures after which a run stops.
        stop_at_share: Share of failures among the last 50 rows at which a run stops.
        max_report_age_hours: Age in hours above which a report can no longer be planned from.
        settle_for: Seconds during which a run keeps checking an operation with an open outcome.
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
    def from_settings(cls, section: Mapping[str, Any]) -> Limits:
        """Build limits from the settings file; a limit that is not set gets its default.

        Raises:
            ConfigurationError: A name is not known, or a value is not valid.

        >>> limits = Limits.from_settings({"own_approval_up_to": {"NOK": 5000}, "per_run": "250000.50"})
        >>> limits.own_approval_up_to("NOK"), limits.own_approval_up_to("EUR")
        (500000, 100000)
        >>> limits.per_run("DKK"), limits.per_day("DKK")
        (25000050, None)
        """
        table = LimitsTable(**section)
        amounts = {
            name: {} if value is None else _parse_amounts(name, value)
            for name in ("own_approval_up_to", "row_limit", "per_run", "per_day")
            for value in [getattr(table, name)]
        }
        numbers = {
            name: value
            for name, value in vars(table).items()
            if value is not None and name not in amounts
        }
        return cls(
            own={**DEFAULT_OWN_APPROVAL_UP_TO, **amounts["own_approval_up_to"]},
            rows=amounts["row_limit"],
            runs=amounts["per_run"],
            days=amounts["per_day"],
            **numbers,
        )

    def own_approval_up_to(self, currency: str) -> int:
        """Return the largest sum a planner may approve alone, in minor units."""
        return self.own.get(currency, 0)

    def row_limit(self, currency: str) -> int | None:
        """Return the largest row, in minor units, one person may plan and approve; None: any."""
        return self.rows.get(currency)

    def per_run(self, currency: str) -> int | None:
        """Return the most, in minor units, all runs of one plan may move; None: not set."""
        return self.runs.get(currency)

    def per_day(self, currency: str) -> int | None:
        """Return the most, in minor units, all plans may move in a day; None: not set."""
        return self.days.get(currency)


def _parse_amounts(name: str, value: Any) -> dict[str, int]:
    if not isinstance(value, Mapping):
        return {currency: _parse_amount(name, value, currency) for currency in DECIMALS}
    for currency in value:
        if currency not in DECIMALS:
            raise ConfigurationError(
                f"{_SECTION}: {name}.{currency} is not a currency of Vipps MobilePay. Currencies are: "
                f"{', '.join(DECIMALS)}"
            )
    return {
        currency: _parse_amount(f"{name}.{currency}", amount, currency)
        for currency, amount in value.items()
    }


def _parse_amount(name: str, value: Any, currency: str) -> int:
    """Convert an amount in major units to minor units."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            raise InputError(f"{value!r} is not an amount")
        # repr() gives the digits as written in the file; the float itself is not exact.
        text = repr(value) if isinstance(value, float) else str(value).strip()
        minor = to_minor(text, currency)
    except InputError as error:
        raise ConfigurationError(f"{_SECTION}: {name}: {error}") from None
    if minor < 0:
        raise ConfigurationError(f"{_SECTION}: {name} is {value}; a limit cannot be below zero")
    return minor
