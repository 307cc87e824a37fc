"""Load settings from, in this order: argument, environment, keyring, `vippsrecon.toml`, `.env`.

pydantic-settings merges such sources too, but it does not record which source a value came from,
and it cannot read variables whose names the settings file gives. `os.environ` and python-dotenv
are enough.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from vippsrecon.config.settings import (
    MAX_IN_FLIGHT,
    Keys,
    Rules,
    SalesUnit,
    Settings,
    resolve_base_url,
)
from vippsrecon.config.toml_file import SETTINGS_FILE_NAME, format_suggestion, read_settings_file
from vippsrecon.errors import ConfigurationError, SourceError
from vippsrecon.input_files import is_present, read_small_text
from vippsrecon.money import DECIMALS, LARGEST_MINOR
from vippsrecon.vipps_rules import ZONE_OF_MARKET

if TYPE_CHECKING:
    from pydantic import SecretStr

KEYRING_SERVICE = "vippsrecon"
"""`keyring set vippsrecon VIPPS_CLIENT_SECRET` stores a secret under this name."""

ENVIRONMENT_VARIABLES = {
    "environment": "VIPPS_ENVIRONMENT",
    "base_url": "VIPPS_BASE_URL",
    "client_id": "VIPPS_CLIENT_ID",
    "client_secret": "VIPPS_CLIENT_SECRET",
    "subscription_key": "VIPPS_SUBSCRIPTION_KEY",
    "msn": "VIPPS_MSN",
    "accounting_client_id": "VIPPS_ACCOUNTING_CLIENT_ID",
    "accounting_client_secret": "VIPPS_ACCOUNTING_CLIENT_SECRET",
    "database_url": "VIPPSRECON_DATABASE_URL",
}
SETTINGS_WITHOUT_VARIABLE = ("in_flight", "retry_seconds", "ignore_file", "partner")

MAX_GRACE = {"days": 3650, "hours": 87_600}
"""Ten years: longer than the program remembers anything."""

_NOT_ZONES = {"Factory", "localtime"}
"""Files among the time zones that mean "not set" and "as this computer"."""

_MSN_PATTERN = re.compile(r"[0-9]{4,10}")
_KEY_PATTERN = re.compile(r"[!-~]+")


class SettingSources:
    """Find settings in their sources, in order, and record the source of each value."""

    def __init__(self, folder: Path, file: Path | None, arguments: Mapping[str, Any]) -> None:
        setting_names = (*ENVIRONMENT_VARIABLES, *SETTINGS_WITHOUT_VARIABLE)
        for name in arguments:
            if name not in setting_names:
                raise ConfigurationError(
                    f"{name!r} is not a setting{format_suggestion(name, setting_names)}"
                )
        self._arguments = {k: v for k, v in arguments.items() if v is not None}
        path = file or folder / SETTINGS_FILE_NAME
        self.file = read_settings_file(path) if file or is_present(path) else {}
        self._file_name = path.name
        self._dotenv = _read_dotenv(folder / ".env")
        self.sources: dict[str, str] = {}

    def find(self, name: str, *, secret: bool = False) -> Any:
        """Return a setting from the first source that has it, else None."""
        if name in self._arguments:
            return self._record(name, self._arguments[name], "argument")
        variable = ENVIRONMENT_VARIABLES.get(name)
        if variable is None:
            if name in self.file:
                return self._record(name, self.file[name], self._file_name)
            return self._record(name, None, "default")
        value = self.find_variable(variable, name, secret=secret, file_value=self.file.get(name))
        return self._record(name, None, "default") if value is None else value

    def find_variable(
        self, variable: str, name: str, *, secret: bool = False, file_value: Any = None
    ) -> Any:
        """Return a variable's value from environment, keyring or `.env`, else None.

        Args:
            variable: Name of the variable.
            name: The setting it is for; its source is recorded under this name.
            secret: Read the keyring too.
            file_value: The value in the settings file, which comes before `.env`.
        """
        if os.environ.get(variable):
            return self._record(name, os.environ[variable], f"environment ({variable})")
        if secret and (stored := _read_keyring(variable)):
            return self._record(name, stored, f"keyring ({variable})")
        if file_value is not None:
            return self._record(name, file_value, self._file_name)
        if self._dotenv.get(variable):
            return self._record(name, self._dotenv[variable], f".env ({variable})")
        return None

    def _record(self, name: str, value: Any, source: str) -> Any:
        self.sources[name] = source
        return value


def load_settings(
    *,
    folder: Path | None = None,
    file: Path | None = None,
    offline: bool = False,
    units: tuple[SalesUnit, ...] | None = None,
    rules: Rules | None = None,
    **overrides: Any,
) -> Settings:
    """Load the settings, each from the first source that has it.

    Args:
        folder: The working folder, with `vippsrecon.toml` and `.env`; None: the current one.
        file: A settings file to use instead of the folder's `vippsrecon.toml`.
        offline: No call will be made, so the environment may be missing.
        units: Sales units to use instead of those in the file.
        rules: Tolerances to use instead of those in the file.
        **overrides: environment, base_url, client_id, client_secret, subscription_key, msn,
            accounting_client_id, accounting_client_secret, database_url, in_flight,
            retry_seconds, ignore_file, partner. None means not given.

    Raises:
        ConfigurationError: A setting is missing, contradicts another, or is not allowed.
    """
    folder = folder or Path.cwd()
    sources = SettingSources(folder, file, overrides)
    environment = sources.find("environment") or ""
    given_url = sources.find("base_url")
    base_url = "" if offline and not environment else resolve_base_url(environment, given_url)
    named = units if units is not None else _parse_sales_units(sources.file)
    msn = sources.find("msn")
    if msn is not None:
        msn = _parse_msn(msn, "VIPPS_MSN")
        if all(unit.msn != msn for unit in named):
            named = (*named, SalesUnit(msn))
    default_keys = _find_keys(sources, "", {}, subscription=True)
    unit_keys = {
        unit.msn: keys for unit in named if (keys := _find_unit_keys(sources, unit.msn)) is not None
    }
    ignore_file = sources.find("ignore_file")
    return Settings(
        environment=environment,
        base_url=base_url,
        default_msn=msn,
        units=named,
        keys=unit_keys,
        default_keys=default_keys,
        partner=bool(sources.find("partner")),
        accounting=_find_keys(
            sources, "accounting_", sources.file.get("accounting", {}), subscription=False
        ),
        rules=rules or _parse_rules(sources.file.get("tolerances", {})),
        limits=sources.file.get("limits", {}),
        in_flight=_parse_in_flight(sources.find("in_flight")),
        retry_seconds=_parse_retry_seconds(sources.find("retry_seconds")),
        ignore_file=None if ignore_file is None else folder / ignore_file,
        database_url=sources.find("database_url") or "sqlite:///vippsrecon.db",
        sources=sources.sources,
    )


def _parse_sales_units(content: Mapping[str, Any]) -> tuple[SalesUnit, ...]:
    units: dict[str, SalesUnit] = {}
    field_names = {field.name for field in fields(SalesUnit)}
    for table in content.get("sales_unit", ()):
        msn = _parse_msn(table["msn"], f"{SETTINGS_FILE_NAME} [[sales_unit]] msn")
        place = f"{SETTINGS_FILE_NAME} [[sales_unit]] {msn}"
        if msn in units:
            raise ConfigurationError(f"{place} is defined twice. Remove one of the two tables.")
        values = {name: value for name, value in table.items() if name in field_names}
        values["msn"] = msn
        stores = values.get("stores", ())
        if not all(isinstance(store, str) for store in stores):
            raise ConfigurationError(f"{place}: stores must be a list of texts")
        values["stores"] = tuple(stores)
        _check_choice(values.get("market"), tuple(ZONE_OF_MARKET), f"{place}: market")
        _check_choice(values.get("capture"), ("on_fulfilment", "at_once"), f"{place}: capture")
        _check_choice(values.get("currency"), tuple(DECIMALS), f"{place}: currency")
        _check_timezone(values.get("timezone"), place)
        units[msn] = SalesUnit(**values)
    return tuple(units.values())


def _find_unit_keys(sources: SettingSources, msn: str) -> Keys | None:
    tables = sources.file.get("sales_unit", ())
    table: Mapping[str, Any] = next((entry for entry in tables if entry["msn"] == msn), {})
    named = any(name.startswith(("client_", "subscription_")) for name in table)
    if not named:
        return _find_keys(sources, "", {}, subscription=True)
    return _find_keys(sources, "", table, subscription=True, prefix=f"{msn}.")


def _find_keys(
    sources: SettingSources,
    kind: str,
    table: Mapping[str, Any],
    *,
    subscription: bool,
    prefix: str = "",
) -> Keys | None:
    """Return the keys, or None where they are incomplete.

    Parts that `table` does not name come from the usual variables.
    """
    from pydantic import SecretStr

    def value(part: str) -> str | None:
        variable = table.get(f"{part}_from")
        if variable is not None:
            part_value = sources.find_variable(variable, prefix + kind + part, secret=True)
            label = variable
        elif part in table:
            part_value, label = table[part], part
            sources.sources[prefix + kind + part] = SETTINGS_FILE_NAME
        else:
            part_value = sources.find(kind + part, secret=True)
            label = ENVIRONMENT_VARIABLES[kind + part]
        return None if part_value is None else _parse_key(part_value, label)

    client_id, client_secret = value("client_id"), value("client_secret")
    key = value("subscription_key") if subscription else None
    if client_id is None or client_secret is None or (subscription and key is None):
        return None
    return Keys(client_id, SecretStr(client_secret), None if key is None else SecretStr(key))


def _parse_key(value: str | SecretStr, variable: str) -> str:
    text = value if isinstance(value, str) else value.get_secret_value()
    text = text.strip()
    if _KEY_PATTERN.fullmatch(text) is None:
        raise ConfigurationError(
            f"{variable} contains a character that no key contains, such as a space or a line "
            "break. Copy the key again from the portal."
        )
    return text


def _parse_rules(table: Mapping[str, int]) -> Rules:
    for name, value in table.items():
        largest = LARGEST_MINOR if name.endswith("_minor") else MAX_GRACE[name.split("_")[-1]]
        if not 0 <= value <= largest:
            raise ConfigurationError(
                f"{SETTINGS_FILE_NAME} [tolerances]: {name} must be from 0 to {largest}."
            )
    return Rules(**table)


def _parse_in_flight(value: int | None) -> int:
    if value is None:
        return Settings.in_flight
    if type(value) is not int or not 1 <= value <= MAX_IN_FLIGHT:
        raise ConfigurationError(
            f"in_flight is {value!r}. Use a whole number from 1 to {MAX_IN_FLIGHT}."
        )
    return value


def _parse_retry_seconds(value: float | None) -> float:
    if value is None:
        return Settings.retry_seconds
    if isinstance(value, bool) or not 0 < value <= 86_400:
        raise ConfigurationError(
            f"retry_seconds is {value!r}. Use a number above 0, up to 86400 (a day)."
        )
    return float(value)


def _parse_msn(msn: str, place: str) -> str:
    text = str(msn).strip()
    if _MSN_PATTERN.fullmatch(text) is None:
        raise ConfigurationError(
            f"{place} is {text[:20]!r}. A merchant serial number is 4 to 10 digits."
        )
    return text


def _check_choice(value: str | None, allowed: tuple[str, ...], place: str) -> None:
    if value is not None and value not in allowed:
        near = format_suggestion(value, allowed)
        raise ConfigurationError(f"{place} is {value!r}. Use one of {', '.join(allowed)}{near}.")


def _check_timezone(name: str | None, place: str) -> None:
    if name is None:
        return
    # Not ZoneInfo(name), which also opens the names of files that are not time zones.
    if name not in available_timezones() - _NOT_ZONES:
        raise ConfigurationError(
            f"{place}: timezone {name!r} is not known. Use a name such as Europe/Oslo."
        )


def _read_dotenv(path: Path) -> Mapping[str, str | None]:
    # A folder of this name is a Python environment, and common.
    if not is_present(path) or path.is_dir():
        return {}
    from dotenv import dotenv_values

    try:
        text = read_small_text(path)
    except SourceError as error:
        raise ConfigurationError(str(error)) from None
    return dotenv_values(stream=StringIO(text), interpolate=False)


def _read_keyring(variable: str) -> str | None:
    try:
        import keyring
    except ImportError:
        return None
    try:
        password: str | None = keyring.get_password(KEYRING_SERVICE, variable)
    except Exception:
        # Each backend raises its own errors, and many machines have no backend at all.
        return None
    return password
