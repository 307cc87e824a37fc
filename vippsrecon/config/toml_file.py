"""Read `vippsrecon.toml`: the settings it may contain, and their types.

An unknown name is refused, with the name that was probably meant, because a misspelled tolerance
would silently not be set. Secrets are refused by name, because files are copied, mailed and
committed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vippsrecon.errors import ConfigurationError, SourceError
from vippsrecon.input_files import read_toml

SETTINGS_FILE_NAME = "vippsrecon.toml"

_SECRET_NAMES = {
    "client_secret": "VIPPS_CLIENT_SECRET",
    "subscription_key": "VIPPS_SUBSCRIPTION_KEY",
    "ocp_apim_subscription_key": "VIPPS_SUBSCRIPTION_KEY",
    "primary_key": "VIPPS_SUBSCRIPTION_KEY",
    "secondary_key": "VIPPS_SUBSCRIPTION_KEY",
    "secret": "VIPPS_CLIENT_SECRET",
    "password": "VIPPSRECON_DATABASE_URL",
    "token": "",
    "access_token": "",
}

_KEY_SETTINGS = {"client_id": str, "client_id_from": str, "client_secret_from": str}
_AMOUNT_TYPES: tuple[type, ...] = (int, float, str, dict)

TableShape = Mapping[str, type | tuple[type, ...]]

TOP_LEVEL_SETTINGS: TableShape = {
    "environment": str,
    "base_url": str,
    "client_id": str,
    "msn": str,
    "database_url": str,
    "in_flight": int,
    "retry_seconds": (int, float),
    "ignore_file": str,
    "partner": bool,
    "sales_unit": list,
    "accounting": dict,
    "tolerances": dict,
    "limits": dict,
}
SALES_UNIT_SETTINGS: TableShape = {
    "msn": str,
    "market": str,
    "timezone": str,
    "capture": str,
    "late_capture": bool,
    "stores": list,
    "currency": str,
    "compared": bool,
    **_KEY_SETTINGS,
    "subscription_key_from": str,
}
TOLERANCE_SETTINGS: TableShape = {
    "tolerance_minor": int,
    "rounding_cap_minor": int,
    "delivery_grace_days": int,
    "capture_grace_hours": int,
    "refund_grace_hours": int,
    "callback_grace_hours": int,
}
LIMIT_SETTINGS: TableShape = {
    "own_approval_up_to": _AMOUNT_TYPES,
    "row_limit": _AMOUNT_TYPES,
    "per_run": _AMOUNT_TYPES,
    "per_day": _AMOUNT_TYPES,
    "stop_after_failures": int,
    "stop_at_share": (int, float),
    "max_report_age_hours": (int, float),
    "settle_for": (int, float),
}

_TYPE_NAMES = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


def read_settings_file(path: Path) -> dict[str, Any]:
    """Read a settings file and check every name and the type of every value.

    Raises:
        ConfigurationError: The file cannot be read, or contains an unknown name, a value of the
            wrong type, or a secret.
    """
    try:
        content = read_toml(path)
    except SourceError as error:
        raise ConfigurationError(str(error)) from None
    _check_table(content, TOP_LEVEL_SETTINGS, path.name)
    for place, table, shape in (
        ("[accounting]", content.get("accounting", {}), _KEY_SETTINGS),
        ("[tolerances]", content.get("tolerances", {}), TOLERANCE_SETTINGS),
        ("[limits]", content.get("limits", {}), LIMIT_SETTINGS),
    ):
        _check_table(table, shape, f"{path.name} {place}")
    for number, unit in enumerate(content.get("sales_unit", ()), start=1):
        place = f"{path.name} [[sales_unit]] {number}"
        if not isinstance(unit, dict):
            raise ConfigurationError(f"{place} is not a table")
        _check_table(unit, SALES_UNIT_SETTINGS, place)
        if "msn" not in unit:
            raise ConfigurationError(f"{place} has no msn. Add its merchant serial number.")
    _refuse_password(content.get("database_url", ""), path.name)
    return content


def format_suggestion(name: str, known: Iterable[str]) -> str:
    """Return " (did you mean …?)" for the known name most similar to `name`, else "".

    >>> format_suggestion("tolerence_minor", ["tolerance_minor", "in_flight"])
    ' (did you mean tolerance_minor?)'
    """
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def _check_table(table: Mapping[str, Any], shape: TableShape, place: str) -> None:
    for name, value in table.items():
        if name not in shape:
            _refuse_secret(name, place)
            allowed_names = ", ".join(sorted(shape))
            raise ConfigurationError(
                f"{place}: {name!r} is not a setting{format_suggestion(name, shape)}. Allowed are: {allowed_names}"
            )
        kinds = shape[name]
        allowed = kinds if isinstance(kinds, tuple) else (kinds,)
        # In Python bool is a subclass of int, but `in_flight = true` does not mean 1.
        if type(value) not in allowed:
            types = " or ".join(_TYPE_NAMES.get(kind, "a number") for kind in allowed)
            hint = " (put it in quotes)" if allowed == (str,) and type(value) is int else ""
            raise ConfigurationError(f"{place}: {name} must be {types}{hint}")


def _refuse_secret(name: str, place: str) -> None:
    normalized = name.lower().replace("-", "_")
    if normalized not in _SECRET_NAMES:
        return
    variable = _SECRET_NAMES[normalized]
    advice = f" Set the environment variable {variable} instead" if variable else " Remove it"
    if normalized in ("client_secret", "subscription_key"):
        advice += f", or name the variable that contains it with {normalized}_from"
    raise ConfigurationError(f"{place}: {name} is a secret and must not be in this file.{advice}.")


def _refuse_password(url: str, place: str) -> None:
    if urlsplit(url).password or "password=" in url:
        raise ConfigurationError(
            f"{place}: database_url contains a password and must not be in this file. Set the "
            "environment variable VIPPSRECON_DATABASE_URL to the whole URL instead."
        )
