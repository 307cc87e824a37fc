"""Build payments in the exact format of the ePayment API (`GetPaymentResponse`, `PaymentEvent`)."""

from __future__ import annotations

from typing import Any

from vippsrecon.scenario.calendar import format_utc
from vippsrecon.scenario.models import ScenarioEvent, ScenarioPayment

_FIRST_PSP_REFERENCE = 20_000_000_000
_EVENTS_PER_PAYMENT = 16


def get_psp_reference(payment: ScenarioPayment, position: int) -> str:
    """Return the pspReference of an event; its ledger entry has the same."""
    if position == 0:
        return payment.psp_reference
    return str(_FIRST_PSP_REFERENCE + payment.serial * _EVENTS_PER_PAYMENT + position)


def build_payment_answer(payment: ScenarioPayment) -> dict[str, Any]:
    """Return the answer to GET payment."""
    currency = payment.unit.currency

    def amount(value: int) -> dict[str, Any]:
        return {"currency": currency, "value": value}

    method: dict[str, Any] = {"type": payment.method}
    if payment.method == "CARD":
        method["cardBin"] = "411111"
    answer: dict[str, Any] = {
        "aggregate": {
            "authorizedAmount": amount(payment.total("AUTHORIZED")),
            "cancelledAmount": amount(payment.total("CANCELLED") + payment.total("TERMINATED")),
            "capturedAmount": amount(payment.total("CAPTURED") + payment.aggregate_error),
            "refundedAmount": amount(payment.total("REFUNDED")),
        },
        "amount": amount(payment.amount),
        "state": payment.state,
        "paymentMethod": method,
        "profile": {},
        "pspReference": payment.psp_reference,
        "reference": payment.reference,
    }
    if payment.guaranteed_until is not None:
        answer["captureGuaranteedUntil"] = f"{format_utc(payment.guaranteed_until)}.000+00:00"
    if payment.express:
        freight = payment.total("AUTHORIZED") - payment.amount
        answer["shippingDetails"] = {
            "address": {
                "addressLine1": "Testgata 1",
                "city": "Testby",
                "country": payment.unit.market,
                "postCode": "0000",
            },
            "shippingCost": freight,
            "shippingOptionId": "standard",
            "shippingOptionName": "Standard",
        }
        answer["userDetails"] = {
            "email": "test.kunde@example.com",
            "firstName": "Test",
            "lastName": "Kunde",
            "mobileNumber": "4700000000",
        }
    return answer


def build_event_log(payment: ScenarioPayment) -> list[dict[str, Any]]:
    """Return the answer to GET events: the operations in chronological order."""
    return [_build_event(payment, position, event) for position, event in enumerate(payment.events)]


def _build_event(payment: ScenarioPayment, position: int, event: ScenarioEvent) -> dict[str, Any]:
    thousandth = (payment.serial * 137 + position * 411) % 1000
    answer: dict[str, Any] = {
        "reference": payment.reference,
        "pspReference": get_psp_reference(payment, position),
        "name": event.name,
        "amount": {"currency": payment.unit.currency, "value": event.amount},
        "timestamp": f"{format_utc(event.at)}.{thousandth:03}Z",
        "success": event.success,
    }
    if event.key is not None:
        answer["idempotencyKey"] = event.key
    return answer
