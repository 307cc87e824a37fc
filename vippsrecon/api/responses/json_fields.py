"""Read the fields of a JSON answer, or say why it cannot be read. No I/O."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date, datetime
from typing import Any, NoReturn

import orjson

from vippsrecon.dates import OFFSET_PATTERN, YEARS
from vippsrecon.errors import UnreadableAnswerError

_TIME_PATTERN = re.compile(
    rf"(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{{1,12}})?(?:[Zz]|{OFFSET_PATTERN})", re.ASCII
)
_DATE_PATTERN = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def parse_json(status: int, body: bytes, reference: str) -> Any:
    """Return the value of a JSON answer; refuse one that is cut off or holds a key twice."""
    try:
        value = orjson.loads(body)
        # orjson keeps the last of two values of one key.
        json.loads(body, object_pairs_hook=_refuse_repeated_keys)
    except _RepeatedKeyError as error:
        raise_unreadable(status, reference, f"it holds {str(error)[:80]!r} twice in one object")
    except (ValueError, RecursionError):
        kind = "it is empty" if not body.strip() else "it is not complete JSON"
        raise_unreadable(status, reference, kind)
    return value


def require_object(value: object, status: int, reference: str, name: str) -> dict[str, Any]:
    """Return `value` if it is an object; `name` says in the error what it should have been."""
    if type(value) is not dict:
        raise_unreadable(status, reference, f"{name} is not an object")
    return value


def require_list(value: object, status: int, name: str) -> list[Any]:
    """Return `value` if it is a list; `name` says in the error what it should have been."""
    if type(value) is not list:
        raise_unreadable(status, "", f"{name} are not a list")
    return value


def is_time(text: str) -> bool:
    """Return whether a text is an ISO 8601 time with an offset."""
    match = _TIME_PATTERN.fullmatch(text)
    try:
        return match is not None and datetime.fromisoformat(match[1]).year in YEARS
    except ValueError:
        return False


def is_day(text: str) -> bool:
    """Return whether a text is an ISO 8601 date."""
    try:
        return _DATE_PATTERN.fullmatch(text) is not None and (
            date.fromisoformat(text).year in YEARS
        )
    except ValueError:
        return False


def raise_unreadable(status: int, reference: str, why: str) -> NoReturn:
    """Raise the error of an answer that cannot be read; `why` never holds what it said."""
    raise UnreadableAnswerError(
        status, "an answer that cannot be understood", detail=why, reference=reference
    ) from None


class _RepeatedKeyError(Exception):
    """A key occurs twice in one object, so it is not clear which value is meant."""


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise _RepeatedKeyError(key)
