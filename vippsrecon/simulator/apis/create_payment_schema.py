"""Check the body of a create request against its JSON schema, `create_payment.schema.json`.

Source: https://developer.vippsmobilepay.com/api/epayment/#operation/createPayment (1.8.1, with
the fields announced since)
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

FieldErrors = list[tuple[str, str]]

_REASONS = {
    "type": "Has to be of the type {0}.",
    "enum": "Has to be one of {0}.",
    "pattern": "Has to match {0}.",
    "minItems": "Has to have {0} or more entries.",
    "minLength": "Has to have {0} characters or more.",
    "maxLength": "Has to have {0} characters or less.",
    "minimum": "Has to be {0} or more.",
    "maximum": "Has to be {0} or less.",
}


def find_field_errors(body: Any) -> FieldErrors:
    """Return every field of a create request that breaks its schema, each with a reason.

    >>> find_field_errors([])
    [('$', 'Has to be of the type object.')]
    """
    errors = _build_validator().iter_errors(body)
    return list(dict.fromkeys(fault for error in errors for fault in _explain(error)))


@cache
def _build_validator() -> Validator:
    # The import takes a tenth of a second, and only create requests need it.
    from jsonschema import Draft202012Validator, ValidationError, validators

    def match_whole_text(
        _validator: Validator, pattern: str, text: Any, _schema: Any
    ) -> Iterator[ValidationError]:
        # The library searches, and Python's `$` also matches before a line break at the end.
        if isinstance(text, str) and not re.fullmatch(pattern, text):
            yield ValidationError("")

    checker = Draft202012Validator.TYPE_CHECKER.redefine(
        # JSON Schema counts 100.0 as an integer; the API does not.
        "integer",
        lambda _checker, value: type(value) is int,
    )
    build = validators.extend(Draft202012Validator, {"pattern": match_whole_text}, None, checker)
    schema = files("vippsrecon.simulator.apis") / "create_payment.schema.json"
    return build(json.loads(schema.read_text(encoding="utf-8")))


def _explain(error: ValidationError) -> FieldErrors:
    """Return the fields that one error of the validator is about, each with a reason."""
    place = error.json_path.removeprefix("$").removeprefix(".")
    rule, fields = error.validator_value, error.instance
    if error.validator == "required":
        # The library has an error for each missing field, and no error names its field as data.
        return [(_join(place, name), "Is required.") for name in rule if name not in fields]
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        return [
            (_join(place, name), "Is not a known field.") for name in fields if name not in known
        ]
    return [(place or "$", _REASONS[str(error.validator)].format(_list_choices(rule)))]


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _list_choices(rule: Any) -> str:
    choices: Iterable[Any] = rule if isinstance(rule, list) else [rule]
    return " or ".join(str(choice) for choice in choices if choice not in (None, "null"))
