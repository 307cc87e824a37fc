"""Checks on the plan, the settings and the clock before any payment is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from vippsrecon.api.models import Event
from vippsrecon.bulk.execution.context import RunContext
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.plan.model import Plan
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.config.settings import Settings
from vippsrecon.errors import ConfigurationError, PlanError
from vippsrecon.money import format_amount, to_minor
from vippsrecon.store import Cap
from vippsrecon.vipps_rules import MAX_CLOCK_SKEW_SECONDS

EVENT_AHEAD = timedelta(seconds=5)
"""An event may be this much later than the `Date` of the answer that holds it: `Date` has whole
seconds, and the clocks of two servers of Vipps MobilePay can differ by some seconds."""


def check_plan_matches_settings(plan: Plan, settings: Settings) -> None:
    """Refuse a plan made for another environment, host or sales unit.

    Raises:
        PlanError: The plan is for another environment or host.
        ConfigurationError: The keys of one of its sales units are missing.
    """
    if plan.environment != settings.environment:
        raise PlanError(
            f"the plan is for {plan.environment}, but VIPPS_ENVIRONMENT is "
            f"{settings.environment or 'not set'}: nothing was sent. Set VIPPS_ENVIRONMENT to the "
            "plan's environment, or make a new plan for this one"
        )
    host = urlsplit(settings.base_url).hostname or ""
    if plan.host != host:
        raise PlanError(
            f"the plan is for {plan.host}, but the settings use {host}. Make a new plan"
        )
    for msn in plan.msns:
        settings.keys_of(msn)


def check_confirmed_sums(plan: Plan, confirm: Sequence[str] | Mapping[str, int] | None) -> None:
    """Refuse a live run unless the plan's sum of each currency is confirmed exactly.

    Args:
        plan: The plan.
        confirm: "1234.50 NOK" for each currency, or a mapping of currency to minor units.

    Raises:
        PlanError: A sum is missing or different, or its currency is not in the plan.
    """
    confirmed: dict[str, int] = {}
    if isinstance(confirm, Mapping):
        confirmed = dict(confirm)
    else:
        for text in [confirm] if isinstance(confirm, str) else confirm or ():
            amount, _, currency = text.strip().rpartition(" ")
            if currency in confirmed:
                raise PlanError(f"the sum in {currency} is confirmed more than once")
            try:
                confirmed[currency] = to_minor(amount.replace(" ", ""), currency)
            except ValueError as error:
                raise PlanError(
                    f'{text!r} is not an amount such as "1234.50 NOK": {error}'
                ) from None
    sums = " and ".join(format_amount(total, c) for c, total in plan.totals.items())
    if not confirmed:
        options = " ".join(
            f'--confirm "{format_amount(total, c)}"' for c, total in plan.totals.items()
        )
        raise PlanError(f"nothing was sent. Confirm the plan's sum of {sums}: add {options}")
    if confirmed != plan.totals:
        raise PlanError(
            f"the confirmed sum is not the plan's, which is {sums}: nothing was sent. "
            "Confirm exactly this sum if the plan is right"
        )


def check_clock(environment: str, skew_seconds: float) -> None:
    """Refuse a live run if the local clock is wrong: deadlines depend on the time.

    Raises:
        ConfigurationError: The local clock differs from server time by more than a minute.
    """
    if environment != "simulator" and abs(skew_seconds) > MAX_CLOCK_SKEW_SECONDS:
        raise ConfigurationError(
            f"the local clock differs from Vipps MobilePay's by {abs(skew_seconds):.0f} s: nothing "
            "was sent. Set the clock, then run the same command again"
        )


def find_clock_fault(context: RunContext, events: Sequence[Event] = ()) -> str:
    """Return why the time cannot be trusted at this moment, as one sentence, or "".

    Deadlines, expiry and the day of a cap rest on server time, so it must agree with the machine's
    time and with the events just read. The simulator has a clock of its own, which its answers state
    beside the `Date`.

    Args:
        context: What all rows of the run share.
        events: An event log, read just now.
    """
    server_time = context.core.now()
    if context.plan.environment == "simulator":
        skew = context.core.simulator_skew_seconds()
        if abs(skew) > MAX_CLOCK_SKEW_SECONDS:
            return (
                f"the answers say {server_time:%Y-%m-%d %H:%M:%S} UTC, which differs from the "
                f"simulator's clock by {abs(skew):.0f} s: something changes their Date (a proxy?). "
                "Find out what, then run the same command again"
            )
    else:
        skew = (server_time - context.clock.machine_time()).total_seconds()
    if abs(skew) > MAX_CLOCK_SKEW_SECONDS:
        return (
            f"Vipps MobilePay's answers say {server_time:%Y-%m-%d %H:%M:%S} UTC, which differs from "
            f"the local clock by {abs(skew):.0f} s. Set the clock, then run the same command again"
        )
    latest = max((parse_timestamp(event.timestamp) for event in events), default=server_time)
    if latest - server_time > EVENT_AHEAD:
        return (
            f"Vipps MobilePay's answers say {server_time:%Y-%m-%d %H:%M:%S} UTC, but an event of "
            f"{latest:%Y-%m-%d %H:%M:%S} UTC was just read: one of the two times is wrong. Run the "
            "same command again later"
        )
    return ""


def build_caps(plan: Plan, limits: Limits, local_day: str) -> dict[str, tuple[Cap, ...]]:
    """Return the caps per currency against which rows are reserved: per run and per day.

    The cap per run counts all runs of the plan; the cap per day counts all plans and planners.

    Raises:
        ConfigurationError: A cap is not set in production.
    """
    caps: dict[str, tuple[Cap, ...]] = {}
    for currency in plan.totals:
        per_run, per_day = limits.per_run(currency), limits.per_day(currency)
        if plan.environment == "production" and (per_run is None or per_day is None):
            raise ConfigurationError(
                f"production needs the caps per_run and per_day for {currency} under [limits] in "
                "vippsrecon.toml: nothing was sent. Set them, then run the same command again"
            )
        both = (("run:" + plan.plan_id, per_run), ("day:" + local_day, per_day))
        caps[currency] = tuple(Cap(s, currency, limit) for s, limit in both if limit is not None)
    return caps
