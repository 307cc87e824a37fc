"""Build payments, events and state lines as the ePayment API and the simulator write them.

Source: the OpenAPI file of the ePayment API in tests/data/openapi.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MSN = "123456"
TOTALS = ("authorized", "captured", "refunded", "cancelled")


def make_amount(value: object, currency: str = "NOK") -> dict[str, Any]:
    """Return an amount in minor units; a test may give a value that is not valid."""
    return {"currency": currency, "value": value}


def make_payment(
    reference: str,
    amount: int,
    *,
    currency: str = "NOK",
    state: str = "AUTHORIZED",
    psp_reference: str | None = None,
    **totals: int,
) -> dict[str, Any]:
    """Return the answer to GET payment.

    Args:
        reference: The payment's reference.
        amount: The amount requested from the customer, in minor units.
        currency: The currency of all amounts.
        state: The payment's state.
        psp_reference: Made from the reference if it is not given.
        **totals: Any of TOTALS, in minor units; 0 if it is not given.
    """
    unknown = totals.keys() - set(TOTALS)
    assert not unknown, f"a payment has no total {unknown}"
    return {
        "aggregate": {
            f"{name}Amount": make_amount(totals.get(name, 0), currency) for name in TOTALS
        },
        "amount": make_amount(amount, currency),
        "state": state,
        "paymentMethod": {"type": "WALLET"},
        "profile": {},
        "pspReference": psp_reference or f"{reference}-CREATED",
        "reference": reference,
    }


def make_event(
    reference: str,
    name: str,
    value: int,
    timestamp: str,
    *,
    currency: str = "NOK",
    psp_reference: str | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    """Return one entry of a payment's event log.

    Args:
        reference: The payment's reference.
        name: CREATED, AUTHORIZED, CAPTURED and so on.
        value: The amount in minor units.
        timestamp: In the API's own form.
        currency: The amount's currency.
        psp_reference: Made from the reference and the name if it is not given.
        key: The idempotency key; the entry has none if it is not given.
    """
    event = {
        "reference": reference,
        "pspReference": psp_reference or f"{reference}-{name}",
        "name": name,
        "amount": make_amount(value, currency),
        "timestamp": timestamp,
        "success": True,
    }
    return event if key is None else event | {"idempotencyKey": key}


def make_state_line(
    payment: dict[str, Any], events: list[dict[str, Any]], msn: str = MSN
) -> dict[str, Any]:
    """Return the line of a payment in the simulator's state file."""
    return {"msn": msn, "payment": payment, "events": events}


def make_history_line(
    reference: str,
    steps: Iterable[tuple[str, int, str]],
    *,
    currency: str = "NOK",
    state: str = "AUTHORIZED",
    msn: str = MSN,
    psp: str = "",
    **totals: int,
) -> dict[str, Any]:
    """Return the state line of a payment with the log of what happened to it.

    Args:
        reference: The payment's reference.
        steps: Event name, minor units and timestamp; a step of 0 is left out. The first one is the
            amount requested.
        currency: The currency of all amounts.
        state: The payment's state.
        msn: The sales unit.
        psp: Part of every PSP reference; another one makes another payment.
        **totals: Any of TOTALS; the sum of the steps if it is not given.
    """
    happened = [step for step in steps if step[1]]
    for total in TOTALS:
        totals.setdefault(total, sum(value for name, value, _ in happened if name == total.upper()))
    events = [
        make_event(
            reference,
            name,
            value,
            timestamp,
            currency=currency,
            psp_reference=f"{reference}{psp}-{number}",
            key=f"shop-{reference}-{number}",
        )
        for number, (name, value, timestamp) in enumerate(happened)
    ]
    payment = make_payment(
        reference,
        happened[0][1],
        currency=currency,
        state=state,
        psp_reference=f"{reference}{psp}-0",
        **totals,
    )
    return make_state_line(payment, events, msn)
