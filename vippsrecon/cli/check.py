"""`check`: verify settings, keys, network, clock and workspace database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon.cli.preview import JsonOption
from vippsrecon.errors import printable

if TYPE_CHECKING:
    from vippsrecon.config.settings import SalesUnit, Settings
    from vippsrecon.errors import VippsReconError

_TITLES = {
    "environment": "environment",
    "base_url": "address",
    "client_id": "client ID",
    "client_secret": "client secret",
    "subscription_key": "subscription key",
    "msn": "default sales unit",
    "accounting_client_id": "accountant's client ID",
    "accounting_client_secret": "accountant's client secret",
    "database_url": "workspace database",
    "in_flight": "requests at the same time",
    "retry_seconds": "longest time for one request, in seconds",
    "ignore_file": "list of payments to ignore",
    "partner": "partner keys, valid for every sales unit",
}
"""Settings in words; the name in `vippsrecon.toml` follows in brackets."""

MAX_CHECK_SECONDS = 10.0
"""Longest time per call. A person is waiting for a check, so it gives up sooner than a fetch."""


def check(json: JsonOption = False) -> None:
    """Show the settings and their sources; test the keys, the clock and the workspace database.

    Requests an access token from Vipps MobilePay and nothing else, and changes nothing in the
    database. Keys are not shown.

    \b
    Example:
      vippsrecon check
      VIPPS_ENVIRONMENT=test vippsrecon check --json
    """
    from vippsrecon.cli import output
    from vippsrecon.cli.errors import format_error
    from vippsrecon.config.load import load_settings
    from vippsrecon.errors import VippsReconError
    from vippsrecon.workflow.preflight import describe_clock_skew

    settings = load_settings()
    findings: dict[str, Any] = {
        "settings": _list_settings(settings),
        "units": [_describe_unit(unit) for unit in settings.units],
        "tolerances": vars(settings.rules),
        "simulator": settings.environment == "simulator",
    }
    if not json:
        # Printed before the first call, which can take ten seconds to fail.
        print("\n".join(_format_settings(findings)), flush=True)
    problem: VippsReconError | None = None
    clock_error = 0.0
    try:
        findings["sales_units"], findings["clock_skew_seconds"], clock_error = _try_keys(settings)
    except VippsReconError as error:
        problem = error
        findings["problem"] = format_error(error)  # with the notes that say what to do
    findings["database"], database_problem = _inspect_database(settings)
    limits_problem = _check_limits(settings)
    if limits_problem:
        findings["limits_problem"] = str(limits_problem)
    problem = problem or database_problem or limits_problem
    # Not the skew: a simulator's month runs on the simulator's own clock.
    warning = describe_clock_skew(clock_error)
    findings["private"], open_files = _inspect_permissions(settings)
    findings["warnings"] = [*([warning] if warning else []), *open_files]
    if json:
        print(output.format_json(findings))
    else:
        print("\n".join(_format_findings(findings)))
    if problem:
        raise problem


def _list_settings(settings: Settings) -> list[dict[str, str]]:
    return [
        {"setting": name, "value": _format_setting(settings, name), "source": source}
        for name, source in settings.sources.items()
    ]


def _format_setting(settings: Settings, name: str) -> str:
    """Return a setting's value; for keys and URLs that may contain a password, only whether it is set."""
    if name in ("environment", "base_url", "in_flight", "retry_seconds", "ignore_file", "partner"):
        return _format_value(getattr(settings, name))
    if name == "msn":
        return settings.default_msn or "not set"
    if name == "database_url" and settings.sources[name] == "default":
        return settings.database_url
    return "not set" if settings.sources[name] == "default" else "set (not shown)"


def _try_keys(settings: Settings) -> tuple[list[str], float, float]:
    """Get a token for each sales unit; return the sales units, the clock difference and its error.

    Both are in seconds. They are the same except for a simulator, whose clock may be months away.
    """
    from vippsrecon.api import Client
    from vippsrecon.errors import ConfigurationError
    from vippsrecon.workflow.preflight import check_keys

    units = [unit.msn for unit in settings.units]
    if not units:
        raise ConfigurationError(
            "No sales unit is configured: VIPPS_MSN is not set. Set it to the sales unit's merchant "
            "serial number (4 to 10 digits, shown in the business portal), add a [[sales_unit]] to "
            "vippsrecon.toml, or run vippsrecon init in an empty folder, which asks for it."
        )
    short = replace(settings, retry_seconds=min(settings.retry_seconds, MAX_CHECK_SECONDS))
    with Client(short) as client:
        check_keys(client, units)
        return units, client.clock_skew_seconds(), client.clock_error_seconds()


def _inspect_database(settings: Settings) -> tuple[dict[str, Any], VippsReconError | None]:
    """Return the state of the workspace database, and the error where it cannot be used."""
    from vippsrecon.errors import StoreError
    from vippsrecon.store import inspect_store

    try:
        state = inspect_store(settings.database_url)
    except StoreError as error:
        return {"problem": str(error)}, error
    return state._asdict(), None


def _check_limits(settings: Settings) -> VippsReconError | None:
    """Return the error where the limits on moving money are not valid: `approve` would refuse them."""
    from vippsrecon.bulk.limits import Limits
    from vippsrecon.errors import ConfigurationError

    try:
        Limits.from_settings(settings.limits)
    except ConfigurationError as error:
        return error
    return None


def _inspect_permissions(settings: Settings) -> tuple[list[str], list[str]]:
    """Find the database and the fetched payments here that other accounts can open.

    Returns:
        The names of those that only this account can open, and a sentence for each other one.
    """
    from vippsrecon.errors import StoreError
    from vippsrecon.output_files import find_readable_by_others
    from vippsrecon.store import find_database_file

    paths = sorted(folder for folder in Path().glob("*.data") if folder.is_dir())
    try:
        database = find_database_file(settings.database_url)
    except StoreError:
        database = None  # printed on its own line
    if database is not None and database.is_file():
        paths.insert(0, database)
    cures = dict(find_readable_by_others(paths))
    private = [printable(path.name) for path in paths if path not in cures]
    return private, [
        f"other accounts of this computer can open {printable(path.name)}; close it with: {cure}"
        for path, cure in cures.items()
    ]


def _describe_unit(unit: SalesUnit) -> dict[str, Any]:
    """Return a sales unit's settings, with the time zone that applies to it."""
    return {**vars(unit), "timezone": unit.zone}


def _format_settings(findings: dict[str, Any]) -> list[str]:
    lines = [
        f"{_format_title(entry['setting'])} = {entry['value']}  ({_format_source(entry['source'])})"
        for entry in findings["settings"]
    ]
    lines += [_format_unit(unit) for unit in findings["units"]]
    return [*lines, _format_tolerances(findings["tolerances"])]


def _format_title(name: str) -> str:
    """Return a setting in words, with its name where that is another.

    >>> _format_title("environment"), _format_title("in_flight")
    ('environment', 'requests at the same time (in_flight)')
    >>> _format_title("123456.client_id")
    'client ID of sales unit 123456'
    """
    msn, _, part = name.rpartition(".")
    title = _TITLES.get(part, part)
    if msn:
        return f"{title} of sales unit {msn}"
    return title if title == name else f"{title} ({name})"


def _format_unit(unit: dict[str, Any]) -> str:
    capture = {"on_fulfilment": "when the order is sent", "at_once": "when the order is placed"}
    parts = [
        f"market {_format_value(unit['market'])}",
        f"time zone {unit['timezone']}",
        f"captured {capture[unit['capture']]}",
        f"late capture {_format_value(unit['late_capture'])}",
        f"stores {_format_value(unit['stores'])}",
        f"currency {_format_value(unit['currency'])}",
        f"compared {_format_value(unit['compared'])}",
        "links to its orders in the shop"
        if unit["order_url"]
        else "no links to its orders in the shop (order_url: preview of an export shows the line)",
    ]
    return f"sales unit {unit['msn']}: {', '.join(parts)}"


def _format_tolerances(tolerances: dict[str, int]) -> str:
    """Return tolerances and grace periods in words; amounts are in minor units of any currency."""
    amounts = (
        f"rounding up to {tolerances['tolerance_minor']} øre or cents an order, "
        f"{tolerances['rounding_cap_minor']} in total for a currency and period"
    )
    times = (
        f"{tolerances['delivery_grace_days']} days from capture to sending, "
        f"{tolerances['capture_grace_hours']} h from sending to capture, "
        f"{tolerances['refund_grace_hours']} h for a refund, "
        f"{tolerances['callback_grace_hours']} h until the shop knows of a payment"
    )
    return f"tolerances: {amounts}; time allowed: {times}"


def _format_source(source: str) -> str:
    """Return the source of a setting in words.

    >>> _format_source("environment (VIPPS_MSN)"), _format_source("vippsrecon.toml")
    ('from the variable VIPPS_MSN', 'from vippsrecon.toml')
    >>> _format_source(".env (VIPPS_MSN)"), _format_source("default")
    ('from VIPPS_MSN in .env', 'default')
    """
    place, _, variable = source.removesuffix(")").partition(" (")
    if variable:
        if place == "environment":
            return f"from the variable {variable}"
        return f"from {variable} in {'the keyring' if place == 'keyring' else place}"
    return source if source in ("default", "argument") else f"from {source}"


def _format_value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " + ".join(value) or "none named"
    return "not set" if value is None else str(value)


def _format_findings(findings: dict[str, Any]) -> list[str]:
    lines = []
    if "sales_units" in findings:
        lines += [f"sales unit {msn}: access token received" for msn in findings["sales_units"]]
        lines.append(f"clock: {_format_clock(findings)}")
    lines.append(f"database: {_format_database(findings['database'])}")
    if "limits_problem" in findings:
        lines.append(f"limits: {findings['limits_problem']}")
    if findings["private"]:
        lines.append(f"open to this account only: {', '.join(findings['private'])}")
    lines += [f"warning: {warning}" for warning in findings["warnings"]]
    return [*lines, _format_verdict(findings)]


def _format_verdict(findings: dict[str, Any]) -> str:
    """Return the last line: whether the next command can be run, or what to fix first."""
    problem = (
        findings.get("problem")
        or findings["database"].get("problem")
        or findings.get("limits_problem")
    )
    if problem:
        return f"Fix: {problem}"
    if findings["warnings"]:
        return "Ready, but read the warnings above."
    return "All is ready."


def _format_clock(findings: dict[str, Any]) -> str:
    """Return how far the clocks are apart. A simulator's own clock is not compared with this computer's."""
    from vippsrecon.money import format_count
    from vippsrecon.vipps_rules import MAX_CLOCK_SKEW_SECONDS

    seconds = findings["clock_skew_seconds"] or 0.0
    if not findings["simulator"] or abs(seconds) <= MAX_CLOCK_SKEW_SECONDS:
        return f"{seconds:.0f} s apart"
    days, hours = divmod(round(abs(seconds) / 3600), 24)
    apart = format_count(days, "day") if days else format_count(hours, "hour")
    direction = "ahead" if seconds > 0 else "behind"
    return f"the simulator's own clock ({apart} {direction}); not compared"


def _format_database(findings: dict[str, Any]) -> str:
    from vippsrecon.money import format_count

    if "problem" in findings:
        return str(findings["problem"])
    name = findings["url_masked"]
    if not findings["version"]:
        return f"{name}, not created yet: vippsrecon reconcile or approve creates it"
    version = f"version {findings['version']}"
    if findings["version"] < findings["newest"]:
        version += f" (the next plan upgrades it to {findings['newest']})"
    rows = format_count(findings["unsettled"], "unsettled row")
    return f"{name}, {version}: {format_count(findings['plans'], 'plan')}, {rows}"
