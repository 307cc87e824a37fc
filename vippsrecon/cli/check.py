"""`check`: verify settings, keys, network, clock and workspace database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon.cli.preview import JsonOption, LanguageOption
from vippsrecon.errors import printable
from vippsrecon.texts import list_section, say, say_number

if TYPE_CHECKING:
    from vippsrecon.config.settings import SalesUnit, Settings
    from vippsrecon.errors import VippsReconError

_SHOWN = (
    "environment", "base_url", "in_flight", "retry_seconds", "ignore_file", "partner", "language",
)  # fmt: skip
"""Settings whose value is printed; the others are keys, or URLs that may have a password."""

MAX_CHECK_SECONDS = 10.0
"""Longest time per call. A person is waiting for a check, so it gives up sooner than a fetch."""


def check(json: JsonOption = False, language: LanguageOption = None) -> None:
    """Show the settings and their sources; test the keys, the clock and the workspace database.

    Requests an access token from Vipps MobilePay and nothing else, and changes nothing in the
    database. Keys are not shown.

    \b
    Example:
      vippsrecon check
      VIPPS_ENVIRONMENT=test vippsrecon check --json
    """
    from vippsrecon.config.load import load_settings
    from vippsrecon.texts import use_language

    settings = load_settings()
    chosen = language.value if language else settings.language
    with use_language("en" if json else chosen):  # a program reads the words of --json
        _check_settings(settings, json=json)


def _check_settings(settings: Settings, *, json: bool) -> None:
    """Print the settings and what was found out about them; raise the first problem."""
    from vippsrecon.cli import output
    from vippsrecon.cli.errors import format_error
    from vippsrecon.errors import VippsReconError
    from vippsrecon.workflow.preflight import describe_clock_skew

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
    if name in _SHOWN:
        return _format_value(getattr(settings, name))
    if name == "msn":
        return settings.default_msn or say("check.not_set")
    if name == "database_url" and settings.sources[name] == "default":
        return settings.database_url
    return say("check.not_set" if settings.sources[name] == "default" else "check.hidden")


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
        say("check.others_can_open", name=printable(path.name), cure=cure)
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
    title = list_section("check.titles").get(part, part)
    if msn:
        return say("check.of_unit", title=title, msn=msn)
    return title if title == name else f"{title} ({name})"


def _format_unit(unit: dict[str, Any]) -> str:
    parts = [
        say("check.market", value=_format_value(unit["market"])),
        say("check.time_zone", value=unit["timezone"]),
        say(f"check.captured_{unit['capture']}"),
        *(
            say(f"check.{name}", value=_format_value(unit[name]))
            for name in ("late_capture", "stores", "currency", "compared")
        ),
        say("check.links" if unit["order_url"] else "check.no_links"),
    ]
    return say("check.unit", msn=unit["msn"], facts=", ".join(parts))


def _format_tolerances(tolerances: dict[str, int]) -> str:
    """Return tolerances and grace periods in words; amounts are in minor units of any currency."""
    return say(
        "check.tolerances",
        order=str(tolerances["tolerance_minor"]),
        period=str(tolerances["rounding_cap_minor"]),
        delivery=str(tolerances["delivery_grace_days"]),
        capture=str(tolerances["capture_grace_hours"]),
        refund=str(tolerances["refund_grace_hours"]),
        callback=str(tolerances["callback_grace_hours"]),
    )


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
            return say("check.from_variable", name=variable)
        if place == "keyring":
            return say("check.from_keyring", name=variable)
        return say("check.from_name", name=variable, place=place)
    if source in ("default", "argument"):
        return say(f"check.{source}")
    return say("check.from_place", place=source)


def _format_value(value: Any) -> str:
    if isinstance(value, bool):
        return say("words.yes" if value else "words.no")
    if isinstance(value, tuple):
        return " + ".join(value) or say("check.none_named")
    return say("check.not_set") if value is None else str(value)


def _format_findings(findings: dict[str, Any]) -> list[str]:
    lines = []
    if "sales_units" in findings:
        lines += [say("check.token", msn=msn) for msn in findings["sales_units"]]
        lines.append(say("check.clock", value=_format_clock(findings)))
    lines.append(say("check.database", value=_format_database(findings["database"])))
    if "limits_problem" in findings:
        lines.append(say("check.limits", problem=findings["limits_problem"]))
    if findings["private"]:
        lines.append(say("check.private", names=", ".join(findings["private"])))
    lines += [say("check.warning", sentence=warning) for warning in findings["warnings"]]
    return [*lines, _format_verdict(findings)]


def _format_verdict(findings: dict[str, Any]) -> str:
    """Return the last line: whether the next command can be run, or what to fix first."""
    problem = (
        findings.get("problem")
        or findings["database"].get("problem")
        or findings.get("limits_problem")
    )
    if problem:
        return say("check.fix", problem=problem)
    if findings["warnings"]:
        return say("check.read_warnings")
    return say("check.ready")


def _format_clock(findings: dict[str, Any]) -> str:
    """Return how far the clocks are apart. A simulator's own clock is not compared with this computer's."""
    from vippsrecon.vipps_rules import MAX_CLOCK_SKEW_SECONDS

    seconds = findings["clock_skew_seconds"] or 0.0
    if not findings["simulator"] or abs(seconds) <= MAX_CLOCK_SKEW_SECONDS:
        return say("check.apart", seconds=f"{seconds:.0f}")
    days, hours = divmod(round(abs(seconds) / 3600), 24)
    apart = say_number("check.days", days) if days else say_number("check.hours", hours)
    key = "simulator_ahead" if seconds > 0 else "simulator_behind"
    return say(f"check.{key}", apart=apart)


def _format_database(findings: dict[str, Any]) -> str:
    if "problem" in findings:
        return str(findings["problem"])
    name = findings["url_masked"]
    if not findings["version"]:
        return say("check.not_created", name=name)
    versions = {"version": str(findings["version"])}
    version = say("check.version", **versions)
    if findings["version"] < findings["newest"]:
        version = say("check.upgrade", **versions, newest=str(findings["newest"]))
    plans = say_number("check.plans", findings["plans"])
    return f"{name}, {version}: {plans}, {say_number('check.unsettled', findings['unsettled'])}"
