"""`check`: are settings, keys, network, clock and workspace database as they must be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vippsrecon.cli.preview import JsonOption

if TYPE_CHECKING:
    from vippsrecon.config.settings import SalesUnit, Settings
    from vippsrecon.errors import VippsReconError

MAX_CHECK_SECONDS = 10.0
"""A check is watched by a person: it gives up sooner than a fetch."""


def check(json: JsonOption = False) -> None:
    """Show the settings and where each came from; try keys, clock and workspace database.

    Asks Vipps MobilePay for an access token and nothing else, and changes nothing in the
    database. Keys are shown masked.

    \b
    Example:
      vippsrecon check
      VIPPS_ENVIRONMENT=test vippsrecon check --json
    """
    from vippsrecon.cli import output
    from vippsrecon.config.load import load_settings
    from vippsrecon.errors import VippsReconError
    from vippsrecon.workflow.preflight import describe_clock_skew

    settings = load_settings()
    found: dict[str, Any] = {
        "settings": _list_settings(settings),
        "units": [_describe_unit(unit) for unit in settings.units],
        "tolerances": vars(settings.rules),
    }
    if not json:
        # Before the first call, which may take its time to fail.
        print("\n".join(_format_settings(found)), flush=True)
    problem: VippsReconError | None = None
    try:
        found["sales_units"], found["clock_skew_seconds"] = _try_keys(settings)
    except VippsReconError as error:
        problem = error
        found["problem"] = str(error)
    found["database"], broken = _inspect_database(settings)
    problem = problem or broken
    warning = describe_clock_skew(float(found.get("clock_skew_seconds") or 0))
    found["warnings"] = [warning] if warning else []
    if json:
        print(output.format_json(found))
    else:
        print("\n".join(_format_findings(found)))
    if problem:
        raise problem


def _list_settings(settings: Settings) -> list[dict[str, str]]:
    return [
        {"setting": name, "value": _format_setting(settings, name), "source": source}
        for name, source in settings.sources.items()
    ]


def _format_setting(settings: Settings, name: str) -> str:
    """Return a setting's value; of a key, and of a URL that may hold a password, only that it is set."""
    if name in ("environment", "base_url", "in_flight", "retry_seconds", "ignore_file", "partner"):
        return str(getattr(settings, name))
    if name == "msn":
        return settings.default_msn or "not set"
    return "not set" if settings.sources[name] == "default" else "set (not shown)"


def _try_keys(settings: Settings) -> tuple[list[str], float]:
    """Get a token for each sales unit, and compare the answer's clock with this machine's."""
    from vippsrecon.api import Client
    from vippsrecon.errors import ConfigurationError
    from vippsrecon.workflow.preflight import check_keys

    units = [unit.msn for unit in settings.units]
    if not units:
        raise ConfigurationError(
            "VIPPS_MSN is not set: set it to the sales unit's merchant serial number (4 to 10 "
            "digits, in the business portal), or give vippsrecon.toml a [[sales_unit]]"
        )
    brief = replace(settings, retry_seconds=min(settings.retry_seconds, MAX_CHECK_SECONDS))
    with Client(brief) as client:
        check_keys(client, units)
        return units, client.clock_skew_seconds()


def _inspect_database(settings: Settings) -> tuple[dict[str, Any], VippsReconError | None]:
    """Return what is known of the workspace database, and why it cannot be used."""
    from vippsrecon.errors import StoreError
    from vippsrecon.store import inspect_store

    try:
        found = inspect_store(settings.database_url)
    except StoreError as error:
        return {"problem": str(error)}, error
    return found._asdict(), None


def _describe_unit(unit: SalesUnit) -> dict[str, Any]:
    """Return what is settled for a sales unit; its zone is the market's where it has no own."""
    return {**vars(unit), "timezone": unit.zone}


def _format_settings(found: dict[str, Any]) -> list[str]:
    lines = [f"{one['setting']} = {one['value']}  ({one['source']})" for one in found["settings"]]
    for unit in found["units"]:
        said = [f"{name} {_format_value(value)}" for name, value in unit.items() if name != "msn"]
        lines.append(f"sales unit {unit['msn']}: {', '.join(said)}")
    tolerances = [f"{name} {value}" for name, value in found["tolerances"].items()]
    return [*lines, f"tolerances: {', '.join(tolerances)}"]


def _format_value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " + ".join(value) or "none named"
    return "not set" if value is None else str(value)


def _format_findings(found: dict[str, Any]) -> list[str]:
    lines = []
    if "sales_units" in found:
        lines += [f"sales unit {msn}: access token received" for msn in found["sales_units"]]
        lines.append(f"clock: {found['clock_skew_seconds'] or 0:.0f} s apart")
    lines.append(f"database: {_format_database(found['database'])}")
    return lines + [f"warning: {warning}" for warning in found["warnings"]]


def _format_database(found: dict[str, Any]) -> str:
    from vippsrecon.money import format_count

    if "problem" in found:
        return str(found["problem"])
    name = found["url_masked"]
    if not found["version"]:
        return f"{name}, not made yet: vippsrecon approve makes it"
    version = f"version {found['version']}"
    if found["version"] < found["newest"]:
        version += f" (the next plan brings it to {found['newest']})"
    rows = format_count(found["unsettled"], "unsettled row")
    return f"{name}, {version}: {format_count(found['plans'], 'plan')}, {rows}"
