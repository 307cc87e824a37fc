"""Store the answer to each idempotency key, for a limited time.

Keys are unique per sales unit, across all operations and references (undocumented, but
known from the official shop plugin). Their lifetime is not documented either, so it is a setting.

Source: https://developer.vippsmobilepay.com/docs/knowledge-base/http-headers/#idempotency
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from vippsrecon.simulator.apis.error_responses import DomainRefusal, SimulatedResponse
from vippsrecon.simulator.clock import parse_time
from vippsrecon.simulator.payments.state_machine import SimulatedPayment

KEY_CONFLICT_CODES = {"capture": 4010, "refund": 4150, "createPayment": 4020, "cancel": 4020}
EVENT_BY_OPERATION = {"capture": "CAPTURED", "refund": "REFUNDED"}


class _StoredAnswer(NamedTuple):
    at: datetime
    operation: str
    request: bytes
    answer: SimulatedResponse


class IdempotencyStore:
    """Stores the first answer by sales unit and key."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], _StoredAnswer] = {}

    def recall(
        self,
        msn: str,
        key: str,
        operation: str,
        request: bytes,
        *,
        now: datetime,
        lifetime: float | None,
    ) -> SimulatedResponse | None:
        """Return the first answer to this key, None for a new key; refuse a different request."""
        stored = self._answers.get((msn, key))
        if stored is None or not is_key_alive(stored.at, now, lifetime):
            return None
        if stored.operation != operation:
            raise DomainRefusal(4020, "The key was used by another operation.")
        if stored.request != request:
            raise DomainRefusal(
                KEY_CONFLICT_CODES[operation], "The key was used with another request."
            )
        return stored.answer

    def remember(
        self,
        msn: str,
        key: str,
        operation: str,
        request: bytes,
        answer: SimulatedResponse,
        *,
        now: datetime,
    ) -> None:
        """Store an answer, unless it asks the client to try again later with the same key."""
        if answer.sticky:
            self._answers[msn, key] = _StoredAnswer(now, operation, request, answer)


def is_key_alive(at: datetime, now: datetime, lifetime: float | None) -> bool:
    """Return whether a key is still remembered. A lifetime of 0 remembers none, None keeps all."""
    return lifetime is None or (lifetime > 0 and now - at < timedelta(seconds=lifetime))


def compute_fingerprint(reference: str, body: Any) -> bytes:
    """Return a fingerprint of reference and JSON content; white space does not count."""
    return orjson.dumps([reference, body], option=orjson.OPT_SORT_KEYS)


def find_event_with_key(
    payment: SimulatedPayment, key: str, operation: str, *, now: datetime, lifetime: float | None
) -> dict[str, Any] | None:
    """Return the event that an earlier simulator run logged for this key, if still remembered.

    A state file holds events but no answers. This check stops a simulator that is started from a
    saved state from executing a refund a second time.
    """
    for event in payment.events:
        if (
            event.get("idempotencyKey") == key
            and event.get("name") == EVENT_BY_OPERATION.get(operation)
            and is_key_alive(parse_time(event["timestamp"]), now, lifetime)
        ):
            return event
    return None
