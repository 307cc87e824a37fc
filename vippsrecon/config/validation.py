"""Models of settings: what `settings_model` makes of a class, and the sentence for each error.

pydantic checks the values. Its own messages are for developers and may quote a secret, so every
error becomes one `ConfigurationError`: the key, the value where it cannot be a secret, the way out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import field, is_dataclass
from functools import cache, wraps
from itertools import pairwise
from typing import Any, TypeVar, cast, dataclass_transform, get_args
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, ConfigDict, ValidationError
from pydantic.dataclasses import dataclass

from vippsrecon.errors import ConfigurationError

_MODEL_CONFIG = ConfigDict(extra="forbid", hide_input_in_errors=True)

_NOT_ZONES = {"Factory", "localtime"}
"""Files in the folder of time zones that mean "not set" and "the zone of this computer"."""

_CLOCK_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")

_LONGEST_QUOTED = 24
"""The names of settings and their words are shorter, keys are longer."""

_TYPE_NAMES = {
    "string_type": "text",
    "bool_type": "true or false",
    "float_type": "a number",
    "tuple_type": "a list",
    "mapping_type": "a table",
    "dict_type": "a table",
    "dataclass_type": "a table",
    "path_type": "a path",
}

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

_Model = TypeVar("_Model")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def settings_model(cls: type[_Model]) -> type[_Model]:
    """Make a frozen pydantic dataclass whose constructor raises `ConfigurationError`.

    `dataclasses.replace` calls the constructor too, so a changed copy is checked like a new one.
    """
    model: Any = dataclass(cls, frozen=True, config=_MODEL_CONFIG)
    validate: Callable[..., None] = model.__init__

    @wraps(validate)
    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            validate(self, *args, **kwargs)
        except ValidationError as error:
            raise ConfigurationError(
                explain(error, model, getattr(cls, "PLACE", cls.__name__))
            ) from None

    model.__init__ = initialize
    return cast(type[_Model], model)


def explain(error: ValidationError, model: type, place: str) -> str:
    """Return one sentence for the first thing wrong, without any value that may be a secret.

    Args:
        error: What pydantic found.
        model: The class that was validated.
        place: Where its values come from: the name of the file or of the class.
    """
    first = error.errors(include_url=False)[0]
    for part, inner in pairwise(first["loc"]):
        if isinstance(part, str):
            place += f" [[{part}]]" if isinstance(inner, int) else f" [{part}]"
            model = _find_table_model(model, part)
        else:
            place += f" {part + 1}"
    name = first["loc"][-1]
    names = list(getattr(model, "__pydantic_fields__", ()))
    match first["type"]:
        case "unexpected_keyword_argument":
            return _explain_unknown_name(str(name), names, place)
        case "missing":
            return f"{place} has no {name}. Add it."
        case "dataclass_type" if isinstance(name, int):
            return f"{place} {name + 1} is not a table"
    if isinstance(name, int) and name < len(names):
        name = names[name]  # a positional argument
    if first["type"] == "value_error":
        return f"{place}: {name} {first['ctx']['error']}"
    if first["type"] not in _TYPE_NAMES:
        return f"{place}: {name}: {first['msg']}"
    is_number = first["type"] == "string_type" and type(first["input"]) is int
    hint = " (put it in quotes)" if is_number else ""
    return f"{place}: {name} must be {_TYPE_NAMES[first['type']]}{hint}"


def quote(text: str) -> str:
    """Return a text in quotation marks for a message, unless it is as long as a key.

    A key that was pasted into the wrong line must not be repeated.

    >>> quote("prod"), quote("7" * 32)
    ("'prod'", 'a text of 32 characters')
    """
    return repr(text) if len(text) <= _LONGEST_QUOTED else f"a text of {len(text)} characters"


def format_suggestion(name: str, known: Iterable[str]) -> str:
    """Return " (did you mean …?)" for the known name most similar to `name`, else "".

    >>> format_suggestion("tolerence_minor", ["tolerance_minor", "in_flight"])
    ' (did you mean tolerance_minor?)'
    """
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def number(kind: type[float], above: float, high: float, expected: str) -> BeforeValidator:
    """Accept a number above `above`, up to `high`. TOML's `true` is not 1, and NaN is refused."""
    kinds = (int,) if kind is int else (int, float)

    def check(value: Any) -> float:
        if type(value) not in kinds or not above < value <= high:
            # A text may be a secret that was pasted into the wrong line.
            shown = repr(value) if isinstance(value, int | float) else "not a number"
            raise ValueError(f"is {shown}. Use {expected}.")
        return kind(value)

    return BeforeValidator(check)


def whole_number(low: int, high: int) -> BeforeValidator:
    """Accept a whole number from `low` to `high`."""
    return number(int, low - 1, high, f"a whole number from {low} to {high}")


def one_of(allowed: Collection[str]) -> AfterValidator:
    """Accept one of a few texts; suggest the one that was probably meant."""

    def check(value: str) -> str:
        if value not in allowed:
            near = format_suggestion(value, allowed)
            raise ValueError(f"is {quote(value)}. Use one of {', '.join(allowed)}{near}.")
        return value

    return AfterValidator(check)


def check_timezone(name: str) -> str:
    """Accept the name of a time zone.

    >>> check_timezone("Europe/Helsinki")
    'Europe/Helsinki'
    """
    if name not in _list_timezones():
        raise ValueError(f"is {quote(name)}, which is not known. Use a name such as Europe/Oslo.")
    return name


def check_clock_time(text: str) -> str:
    """Accept a time of day, hours and minutes.

    >>> check_clock_time("04:00")
    '04:00'
    """
    if _CLOCK_TIME.fullmatch(text) is None:
        raise ValueError(f'is {quote(text)}. Write a time of day in quotes, such as "04:00".')
    return text


def parse_texts(value: object) -> object:
    """Accept a list of texts, also as a tuple, and return it as a tuple."""
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise ValueError("must be a list of texts")
    return tuple(value)


def _find_table_model(model: type, name: str) -> type:
    """Return the class of the tables of this name, else the class given."""
    table = getattr(model, "__pydantic_fields__", {}).get(name)
    kinds = (table.annotation, *get_args(table.annotation)) if table else ()
    return next((kind for kind in kinds if isinstance(kind, type) and is_dataclass(kind)), model)


def _explain_unknown_name(name: str, names: Sequence[str], place: str) -> str:
    normalized = name.lower().replace("-", "_")
    if normalized not in _SECRET_NAMES:
        return (
            f"{place}: {quote(name)} is not a setting{format_suggestion(name, names)}. "
            f"Allowed are: {', '.join(sorted(names))}"
        )
    if normalized == "password" and "password_from" in names:
        return (
            f"{place}: {name} is a secret and must not be in this file. Set an environment variable to "
            "it, and name that variable with password_from."
        )
    variable = _SECRET_NAMES[normalized]
    advice = f" Set the environment variable {variable} instead" if variable else " Remove it"
    if normalized in ("client_secret", "subscription_key"):
        advice += f", or name the variable that contains it with {normalized}_from"
    return f"{place}: {name} is a secret and must not be in this file.{advice}."


@cache
def _list_timezones() -> set[str]:
    # Not ZoneInfo(name), which also opens files that are not time zones.
    return available_timezones() - _NOT_ZONES
