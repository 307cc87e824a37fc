"""Check a CreatePaymentRequest and build the payment.

Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/operations/create/
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime, timedelta
from typing import Any

from vippsrecon.simulator.apis.create_payment_schema import find_field_errors
from vippsrecon.simulator.apis.error_responses import DomainRefusal, InvalidFields
from vippsrecon.simulator.apis.fields import MAX_AMOUNT, PHONE_PATTERN, check_url
from vippsrecon.simulator.clock import format_event_time, parse_time
from vippsrecon.simulator.credentials import CURRENCY_BY_MARKET, KeyHolder
from vippsrecon.simulator.payments.state_machine import APPROVAL_TIMEOUT, SimulatedPayment

MIN_AMOUNT = {"NOK": 100, "SEK": 100, "DKK": 1, "EUR": 1, "USD": 1, "GBP": 1}
"""The smallest payment, in minor units of its currency."""
PROFILE_SCOPES = ("name", "address", "email", "phoneNumber", "birthDate", "nin")
PAYMENT_METHODS = ("WALLET", "CARD", "CARD_PASSTHROUGH")
MAX_LIFETIME = timedelta(days=60)
_MAX_METADATA_PAIRS, _MAX_METADATA_KEY, _MAX_METADATA_VALUE = 5, 100, 500
_QR_LENGTH = (5, 255)


def check_create_request(body: Any, raw: bytes, unit: KeyHolder, now: datetime) -> None:
    """Refuse a request that does not fit the schema or breaks a rule."""
    if isinstance(body, dict) and isinstance(body.get("amount"), dict):
        _check_value(body["amount"].get("value"))
    if bad := find_field_errors(body):
        raise InvalidFields(bad)
    if not unit.bank_account_verified:
        raise DomainRefusal(5060)
    if not unit.can_create:
        raise DomainRefusal(5070)
    _check_method(body, unit)
    _check_amount(body, unit)
    _check_flow(body, unit)
    _check_customer(body.get("customer"))
    for name in ("returnUrl", "receiptUrl"):
        if body.get(name) is not None:
            check_url(body[name])
    _check_scope((body.get("profile") or {}).get("scope", ""), unit)
    _check_metadata(body.get("metadata"), raw)
    _check_expiry(body, unit, now)


def _check_value(value: Any) -> None:
    # Checked before the schema: a wrong amount has its own code, and text instead of a number
    # causes an internal error.
    if isinstance(value, str):
        raise DomainRefusal(3010)
    if value is not None and (type(value) is not int or not 0 <= value <= MAX_AMOUNT):
        raise DomainRefusal(4040, f"The value has to be a whole number from 0 to {MAX_AMOUNT}.")


def _check_method(body: dict[str, Any], unit: KeyHolder) -> None:
    method = body["paymentMethod"]
    kind = method["type"]
    if kind not in PAYMENT_METHODS or (kind == "CARD" and body["userFlow"] != "WEB_REDIRECT"):
        raise DomainRefusal(4160)
    if (kind == "CARD_PASSTHROUGH") != ("cardPassthrough" in body):
        raise DomainRefusal(4140 if kind == "CARD_PASSTHROUGH" else 4160, "See cardPassthrough.")
    if method.get("blockedSources") and unit.market not in ("", "DK", "FI"):
        raise DomainRefusal(5010)


def _check_amount(body: dict[str, Any], unit: KeyHolder) -> None:
    currency, value = body["amount"]["currency"], body["amount"]["value"]
    allowed = (
        (CURRENCY_BY_MARKET[unit.market],) if unit.market else tuple(CURRENCY_BY_MARKET.values())
    )
    fits = currency in allowed
    if not fits and body["paymentMethod"]["type"] != "CARD_PASSTHROUGH":
        raise DomainRefusal(5040)
    if value < MIN_AMOUNT[currency]:
        raise DomainRefusal(6010, f"The smallest amount is {MIN_AMOUNT[currency]}.")


def _check_flow(body: dict[str, Any], unit: KeyHolder) -> None:
    flow = body["userFlow"]
    if flow == "WEB_REDIRECT" and not body.get("returnUrl"):
        raise DomainRefusal(4140, "returnUrl is required.")
    if flow == "PUSH_MESSAGE":
        if not body.get("customer"):
            raise DomainRefusal(4140, "customer is required.")
        if not unit.push_message:
            raise DomainRefusal(5080)
    shipping = body.get("shipping")
    if shipping is not None:
        if not unit.express:
            raise DomainRefusal(5020)
        if ("fixedOptions" in shipping) == ("dynamicOptions" in shipping):
            raise DomainRefusal(4140, "Exactly one of fixedOptions and dynamicOptions is required.")
        if "dynamicOptions" in shipping:
            check_url(shipping["dynamicOptions"]["callbackUrl"])


def _check_customer(customer: dict[str, str] | None) -> None:
    if customer is None:
        return
    if len(customer) != 1:
        raise InvalidFields([("customer", "Has to identify the customer in exactly one way.")])
    if "phoneNumber" in customer and not re.fullmatch(PHONE_PATTERN, customer["phoneNumber"]):
        raise DomainRefusal(4070)
    if "customerToken" in customer and not customer["customerToken"].strip():
        raise DomainRefusal(4050)
    if "personalQr" in customer:
        low, high = _QR_LENGTH
        if not low <= len(customer["personalQr"]) <= high:
            raise DomainRefusal(4060)


def _check_scope(scope: str, unit: KeyHolder) -> None:
    scope_names = scope.split()
    if any(scope_name not in PROFILE_SCOPES for scope_name in scope_names):
        raise DomainRefusal(4080)
    if unit.scopes is not None and any(scope_name not in unit.scopes for scope_name in scope_names):
        raise DomainRefusal(5030)


def _check_metadata(metadata: dict[str, Any] | None, raw: bytes) -> None:
    if metadata is None:
        return
    if bad := [
        (f"metadata.{k}", "Has to be text.") for k, v in metadata.items() if type(v) is not str
    ]:
        raise InvalidFields(bad)
    if _has_repeated_metadata_key(raw):
        raise DomainRefusal(4110)
    if len(metadata) > _MAX_METADATA_PAIRS:
        raise DomainRefusal(4100)
    if any(len(name) > _MAX_METADATA_KEY for name in metadata):
        raise DomainRefusal(4120)
    if any(len(value) > _MAX_METADATA_VALUE for value in metadata.values()):
        raise DomainRefusal(4130)


def _has_repeated_metadata_key(raw: bytes) -> bool:
    """Return whether a key of `metadata` is repeated, which a parsed object does not show."""

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in members]
        return {**dict(members), "": len(names) != len(set(names))}

    parsed = json.loads(raw, object_pairs_hook=pairs)
    return bool(parsed["metadata"][""])


def _check_expiry(body: dict[str, Any], unit: KeyHolder, now: datetime) -> None:
    """Check a long-living payment.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/features/long-living-payments/
    """
    if body.get("expiresAt") is None:
        return
    if not unit.long_living:
        raise DomainRefusal(5050)
    if body.get("receipt") is None:
        raise DomainRefusal(6130)
    try:
        life = parse_time(body["expiresAt"].upper()) - now
    except ValueError:
        raise InvalidFields([("expiresAt", "Is not a valid time.")]) from None
    if life >= MAX_LIFETIME:
        raise DomainRefusal(6110)
    if life <= APPROVAL_TIMEOUT:
        raise DomainRefusal(6120)


def create_simulated_payment(
    msn: str, body: dict[str, Any], now: datetime, key: str
) -> SimulatedPayment:
    """Build the payment for a checked request, with its CREATED event."""
    currency, value = body["amount"]["currency"], body["amount"]["value"]
    zero = {"currency": currency, "value": 0}
    reference = body["reference"]
    token = uuid.uuid5(uuid.NAMESPACE_OID, f"{msn}/{reference}").hex
    answer: dict[str, Any] = {
        "aggregate": {
            "authorizedAmount": dict(zero),
            "cancelledAmount": dict(zero),
            "capturedAmount": dict(zero),
            "refundedAmount": dict(zero),
        },
        "amount": {"currency": currency, "value": value},
        "state": "CREATED",
        "paymentMethod": {"type": body["paymentMethod"]["type"]},
        "profile": {},
        "reference": reference,
    }
    if body["userFlow"] != "PUSH_MESSAGE":
        host = "qr" if body["userFlow"] == "QR" else "landing"
        answer["redirectUrl"] = f"https://{host}.simulator.invalid/?token={token}"
    if body.get("metadata") is not None:
        answer["metadata"] = body["metadata"]
    simulated: dict[str, Any] = {"token": token}
    if body.get("expiresAt") is not None:
        simulated["expiresAt"] = format_event_time(parse_time(body["expiresAt"].upper()))
    if body.get("shipping") is not None:
        simulated["shipping"] = body["shipping"]
    if scope := (body.get("profile") or {}).get("scope"):
        simulated["scope"] = scope
    payment = SimulatedPayment(msn, answer, [], simulated)
    answer["pspReference"] = payment.record("CREATED", value, now, key=key)
    return payment
