"""Decode answers of the ePayment API: payments, event logs and modifications. No I/O."""

from __future__ import annotations

from typing import Any

from vippsrecon.api.models import CreatedPayment, Event, Modification, Payment
from vippsrecon.api.responses.json_fields import (
    is_time,
    parse_json,
    raise_unreadable,
    require_object,
)
from vippsrecon.money import DECIMALS, LARGEST_MINOR


def decode_created_payment(status: int, body: bytes, msn: str, reference: str) -> CreatedPayment:
    """Decode the answer to creating a payment."""
    answer = require_object(parse_json(status, body, reference), status, reference, "the answer")
    _require_same_reference(answer, status, reference)
    url = answer.get("redirectUrl")
    return CreatedPayment(msn, reference, url if isinstance(url, str) else None)


def require_whole_json(status: int, body: bytes, reference: str) -> bytes:
    """Return the body undecoded if it begins and ends like JSON.

    For bulk reading, which decodes many answers at once (`bulk_decode`): an HTML page or a
    truncated answer is detected while the call can still be repeated.
    """
    ends = body[:1] + body[-1:]
    if ends not in (b"{}", b"[]"):
        stripped = body.strip()
        if stripped[:1] + stripped[-1:] not in (b"{}", b"[]"):
            raise_unreadable(status, reference, "it is not complete JSON")
    return body


def decode_payment(status: int, body: bytes, msn: str, reference: str) -> Payment:
    """Decode one payment."""
    answer = require_object(parse_json(status, body, reference), status, reference, "the answer")
    facts = _decode_totals(answer, status, msn, reference)
    method = answer.get("paymentMethod")
    kind = method.get("type") if isinstance(method, dict) else None
    until = answer.get("captureGuaranteedUntil")
    return Payment(
        *facts,
        kind if isinstance(kind, str) else None,
        until if isinstance(until, str) and is_time(until) else None,
    )


def decode_modification(status: int, body: bytes, msn: str, reference: str) -> Modification:
    """Decode the answer to a capture, refund or cancel."""
    answer = require_object(parse_json(status, body, reference), status, reference, "the answer")
    return Modification(*_decode_totals(answer, status, msn, reference))


def decode_events(status: int, body: bytes, msn: str, reference: str) -> list[Event]:
    """Decode an event log, in the order sent."""
    entries = parse_json(status, body, reference)
    if type(entries) is not list:
        raise_unreadable(status, reference, "the event log is not a list")
    log = []
    for entry in entries:
        if type(entry) is not dict:
            raise_unreadable(status, reference, "an event is not an object")
        event_reference = entry.get("reference")
        psp_reference = entry.get("pspReference")
        name = entry.get("name")
        timestamp = entry.get("timestamp")
        success = entry.get("success")
        key = entry.get("idempotencyKey")
        if event_reference != reference:
            raise_unreadable(status, reference, "an event belongs to another payment")
        if type(psp_reference) is not str or type(name) is not str or not name:
            raise_unreadable(status, reference, "an event has no name or no pspReference")
        if type(timestamp) is not str or not is_time(timestamp):
            shown = f": {timestamp[:40]!r}" if type(timestamp) is str else ""
            raise_unreadable(status, reference, f"an event has no valid time{shown}")
        if type(success) is not bool:
            raise_unreadable(status, reference, "an event has no success flag")
        value, currency = _decode_amount(
            entry.get("amount"), status, reference, "an event's amount"
        )
        log.append(
            Event(
                msn,
                reference,
                psp_reference,
                name,
                value,
                currency,
                timestamp,
                key if type(key) is str else None,
                success,
            )
        )
    return log


def _decode_totals(
    answer: dict[str, Any], status: int, msn: str, reference: str
) -> tuple[str, str, str, str, str, int, int, int, int, int]:
    _require_same_reference(answer, status, reference)
    psp_reference = answer.get("pspReference")
    state = answer.get("state")
    aggregate = answer.get("aggregate")
    if type(psp_reference) is not str or type(state) is not str or not state:
        raise_unreadable(status, reference, "it has no state or no pspReference")
    if type(aggregate) is not dict:
        raise_unreadable(status, reference, "it has no aggregate")
    amount, currency = _decode_amount(answer.get("amount"), status, reference, "the amount")
    totals = []
    for name in ("authorizedAmount", "capturedAmount", "refundedAmount", "cancelledAmount"):
        value, of = _decode_amount(aggregate.get(name), status, reference, name)
        if of != currency:
            raise_unreadable(status, reference, f"{name} is in another currency than the amount")
        totals.append(value)
    authorized, captured, refunded, cancelled = totals
    return (
        msn,
        reference,
        psp_reference,
        state,
        currency,
        amount,
        authorized,
        captured,
        refunded,
        cancelled,
    )


def _decode_amount(amount: object, status: int, reference: str, name: str) -> tuple[int, str]:
    if type(amount) is not dict:
        raise_unreadable(status, reference, f"{name} is missing")
    value = amount.get("value")
    currency = amount.get("currency")
    # type(), not isinstance(): Python counts True as an int, and 1.0 is not a number of minor units.
    if type(value) is not int or not 0 <= value <= LARGEST_MINOR:
        raise_unreadable(status, reference, f"{name} is not a whole number of minor units")
    if type(currency) is not str or not currency:
        raise_unreadable(status, reference, f"{name} has no currency")
    if currency not in DECIMALS:
        raise_unreadable(status, reference, f"{name} is in {currency[:10]!r}, an unknown currency")
    return value, currency


def _require_same_reference(answer: dict[str, Any], status: int, reference: str) -> None:
    if "reference" not in answer:
        raise_unreadable(status, reference, "it does not say which payment it is about")
    if answer["reference"] != reference:
        raise_unreadable(status, reference, "it belongs to another payment")
