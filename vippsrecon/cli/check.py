"""`check`: are settings, keys, network and clock as they must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vippsrecon.cli.files import AsJson

if TYPE_CHECKING:
    from vippsrecon.config import Settings

MOST_SKEW_SECONDS = 60


def check(json: AsJson = False) -> None:
    """Show the settings and where each came from; try the keys; compare the clocks.

    Asks for an access token and nothing else. Keys are shown masked.

    \b
    Example:
      vippsrecon check
      VIPPS_ENVIRONMENT=test vippsrecon check --json
    """
    from vippsrecon.cli import show
    from vippsrecon.config import load_settings
    from vippsrecon.errors import VippsReconError

    settings = load_settings()
    found: dict[str, Any] = {"settings": _settings(settings), "database": "not used yet"}
    problem: VippsReconError | None = None
    try:
        found["sales_units"], found["clock_skew_seconds"] = _try_keys(settings)
    except VippsReconError as error:
        problem = error
        found["problem"] = str(error)
    skew = float(found.get("clock_skew_seconds") or 0)
    found["warnings"] = [_skew_warning(skew)] if abs(skew) > MOST_SKEW_SECONDS else []
    if json:
        print(show.as_json(found))
    else:
        print("\n".join(_lines(found)))
    if problem:
        raise problem


def _settings(settings: Settings) -> list[dict[str, str]]:
    return [
        {"setting": name, "value": _shown(settings, name), "source": source}
        for name, source in settings.sources.items()
    ]


def _shown(settings: Settings, name: str) -> str:
    """Return a setting's value; of a key, and of a URL that may hold a password, only that it is set."""
    if name in ("environment", "base_url", "in_flight", "retry_seconds", "ignore_file", "partner"):
        return str(getattr(settings, name))
    if name == "msn":
        return settings.default_msn or "not set"
    return "not set" if settings.sources[name] == "default" else "set (not shown)"


def _try_keys(settings: Settings) -> tuple[list[str], float]:
    """Get a token for each sales unit, and compare the answer's clock with this machine's."""
    from vippsrecon.api import Client

    units = [unit.msn for unit in settings.units]
    with Client(settings) as client:
        if not units:
            client.check_keys()
        for msn in units:
            client.check_keys(msn)
        return units, client.clock_skew_seconds()


def _skew_warning(skew: float) -> str:
    side = "behind" if skew > 0 else "ahead of"
    return (
        f"this machine's clock is {abs(skew):.0f} s {side} Vipps MobilePay's: "
        "ages and deadlines use theirs, but set yours right"
    )


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"{one['setting']} = {one['value']}  ({one['source']})" for one in found["settings"]]
    if "sales_units" in found:
        lines += [f"sales unit {msn}: access token received" for msn in found["sales_units"]]
        lines.append(f"clock: {found['clock_skew_seconds'] or 0:.0f} s apart")
    lines.append(f"database: {found['database']}")
    return lines + [f"warning: {warning}" for warning in found["warnings"]]
