"""Making a payment: every rule a request has to keep, then the payment itself.

Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/operations/create/
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime, timedelta
from typing import Any

from vippsrecon.simulator.apis.create_payment_schema import CREATE_PAYMENT, broken
from vippsrecon.simulator.apis.error_responses import InvalidFields, Refusal
from vippsrecon.simulator.apis.fields import MAX_AMOUNT, PHONE, url
from vippsrecon.simulator.clock import parse_time, zulu
from vippsrecon.simulator.credentials import MARKETS, SalesUnit
from vippsrecon.simulator.payments import UNANSWERED, Payment

MINIMUM = {"NOK": 100, "SEK": 100, "DKK": 1, "EUR": 1, "USD": 1, "GBP": 1}
"""The smallest payment, in minor units of its currency."""
SCOPES = ("name", "address", "email", "phoneNumber", "birthDate", "nin")
METHODS = ("WALLET", "CARD", "CARD_PASSTHROUGH")
LONGEST_LIFE = timedelta(days=60)
_MAX_PAIRS, _MAX_METADATA_KEY, _MAX_METADATA_VALUE = 5, 100, 500
_QR_LENGTH = (5, 255)


def check(body: Any, raw: bytes, unit: SalesUnit, now: datetime) -> None:
    """Refuse a request for a payment that breaks the schema or a rule."""
    if isinstance(body, dict) and isinstance(body.get("amount"), dict):
        _check_value(body["amount"].get("value"))
    if bad := broken(body, CREATE_PAYMENT, ""):
        raise InvalidFields(bad)
    if not unit.bank_account_verified:
        raise Refusal(5060)
    if not unit.can_create:
        raise Refusal(5070)
    _check_method(body, unit)
    _check_amount(body, unit)
    _check_flow(body, unit)
    _check_customer(body.get("customer"))
    for name in ("returnUrl", "receiptUrl"):
        if body.get(name) is not None:
            url(body[name])
    _check_scope((body.get("profile") or {}).get("scope", ""), unit)
    _check_metadata(body.get("metadata"), raw)
    _check_expiry(body, unit, now)


def _check_value(value: Any) -> None:
    # Before the schema: a wrong amount has a code of its own, and text in its place breaks
    # the service.
    if isinstance(value, str):
        raise Refusal(3010)
    if value is not None and (type(value) is not int or not 0 <= value <= MAX_AMOUNT):
        raise Refusal(4040, f"The value has to be a whole number from 0 to {MAX_AMOUNT}.")


def _check_method(body: dict[str, Any], unit: SalesUnit) -> None:
    method = body["paymentMethod"]
    kind = method["type"]
    if kind not in METHODS or (kind == "CARD" and body["userFlow"] != "WEB_REDIRECT"):
        raise Refusal(4160)
    if (kind == "CARD_PASSTHROUGH") != ("cardPassthrough" in body):
        raise Refusal(4140 if kind == "CARD_PASSTHROUGH" else 4160, "See cardPassthrough.")
    if method.get("blockedSources") and unit.market not in ("", "DK", "FI"):
        raise Refusal(5010)


def _check_amount(body: dict[str, Any], unit: SalesUnit) -> None:
    currency, value = body["amount"]["currency"], body["amount"]["value"]
    allowed = (MARKETS[unit.market],) if unit.market else tuple(MARKETS.values())
    fits = currency in allowed
    if not fits and body["paymentMethod"]["type"] != "CARD_PASSTHROUGH":
        raise Refusal(5040)
    if value < MINIMUM[currency]:
        raise Refusal(6010, f"The smallest amount is {MINIMUM[currency]}.")


def _check_flow(body: dict[str, Any], unit: SalesUnit) -> None:
    flow = body["userFlow"]
    if flow == "WEB_REDIRECT" and not body.get("returnUrl"):
        raise Refusal(4140, "returnUrl is required.")
    if flow == "PUSH_MESSAGE":
        if not body.get("customer"):
            raise Refusal(4140, "customer is required.")
        if not unit.push_message:
            raise Refusal(5080)
    shipping = body.get("shipping")
    if shipping is not None:
        if not unit.express:
            raise Refusal(5020)
        if ("fixedOptions" in shipping) == ("dynamicOptions" in shipping):
            raise Refusal(4140, "Exactly one of fixedOptions and dynamicOptions is required.")
        if "dynamicOptions" in shipping:
            url(shipping["dynamicOptions"]["callbackUrl"])


def _check_customer(customer: dict[str, str] | None) -> None:
    if customer is None:
        return
    if len(customer) != 1:
        raise InvalidFields([("customer", "Exactly one way to name the customer is allowed.")])
    if "phoneNumber" in customer and not re.fullmatch(PHONE, customer["phoneNumber"]):
        raise Refusal(4070)
    if "customerToken" in customer and not customer["customerToken"].strip():
        raise Refusal(4050)
    if "personalQr" in customer:
        low, high = _QR_LENGTH
        if not low <= len(customer["personalQr"]) <= high:
            raise Refusal(4060)


def _check_scope(scope: str, unit: SalesUnit) -> None:
    words = scope.split()
    if any(word not in SCOPES for word in words):
        raise Refusal(4080)
    if unit.scopes is not None and any(word not in unit.scopes for word in words):
        raise Refusal(5030)


def _check_metadata(metadata: dict[str, Any] | None, raw: bytes) -> None:
    if metadata is None:
        return
    if bad := [
        (f"metadata.{k}", "Has to be text.") for k, v in metadata.items() if type(v) is not str
    ]:
        raise InvalidFields(bad)
    if _repeats(raw):
        raise Refusal(4110)
    if len(metadata) > _MAX_PAIRS:
        raise Refusal(4100)
    if any(len(name) > _MAX_METADATA_KEY for name in metadata):
        raise Refusal(4120)
    if any(len(value) > _MAX_METADATA_VALUE for value in metadata.values()):
        raise Refusal(4130)


def _repeats(raw: bytes) -> bool:
    """Say whether a key of `metadata` is there twice, which a parsed object cannot tell."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in found]
        return {**dict(found), "": len(names) != len(set(names))}

    parsed = json.loads(raw, object_pairs_hook=pairs)
    return bool(parsed["metadata"][""])


def _check_expiry(body: dict[str, Any], unit: SalesUnit, now: datetime) -> None:
    """Check a long-living payment.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/features/long-living-payments/
    """
    if body.get("expiresAt") is None:
        return
    if not unit.long_living:
        raise Refusal(5050)
    if body.get("receipt") is None:
        raise Refusal(6130)
    try:
        life = parse_time(body["expiresAt"].upper()) - now
    except ValueError:
        raise InvalidFields([("expiresAt", "Is no time there is.")]) from None
    if life >= LONGEST_LIFE:
        raise Refusal(6110)
    if life <= UNANSWERED:
        raise Refusal(6120)


def create(msn: str, body: dict[str, Any], now: datetime, key: str) -> Payment:
    """Make the payment a checked request asks for, with its CREATED event."""
    currency, value = body["amount"]["currency"], body["amount"]["value"]
    nothing = {"currency": currency, "value": 0}
    reference = body["reference"]
    token = uuid.uuid5(uuid.NAMESPACE_OID, f"{msn}/{reference}").hex
    shown: dict[str, Any] = {
        "aggregate": {
            "authorizedAmount": dict(nothing),
            "cancelledAmount": dict(nothing),
            "capturedAmount": dict(nothing),
            "refundedAmount": dict(nothing),
        },
        "amount": {"currency": currency, "value": value},
        "state": "CREATED",
        "paymentMethod": {"type": body["paymentMethod"]["type"]},
        "profile": {},
        "reference": reference,
    }
    if body["userFlow"] != "PUSH_MESSAGE":
        host = "qr" if body["userFlow"] == "QR" else "landing"
        shown["redirectUrl"] = f"https://{host}.simulator.invalid/?token={token}"
    if body.get("metadata") is not None:
        shown["metadata"] = body["metadata"]
    simulated: dict[str, Any] = {"token": token}
    if body.get("expiresAt") is not None:
        simulated["expiresAt"] = zulu(parse_time(body["expiresAt"].upper()))
    if body.get("shipping") is not None:
        simulated["shipping"] = body["shipping"]
    if scope := (body.get("profile") or {}).get("scope"):
        simulated["scope"] = scope
    payment = Payment(msn, shown, [], simulated)
    shown["pspReference"] = payment.record("CREATED", value, now, key=key)
    return payment
