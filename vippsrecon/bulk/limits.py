"""Read `[limits]` of vippsrecon.toml: amounts above which a second person must approve, and caps.

Amounts in the file are in major units: one number for every currency, or a table by currency. A
name that is not known is an error, because a misspelled limit would otherwise have no effect.
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
"""Default in minor units: a planner may approve 10,000 kroner or 1,000 euros alone."""

_AMOUNT_SETTINGS = ("own_approval_up_to", "row_limit", "per_run", "per_day")
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
        for name in section:
            if name not in LIMIT_SETTINGS:
                raise ConfigurationError(
                    f"{_SECTION}: {name!r} is not a setting{format_suggestion(name, LIMIT_SETTINGS)}. Settings are: "
                    f"{', '.join(sorted(LIMIT_SETTINGS))}"
                )
        amounts = {
            name: _parse_amounts(name, section[name])
            for name in _AMOUNT_SETTINGS
            if name in section
        }
        return cls(
            own={**DEFAULT_OWN_APPROVAL_UP_TO, **amounts.get("own_approval_up_to", {})},
            rows=amounts.get("row_limit", {}),
            runs=amounts.get("per_run", {}),
            days=amounts.get("per_day", {}),
            stop_after_failures=_parse_count(
                section, "stop_after_failures", cls.stop_after_failures
            ),
            stop_at_share=_parse_number(section, "stop_at_share", cls.stop_at_share, maximum=1.0),
            max_report_age_hours=_parse_number(
                section, "max_report_age_hours", cls.max_report_age_hours
            ),
            settle_for=_parse_number(section, "settle_for", cls.settle_for),
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


def _parse_count(section: Mapping[str, Any], name: str, default: int) -> int:
    value = section.get(name, default)
    if type(value) is not int or value < 1:
        raise ConfigurationError(
            f"{_SECTION}: {name} is {value!r}; give a whole number from 1 up: 1, 2, 3, …"
        )
    return value


def _parse_number(
    section: Mapping[str, Any], name: str, default: float, *, maximum: float = 8760.0
) -> float:
    value = section.get(name, default)
    # `not 0 < value` also rejects NaN, for which every comparison is false.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= maximum:
        raise ConfigurationError(
            f"{_SECTION}: {name} is {value!r}; give a number above 0, up to {maximum:g}"
        )
    return float(value)
