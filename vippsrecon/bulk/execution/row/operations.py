"""Refund, cancel and capture: the request, its event, and how it changes a payment."""

from __future__ import annotations

from vippsrecon.api.async_client import AsyncClient
from vippsrecon.api.models import Event, Modification, Payment
from vippsrecon.api.requests import ApiRequest
from vippsrecon.api.requests import build_cancel_request as cancel_request
from vippsrecon.api.requests import build_capture_request as capture_request
from vippsrecon.api.requests import build_refund_request as refund_request
from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.bulk.verbs import EVENTS_OF_VERB, TOTAL_OF_VERB


def build_operation_request(verb: str, row: PlanRow, key: str) -> ApiRequest:
    """Return the request of a row. It has the same bytes each time it is built."""
    if verb == "refund":
        return refund_request(row.reference, row.amount_minor, row.currency, key)
    if verb == "capture":
        return capture_request(row.reference, row.amount_minor, row.currency, key)
    return cancel_request(row.reference, key)


async def send_operation(core: AsyncClient, verb: str, row: PlanRow, key: str) -> Modification:
    """Send a row's request once. If the answer is lost, the caller determines the outcome."""
    if verb == "cancel":
        return await core.cancel(row.reference, idempotency_key=key, msn=row.msn, retry=False)
    modify = core.refund if verb == "refund" else core.capture
    return await modify(
        row.reference,
        row.amount_minor,
        row.currency,
        idempotency_key=key,
        msn=row.msn,
        retry=False,
    )


def extract_aggregate(payment: Payment | Modification) -> Aggregate:
    """Return the four sums of a payment."""
    return Aggregate(
        payment.authorized_minor,
        payment.captured_minor,
        payment.refunded_minor,
        payment.cancelled_minor,
    )


def compute_expected_aggregate(verb: str, before: Aggregate, amount_minor: int) -> Aggregate:
    """Return the aggregate after the operation, if nothing else changed the payment.

    >>> compute_expected_aggregate("refund", Aggregate(1000, 600, 100, 0), 50)
    Aggregate(authorized_minor=1000, captured_minor=600, refunded_minor=150, cancelled_minor=0)
    """
    total = TOTAL_OF_VERB[verb]
    return before._replace(**{total: getattr(before, total) + amount_minor})


def confirms_operation(
    verb: str, before: Aggregate, amount_minor: int, answer: Modification
) -> bool:
    """Return whether an answer shows that this operation was done, and no other.

    A payment that was not paid has nothing reserved. After a cancel it is TERMINATED.
    """
    if verb == "cancel" and before.authorized_minor == 0:
        return answer.state == "TERMINATED"
    return extract_aggregate(answer) == compute_expected_aggregate(verb, before, amount_minor)


def find_own_event(verb: str, key: str, events: list[Event]) -> Event | None:
    """Return the event of an operation by its key: the successful one, else a failed one.

    The log echoes the key of a capture or refund, never that of a cancel.
    """
    own = [e for e in events if e.idempotency_key == key and e.name in EVENTS_OF_VERB[verb]]
    return next((e for e in own if e.success), own[-1] if own else None)


def find_last_release(events: list[Event]) -> Event | None:
    """Return the last successful CANCELLED or TERMINATED event."""
    releases = [e for e in events if e.success and e.name in EVENTS_OF_VERB["cancel"]]
    return max(releases, key=lambda event: parse_timestamp(event.timestamp), default=None)
