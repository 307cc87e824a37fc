"""Whether a plan may be carried out here at all, before any row is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.plan.model import Plan
from vippsrecon.config.settings import Settings
from vippsrecon.errors import ConfigurationError, PlanError
from vippsrecon.money import format_amount, to_minor
from vippsrecon.store import Cap

MAX_CLOCK_SKEW_SECONDS = 60.0


def check_plan_matches_settings(plan: Plan, settings: Settings) -> None:
    """Refuse a plan made for another environment, host or sales unit.

    Raises:
        PlanError: It was; the sentence says what to set, or that the plan is to be made anew.
        ConfigurationError: There are no keys for one of its sales units.
    """
    if plan.environment != settings.environment:
        raise PlanError(
            f"the plan is for {plan.environment} and VIPPS_ENVIRONMENT says "
            f"{settings.environment or 'nothing'}: nothing was sent. Make a plan for this "
            "environment, or set the one that is meant"
        )
    host = urlsplit(settings.base_url).hostname or ""
    if plan.host != host:
        raise PlanError(f"the plan is for {plan.host} and the settings speak to {host}")
    for msn in plan.msns:
        settings.keys_of(msn)


def check_confirmed_sums(plan: Plan, confirm: Sequence[str] | Mapping[str, int] | None) -> None:
    """Refuse a live run whose sums were not repeated exactly, one for each currency.

    Args:
        plan: The plan.
        confirm: "1234.50 NOK" for each currency, or currency to minor units.

    Raises:
        PlanError: A sum is missing, differs, or is of a currency the plan does not have.
    """
    said: dict[str, int] = {}
    if isinstance(confirm, Mapping):
        said = dict(confirm)
    else:
        for text in [confirm] if isinstance(confirm, str) else confirm or ():
            amount, _, currency = text.strip().rpartition(" ")
            if currency in said:
                raise PlanError(f"the sum in {currency} is confirmed more than once")
            try:
                said[currency] = to_minor(amount.replace(" ", ""), currency)
            except ValueError as error:
                raise PlanError(f'{text!r} is not a sum such as "1234.50 NOK": {error}') from None
    if said != plan.totals:
        sums = " and ".join(format_amount(total, c) for c, total in plan.totals.items())
        raise PlanError(
            f"a live run repeats the plan's sum of each currency, and this plan's is {sums}: "
            "nothing was sent. Confirm exactly that, if it is what you mean"
        )


def check_clock(environment: str, skew_seconds: float) -> None:
    """Refuse a live run on a clock that is wrong: deadlines and expiry are read off it.

    Raises:
        ConfigurationError: More than a minute lies between the clocks.
    """
    if environment != "simulator" and abs(skew_seconds) > MAX_CLOCK_SKEW_SECONDS:
        raise ConfigurationError(
            f"this machine's clock is {abs(skew_seconds):.0f} s off Vipps MobilePay's: nothing was "
            "sent. Set the clock, then run the same command again"
        )


def build_caps(plan: Plan, limits: Limits, local_day: str) -> dict[str, tuple[Cap, ...]]:
    """Return what each currency's rows are reserved against: the plan's sum and the day's.

    The plan's is counted over all runs of it, the day's over all plans and planners.

    Raises:
        ConfigurationError: Production, and a cap is not set.
    """
    caps: dict[str, tuple[Cap, ...]] = {}
    for currency in plan.totals:
        per_run, per_day = limits.per_run(currency), limits.per_day(currency)
        if plan.environment == "production" and (per_run is None or per_day is None):
            raise ConfigurationError(
                f"production needs the caps per_run and per_day for {currency} under [limits] in "
                "vippsrecon.toml before money is moved: nothing was sent"
            )
        both = (("run:" + plan.plan_id, per_run), ("day:" + local_day, per_day))
        caps[currency] = tuple(Cap(s, currency, limit) for s, limit in both if limit is not None)
    return caps
