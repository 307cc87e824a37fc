"""Load settings from, in this order: argument, environment, keyring, `vippsrecon.toml`, `.env`.

pydantic-settings merges such sources too, but it does not record which source a value came from,
and it cannot read variables whose names the settings file gives. `os.environ` and python-dotenv
are enough.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from vippsrecon.config.settings import Keys, Rules, SalesUnit, Settings, resolve_base_url
from vippsrecon.config.toml_file import (
    SETTINGS_FILE_NAME,
    KeysTable,
    SalesUnitTable,
    SettingsFile,
    parse_msn,
    read_settings_file,
)
from vippsrecon.config.validation import format_suggestion, quote
from vippsrecon.errors import ConfigurationError, SourceError
from vippsrecon.input_files import is_present, read_small_text

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
SETTINGS_WITHOUT_VARIABLE = ("in_flight", "retry_seconds", "ignore_file", "language", "partner")

_KEY_PATTERN = re.compile(r"[!-~]+")


class SettingSources:
    """Find settings in their sources, in order, and record the source of each value."""

    def __init__(self, folder: Path, file: Path | None, arguments: Mapping[str, Any]) -> None:
        setting_names = (*ENVIRONMENT_VARIABLES, *SETTINGS_WITHOUT_VARIABLE)
        for name in arguments:
            if name not in setting_names:
                raise ConfigurationError(
                    f"{quote(name)} is not a setting{format_suggestion(name, setting_names)}"
                )
        self._arguments = {k: v for k, v in arguments.items() if v is not None}
        path = file or folder / SETTINGS_FILE_NAME
        self.file = read_settings_file(path) if file or is_present(path) else SettingsFile()
        self._file_name = path.name
        self._dotenv = _read_dotenv(folder / ".env")
        self.sources: dict[str, str] = {}

    def find(self, name: str, *, secret: bool = False) -> Any:
        """Return a setting from the first source that has it, else None."""
        if name in self._arguments:
            return self._record(name, self._arguments[name], "argument")
        variable = ENVIRONMENT_VARIABLES.get(name, "")
        file_value = getattr(self.file, name, None)
        value = self.find_variable(variable, name, secret=secret, file_value=file_value)
        return self._record(name, None, "default") if value is None else value

    def find_variable(
        self, variable: str, name: str, *, secret: bool = False, file_value: Any = None
    ) -> Any:
        """Return a variable's value from environment, keyring or `.env`, else None.

        Args:
            variable: Name of the variable; "" for a setting that has none.
            name: The setting it is for; its source is recorded under this name.
            secret: Read the keyring too.
            file_value: The value in the settings file, which comes before `.env`.
        """
        if os.environ.get(variable):
            return self._record(name, os.environ[variable], f"environment ({variable})")
        if secret and (stored := read_keyring(variable)):
            return self._record(name, stored, f"keyring ({variable})")
        if file_value is not None:
            return self._record(name, file_value, self._file_name)
        if self._dotenv.get(variable):
            return self._record(name, self._dotenv[variable], f".env ({variable})")
        return None

    def record_file(self, name: str) -> None:
        """Record that the value of a setting came from the settings file."""
        self.sources[name] = self._file_name

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
            retry_seconds, ignore_file, language, partner. None means not given.

    Raises:
        ConfigurationError: A setting is missing, contradicts another, or is not allowed.
    """
    try:
        sources = SettingSources(folder or Path.cwd(), file, overrides)
        return _build_settings(sources, folder or Path.cwd(), units, rules, offline=offline)
    except ConfigurationError as error:
        # Tools that print the variables of a traceback would print the keys of the frames below.
        raise error.with_traceback(None) from None


def _build_settings(
    sources: SettingSources,
    folder: Path,
    units: tuple[SalesUnit, ...] | None,
    rules: Rules | None,
    *,
    offline: bool,
) -> Settings:
    environment = sources.find("environment") or ""
    given_url = sources.find("base_url")
    base_url = "" if offline and not environment else resolve_base_url(environment, given_url)
    unit_tables = _collect_unit_tables(sources.file.sales_unit)
    if units is None:
        units = tuple(table.to_sales_unit() for table in unit_tables.values())
    msn = sources.find("msn")
    if msn is not None:
        msn = _parse_default_msn(msn)
        if all(unit.msn != msn for unit in units):
            units = (*units, SalesUnit(msn))
    elif len(unit_tables) == 1 and [unit.msn for unit in units] == list(unit_tables):
        sources.record_file("msn")  # `Settings` makes the only sales unit the default.
    default_keys = _find_keys(sources, "", None, subscription=True)
    unit_keys = {
        unit.msn: keys
        for unit in units
        if (keys := _find_unit_keys(sources, unit_tables.get(unit.msn))) is not None
    }
    ignore_file = sources.find("ignore_file")
    numbers = {name: sources.find(name) for name in ("in_flight", "retry_seconds")}
    limits = vars(sources.file.limits).items()
    return Settings(
        environment=environment,
        base_url=base_url,
        default_msn=msn,
        units=units,
        keys=unit_keys,
        default_keys=default_keys,
        partner=bool(sources.find("partner")),
        accounting=_find_keys(sources, "accounting_", sources.file.accounting, subscription=False),
        rules=rules or sources.file.tolerances,
        vouchers=sources.file.vouchers,
        limits={name: value for name, value in limits if value is not None},
        ignore_file=None if ignore_file is None else folder / ignore_file,
        database_url=sources.find("database_url") or Settings.database_url,
        language=sources.find("language"),
        fee_contracts=sources.file.fee_contract,
        sources=sources.sources,
        **{name: value for name, value in numbers.items() if value is not None},
    )


def _collect_unit_tables(tables: tuple[SalesUnitTable, ...]) -> dict[str, SalesUnitTable]:
    tables_by_msn: dict[str, SalesUnitTable] = {}
    for table in tables:
        if tables_by_msn.setdefault(table.msn, table) is not table:
            raise ConfigurationError(
                f"{SETTINGS_FILE_NAME} [[sales_unit]] {table.msn} is defined twice. Remove one of "
                "the two tables."
            )
    return tables_by_msn


def _find_unit_keys(sources: SettingSources, table: SalesUnitTable | None) -> Keys | None:
    names = ("client_id", "client_id_from", "client_secret_from", "subscription_key_from")
    if table is None or all(getattr(table, name) is None for name in names):
        return _find_keys(sources, "", None, subscription=True)
    return _find_keys(sources, "", table, subscription=True, prefix=f"{table.msn}.")


def _find_keys(
    sources: SettingSources,
    kind: str,
    table: KeysTable | SalesUnitTable | None,
    *,
    subscription: bool,
    prefix: str = "",
) -> Keys | None:
    """Return the keys, or None where they are incomplete.

    Parts that `table` does not name come from the usual variables.
    """

    def value(part: str) -> str | None:
        variable = getattr(table, f"{part}_from", None)
        if variable is not None:
            part_value = sources.find_variable(variable, prefix + kind + part, secret=True)
            label = variable
        elif (part_value := getattr(table, part, None)) is not None:
            label = part
            sources.record_file(prefix + kind + part)
        else:
            part_value = sources.find(kind + part, secret=True)
            label = ENVIRONMENT_VARIABLES[kind + part]
        return None if part_value is None else parse_key(part_value, label)

    client_id, client_secret = value("client_id"), value("client_secret")
    key = value("subscription_key") if subscription else None
    if client_id is None or client_secret is None or (subscription and key is None):
        return None
    return Keys(client_id, SecretStr(client_secret), None if key is None else SecretStr(key))


def parse_key(value: str | SecretStr, variable: str) -> str:
    """Return a key without spaces around it.

    Args:
        value: The key.
        variable: What it is called, for the message, which does not quote the key.

    Raises:
        ConfigurationError: It contains a character that no key contains.
    """
    text = value if isinstance(value, str) else value.get_secret_value()
    text = text.strip()
    if _KEY_PATTERN.fullmatch(text) is None:
        raise ConfigurationError(
            f"{variable} contains a character that no key contains, such as a space or a line "
            "break. Copy the key again from the portal."
        )
    return text


def _parse_default_msn(msn: str) -> str:
    try:
        return parse_msn(str(msn))
    except ValueError as error:
        raise ConfigurationError(f"VIPPS_MSN {error}") from None


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


def read_keyring(variable: str) -> str | None:
    """Return a secret of the system's keyring; None where it or the keyring is missing."""
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
