"""Read keys out of a text that a user copied from the business portal. No I/O.

The text is one of these, or a mixture:

    Client ID                                 name and value, on one line or on two
    11111111-2222-3333-4444-555555555555
    "client_secret": "…",                     as in JSON
    export VIPPS_MSN=123456                   variables, as `vippsrecon simulator` prints them
    123456                                    a value alone, where its form shows what it is

Source of the names: https://developer.vippsmobilepay.com/docs/knowledge-base/api-keys/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vippsrecon.config.load import ENVIRONMENT_VARIABLES
from vippsrecon.errors import ConfigurationError
from vippsrecon.vipps_rules import MSN_PATTERN

KEY_TITLES = {
    "client_id": "client ID",
    "client_secret": "client secret",
    "subscription_key": "subscription key",
    "msn": "merchant serial number (MSN)",
}
"""What a portal text must contain, with the names that people know."""

_SETTING_OF_VARIABLE = {variable: name for name, variable in ENVIRONMENT_VARIABLES.items()}
_PASTED_SETTINGS = ("environment", "base_url", *KEY_TITLES)

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z~]")
_VARIABLE = re.compile(r"(?<!\S)(VIPPS_[A-Z_]+)=(\S*)")
_AROUND_VALUES = " \t\r\n\"',;:=\u00a0\ufeff"
_NAMES = {
    "client_id": r"client[ _-]?id",
    "client_secret": r"client[ _-]?secret",
    "secondary_key": r"(?:secondary (?:subscription )?key|[a-z-]*subscription[ _-]?key\W*secondary\W?)",
    "subscription_key": r"(?:(?:primary )?[a-z-]*subscription[ _-]?key(?:\W*primary\W?)?|primary key)",
    "msn": r"(?:merchant[ _-]?serial[ _-]?number(?: ?\(msn\))?|msn)",
    "market": "market",
}
_LABELS = {
    name: re.compile(rf"[\"']?{pattern}[\"']?(?=[\s:=]|$)", re.IGNORECASE)
    for name, pattern in _NAMES.items()
}
_FORMS = {
    "client_id": re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE),
    "subscription_key": re.compile(r"[0-9a-f]{32}", re.IGNORECASE),
    "msn": re.compile(MSN_PATTERN),
    # Last: everything else that is long enough and has no space.
    "client_secret": re.compile(r"[!-~]{20,}"),
}


def parse_pasted_keys(text: str) -> dict[str, str]:
    """Return the settings that a copied text contains, by name. Unknown lines are ignored.

    Raises:
        ConfigurationError: It has two different values for one setting. No value is quoted.

    >>> parse_pasted_keys("MSN: 123456")
    {'msn': '123456'}
    """
    found: dict[str, str] = {}
    for name, value in _list_values(text):
        if found.setdefault(name, value) != value:
            title = KEY_TITLES.get(name, name)
            raise ConfigurationError(
                f"The text has two different values for the {title}. Copy the keys of one sales "
                "unit only, each with its name."
            )
    second = found.pop("secondary_key", None)
    if second is not None:  # Both subscription keys of a sales unit are valid.
        found.setdefault("subscription_key", second)
    return found


def _list_values(text: str) -> Iterator[tuple[str, str]]:
    pending = ""
    for raw_line in text.splitlines():
        line = _ESCAPE_SEQUENCE.sub("", raw_line).strip(_AROUND_VALUES)
        variables = _VARIABLE.findall(line)
        for variable, value in variables:
            name = _SETTING_OF_VARIABLE.get(variable)
            if name in _PASTED_SETTINGS and value.strip(_AROUND_VALUES):
                yield name, value.strip("\"'")
        if variables or not line:
            continue
        label, end = _find_label(line)
        value = line[end:].strip(_AROUND_VALUES) if label else line
        name = label or pending or _recognize(value)
        pending = name if label and not value else ""
        if name and value:
            yield name, value


def _find_label(line: str) -> tuple[str, int]:
    """Return which setting the line begins by naming, and where its name ends."""
    for name, pattern in _LABELS.items():
        if match := pattern.match(line):
            return name, match.end()
    return "", 0


def _recognize(value: str) -> str:
    """Return which setting a value alone must be, else ""."""
    return next((name for name, form in _FORMS.items() if form.fullmatch(value)), "")
