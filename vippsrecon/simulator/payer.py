"""What the payer does: approve, decline, choose the shipping."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from vippsrecon.simulator.apis.error_responses import Refusal
from vippsrecon.simulator.clock import zulu
from vippsrecon.simulator.payments import GUARANTEE, Payment

UNKNOWN_RESULT = 201
MAGIC_PAYMENTS = {151: 10010, 182: 10010, 183: 10010, 184: 10070, 186: 500, 187: 10040}
MAGIC_PAYMENTS |= {197: 10030, 202: 10030}
"""Amounts a test payer cannot pay → what a forced approval answers. 186, an expired card, is a
plain HTTP 500. Source:
https://developer.vippsmobilepay.com/docs/knowledge-base/test-environment/"""


def approve(
    payment: Payment,
    now: datetime,
    *,
    magic: bool,
    option: str | None = None,
) -> None:
    """Let the payer approve.

    With Express the chosen shipping is added to what is authorized, and the payment shows where
    to send it. Amounts that fail on purpose leave a failed AUTHORIZED event and the payment open.
    """
    if payment.state == "AUTHORIZED":
        raise Refusal(6230)
    if payment.state != "CREATED" or "resultAt" in payment.simulated:
        raise Refusal(10010, f"The payment is {payment.state}.")
    value = int(payment.payment["amount"]["value"])
    if magic and value == UNKNOWN_RESULT:
        payment.simulated["resultAt"] = zulu(now + timedelta(hours=1))
        raise Refusal(10010, "The result is not known yet.", recorded=True)
    if magic and value in MAGIC_PAYMENTS:
        payment.record("AUTHORIZED", value, now, key=_create_key(payment), success=False)
        code = MAGIC_PAYMENTS[value]
        raise Refusal(3010 if code == 500 else code, recorded=True)
    authorize(payment, now, option)


def authorize(payment: Payment, now: datetime, option: str | None = None) -> None:
    """Reserve the money, whoever or whatever approved."""
    value = int(payment.payment["amount"]["value"])
    shipping = payment.simulated.get("shipping")
    if shipping is not None:
        details = _shipping_details(shipping, option)
        payment.payment["shippingDetails"] = details
        payment.payment["userDetails"] = _PAYER
        value += details["shippingCost"]
    if payment.simulated.get("scope"):
        payment.payment["profile"] = {
            "sub": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{payment.msn}/{payment.reference}"))
        }
    payment.payment["state"] = "AUTHORIZED"
    payment.add("authorized", value)
    guaranteed = (now + GUARANTEE).isoformat(timespec="milliseconds")
    payment.payment["captureGuaranteedUntil"] = guaranteed
    payment.record("AUTHORIZED", value, now, key=_create_key(payment))
    payment.answered()


def _create_key(payment: Payment) -> str | None:
    return payment.events[0].get("idempotencyKey") if payment.events else None


_ADDRESS = {
    "addressLine1": "Example street 1",
    "city": "Example",
    "country": "NO",
    "postCode": "0001",
}
_PAYER = {
    "email": "payer@example.com",
    "firstName": "Example",
    "lastName": "Payer",
    "mobileNumber": "4700000000",
}


def _shipping_details(shipping: dict[str, Any], option: str | None) -> dict[str, Any]:
    """Choose the option asked for, else the default one, else the first."""
    groups = shipping.get("fixedOptions") or []
    options = [one for group in groups for one in group["options"]]
    chosen = next((one for one in options if one["id"] == option), None)
    chosen = chosen or next((one for one in options if one.get("isDefault")), None)
    # The callback of dynamic options is not called: a simulator on loopback calls nobody.
    chosen = (
        chosen or (options or [{"id": "dynamic-1", "name": "Parcel", "amount": {"value": 0}}])[0]
    )
    return {
        "address": _ADDRESS,
        "shippingCost": chosen["amount"]["value"],
        "shippingOptionId": chosen["id"],
        "shippingOptionName": chosen["name"],
    }


def decline(payment: Payment, now: datetime) -> None:
    """Let the payer decline."""
    if payment.state != "CREATED":
        raise Refusal(10010, f"The payment is {payment.state}.")
    payment.payment["state"] = "ABORTED"
    payment.answered()
    payment.record("ABORTED", int(payment.payment["amount"]["value"]), now)
