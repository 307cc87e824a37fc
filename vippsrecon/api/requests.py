"""Build requests as values: method, path, body, idempotency key. No I/O.

A request is built once and may be sent several times, so a repeated write has the same bytes and
the same key. Source: https://developer.vippsmobilepay.com/api/epayment/ and
https://developer.vippsmobilepay.com/api/report/
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urlencode

import orjson

from vippsrecon.errors import InputError
from vippsrecon.money import DECIMALS, LARGEST_MINOR
from vippsrecon.vipps_rules import MSN_PATTERN, REFERENCE_PATTERN

Topic = Literal["funds", "fees"]

_REFERENCE_PATTERN = re.compile(REFERENCE_PATTERN)
_KEY_PATTERN = re.compile(r"[!-~]{1,50}")
_MSN_PATTERN = re.compile(MSN_PATTERN)


class ApiRequest(NamedTuple):
    """One call to the API. A write without an idempotency key is never repeated after it was sent.

    `operation` names it in messages.
    """

    method: str
    path: str
    body: bytes = b""
    key: str | None = None
    reference: str = ""
    operation: str = ""

    def __repr__(self) -> str:
        # The body may hold a phone number, and tracebacks show the repr.
        return f"Request({self.method} {self.path})"

    @property
    def may_repeat(self) -> bool:
        """Whether a repetition cannot take effect twice: a read, or a write with a key."""
        return self.method == "GET" or self.key is not None


def build_create_payment_request(request: dict[str, Any], key: str) -> ApiRequest:
    """Create the payment that `request` (a CreatePaymentRequest) describes."""
    reference = request.get("reference")
    if not isinstance(reference, str):
        raise InputError("The payment request has no reference.")
    validate_reference(reference)
    body = _encode_json(request)
    return ApiRequest(
        "POST",
        "/epayment/v1/payments",
        body,
        validate_idempotency_key(key),
        reference,
        "creating the payment",
    )


def build_payment_request(reference: str) -> ApiRequest:
    """Read one payment."""
    return ApiRequest(
        "GET", build_payment_path(reference), reference=reference, operation="reading the payment"
    )


def build_events_request(reference: str) -> ApiRequest:
    """Read one payment's event log."""
    path = build_payment_path(reference) + "/events"
    return ApiRequest("GET", path, reference=reference, operation="reading its event log")


def build_capture_request(reference: str, amount_minor: int, currency: str, key: str) -> ApiRequest:
    """Capture `amount_minor` minor units of the reserved amount.

    >>> build_capture_request("order-001", 250, "NOK", "key-1").body
    b'{"modificationAmount":{"currency":"NOK","value":250}}'
    """
    return _build_modification_request("capture", reference, amount_minor, currency, key)


def build_refund_request(reference: str, amount_minor: int, currency: str, key: str) -> ApiRequest:
    """Refund `amount_minor` minor units of the captured amount."""
    return _build_modification_request("refund", reference, amount_minor, currency, key)


def build_cancel_request(
    reference: str, key: str, *, cancel_transaction_only: bool = False
) -> ApiRequest:
    """Release the reserved amount that is not captured; a partial cancel does not exist.

    The body is always sent: the API has answered an empty one with a type error.
    """
    path = build_payment_path(reference) + "/cancel"
    body = _encode_json({"cancelTransactionOnly": cancel_transaction_only})
    return ApiRequest("POST", path, body, validate_idempotency_key(key), reference, "cancel")


def build_force_approve_request(
    reference: str, *, phone_number: str | None, token: str | None
) -> ApiRequest:
    """Approve a payment for a test user; only on test hosts."""
    if (phone_number is None) == (token is None):
        raise InputError("Give either the test user's phone number or a token for force-approve.")
    body = {"customer": {"phoneNumber": phone_number}} if token is None else {"token": token}
    path = f"/epayment/v1/test/payments/{validate_reference(reference)}/approve"
    return ApiRequest(
        "POST", path, _encode_json(body), reference=reference, operation="force-approve"
    )


def build_ledgers_request(msn: str | None = None, cursor: str = "") -> ApiRequest:
    """List the ledgers these keys may read, or the one that settles for `msn`."""
    # "If [a cursor] is used, no other parameters is needed" (Report API).
    handle = "" if cursor or msn is None else f"api:{msn}"
    query = _build_query(settlesForRecipientHandles=handle, cursor=cursor)
    return ApiRequest("GET", "/settlement/v1/ledgers" + query, operation="reading the ledgers")


def build_ledger_date_request(
    ledger_id: str, topic: Topic, day: date, cursor: str = ""
) -> ApiRequest:
    """Read one page of one ledger date."""
    path = f"{_build_ledger_path(ledger_id, topic)}/dates/{day.isoformat()}"
    return ApiRequest(
        "GET", path + _build_query(cursor=cursor), operation=f"reading ledger date {day}"
    )


def build_feed_request(ledger_id: str, topic: Topic, cursor: str = "") -> ApiRequest:
    """Read the ledger entries since `cursor`."""
    path = f"{_build_ledger_path(ledger_id, topic)}/feed"
    return ApiRequest(
        "GET", path + _build_query(cursor=cursor), operation="reading the ledger's feed"
    )


def build_payment_path(reference: str) -> str:
    """Return the path of one payment."""
    return "/epayment/v1/payments/" + validate_reference(reference)


def validate_reference(reference: str) -> str:
    """Return `reference`, or raise InputError if it cannot be part of a path."""
    if _REFERENCE_PATTERN.fullmatch(reference) is None:
        raise InputError(
            f"reference {reference[:80]!r} is not valid: use letters A to Z, "
            "digits and hyphens, at most 64 characters"
        )
    return reference


def validate_idempotency_key(key: str) -> str:
    """Return the idempotency key, or raise InputError if it cannot be sent in a header."""
    if _KEY_PATTERN.fullmatch(key) is None:
        raise InputError(
            f"idempotency key {key[:60]!r} is not 1 to 50 characters without spaces or accents"
        )
    return key


def validate_msn(msn: str) -> str:
    """Return the merchant serial number, or raise InputError if it cannot be sent in a header."""
    if _MSN_PATTERN.fullmatch(msn) is None:
        raise InputError(f"merchant serial number {msn[:20]!r} is not 4 to 10 digits")
    return msn


def _build_modification_request(
    verb: str, reference: str, amount_minor: int, currency: str, key: str
) -> ApiRequest:
    if type(amount_minor) is not int or not 0 < amount_minor <= LARGEST_MINOR:
        raise InputError(
            f"{reference[:64]}: the amount to {verb}, {repr(amount_minor)[:40]}, "
            "is not a positive whole number of minor units of at most fifteen digits"
        )
    if currency not in DECIMALS:
        raise InputError(
            f"{reference[:64]}: currency {currency[:10]!r} is not one Vipps MobilePay uses"
        )
    body = _encode_json({"modificationAmount": {"currency": currency, "value": amount_minor}})
    path = f"{build_payment_path(reference)}/{verb}"
    return ApiRequest("POST", path, body, validate_idempotency_key(key), reference, verb)


def _build_ledger_path(ledger_id: str, topic: str) -> str:
    if topic not in ("funds", "fees"):
        raise InputError(f"ledger topic {topic!r} is neither funds nor fees")
    if ledger_id in ("", ".", ".."):
        raise InputError(f"ledger id {ledger_id!r} is not valid")
    return f"/report/v2/ledgers/{quote(ledger_id, safe='')}/{topic}"


def _build_query(**parameters: str) -> str:
    query = urlencode({name: value for name, value in parameters.items() if value})
    return f"?{query}" if query else ""


def _encode_json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise InputError(f"the request cannot be written as JSON: {error}") from None
