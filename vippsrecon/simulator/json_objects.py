"""Parse JSON in which no object has a key twice, because it is not clear which value is meant."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import orjson

from vippsrecon.simulator.errors import SimulatorInputError


def parse_json(raw: bytes) -> Any:
    """Parse a state line or the body of a control request.

    Raises:
        SimulatorInputError: It is not JSON, or an object has a key twice.

    >>> parse_json(b'{"clock": 1, "clock": 2}')
    Traceback (most recent call last):
    vippsrecon.simulator.errors.SimulatorInputError: the key 'clock' occurs twice in one object
    """
    try:
        value = orjson.loads(raw)
        # orjson keeps the last of two values. What it writes has no key twice, so the slower check
        # is left out for the lines that `scenario` and the simulator wrote.
        if orjson.dumps(value) != raw.strip():
            json.loads(raw, object_pairs_hook=_refuse_repeated_keys)
    except SimulatorInputError:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise SimulatorInputError(f"not valid JSON: {error}") from None
    return value


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> None:
    [(key, count)] = Counter(key for key, _ in pairs).most_common(1) or [("", 0)]
    if count > 1:
        raise SimulatorInputError(f"the key {key[:80]!r} occurs twice in one object")
