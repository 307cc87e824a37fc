"""Act as the payer: approve, decline, choose the shipping option."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from vippsrecon.simulator.apis.error_responses import DomainRefusal
from vippsrecon.simulator.clock import format_event_time
from vippsrecon.simulator.payments.state_machine import CAPTURE_GUARANTEE, SimulatedPayment

UNKNOWN_RESULT_AMOUNT = 201
MAGIC_PAYMENT_CODES = {151: 10010, 182: 10010, 183: 10010, 184: 10070, 186: 500, 187: 10040}
MAGIC_PAYMENT_CODES |= {197: 10030, 202: 10030}
"""Amounts that fail for a test payer → refusal code of force approve. 186, an expired card, is a
plain HTTP 500. Source:
https://developer.vippsmobilepay.com/docs/knowledge-base/test-environment/"""


def approve(
    payment: SimulatedPayment,
    now: datetime,
    *,
    magic: bool,
    option: str | None = None,
) -> None:
    """Let the payer approve.

    With Express the chosen shipping cost is added to the authorized amount, and the payment holds
    the delivery address. Amounts that fail on purpose add a failed AUTHORIZED event and leave the
    payment open.
    """
    if payment.state == "AUTHORIZED":
        raise DomainRefusal(6230)
    if payment.state != "CREATED" or "resultAt" in payment.simulated:
        raise DomainRefusal(10010, f"The payment is {payment.state}.")
    value = int(payment.payment["amount"]["value"])
    if magic and value == UNKNOWN_RESULT_AMOUNT:
        payment.simulated["resultAt"] = format_event_time(now + timedelta(hours=1))
        raise DomainRefusal(10010, "The result is not known yet.", recorded=True)
    if magic and value in MAGIC_PAYMENT_CODES:
        payment.record("AUTHORIZED", value, now, key=_find_create_key(payment), success=False)
        code = MAGIC_PAYMENT_CODES[value]
        raise DomainRefusal(3010 if code == 500 else code, recorded=True)
    authorize(payment, now, option)


def authorize(payment: SimulatedPayment, now: datetime, option: str | None = None) -> None:
    """Reserve the amount after the payer or a test approved."""
    value = int(payment.payment["amount"]["value"])
    shipping = payment.simulated.get("shipping")
    if shipping is not None:
        details = _choose_shipping_details(shipping, option)
        payment.payment["shippingDetails"] = details
        payment.payment["userDetails"] = _PAYER_DETAILS
        value += details["shippingCost"]
    if payment.simulated.get("scope"):
        payment.payment["profile"] = {
            "sub": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{payment.msn}/{payment.reference}"))
        }
    payment.payment["state"] = "AUTHORIZED"
    payment.add("authorized", value)
    guaranteed = (now + CAPTURE_GUARANTEE).isoformat(timespec="milliseconds")
    payment.payment["captureGuaranteedUntil"] = guaranteed
    payment.record("AUTHORIZED", value, now, key=_find_create_key(payment))
    payment.discard_pending_details()


def _find_create_key(payment: SimulatedPayment) -> str | None:
    return payment.events[0].get("idempotencyKey") if payment.events else None


_ADDRESS = {
    "addressLine1": "Example street 1",
    "city": "Example",
    "country": "NO",
    "postCode": "0001",
}
_PAYER_DETAILS = {
    "email": "payer@example.com",
    "firstName": "Example",
    "lastName": "Payer",
    "mobileNumber": "4700000000",
}


def _choose_shipping_details(shipping: dict[str, Any], option: str | None) -> dict[str, Any]:
    """Return the requested shipping option, else the default, else the first."""
    groups = shipping.get("fixedOptions") or []
    options = [choice for group in groups for choice in group["options"]]
    chosen = next((choice for choice in options if choice["id"] == option), None)
    chosen = chosen or next((choice for choice in options if choice.get("isDefault")), None)
    # The callback of dynamic options is not called: the simulator makes no requests itself.
    chosen = (
        chosen or (options or [{"id": "dynamic-1", "name": "Parcel", "amount": {"value": 0}}])[0]
    )
    return {
        "address": _ADDRESS,
        "shippingCost": chosen["amount"]["value"],
        "shippingOptionId": chosen["id"],
        "shippingOptionName": chosen["name"],
    }


def decline(payment: SimulatedPayment, now: datetime) -> None:
    """Let the payer decline."""
    if payment.state != "CREATED":
        raise DomainRefusal(10010, f"The payment is {payment.state}.")
    payment.payment["state"] = "ABORTED"
    payment.discard_pending_details()
    payment.record("ABORTED", int(payment.payment["amount"]["value"]), now)
