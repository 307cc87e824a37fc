"""Payments: operations, the event log, and what changes with time."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

DAY = 86_400


def test_a_payment_from_start_to_end(shop, line):
    """Created, approved, captured in two parts, refunded in part; the state stays AUTHORIZED."""
    merchant = shop(unit={})
    created = merchant.create(metadata={"cart": "1"}, profile={"scope": "name"})
    assert created.status_code == 201
    token = created.json()["redirectUrl"].partition("token=")[2]
    assert merchant.payment("order-0002").json()["state"] == "CREATED"
    assert merchant.approve(body={"token": token}).status_code == 200
    first = merchant.capture(400, "order-0002", key="cap-1")
    merchant.capture(300, "order-0002", key="cap-2")
    merchant.refund(250, "order-0002", key="ref-1")
    merchant.cancel("order-0002", {"cancelTransactionOnly": False})
    shown = merchant.payment("order-0002").json()

    assert first.headers["content-type"].startswith("application/problem+json")
    assert first.json()["amount"]["value"] == 1000
    assert first.json()["pspReference"] == shown["pspReference"]
    assert shown["state"] == "AUTHORIZED"
    assert {name: amount["value"] for name, amount in shown["aggregate"].items()} == {
        "authorizedAmount": 1000,
        "capturedAmount": 700,
        "refundedAmount": 250,
        "cancelledAmount": 300,
    }
    assert shown["metadata"] == {"cart": "1"}
    assert shown["profile"]["sub"]
    assert shown["captureGuaranteedUntil"].endswith("+00:00")
    assert "redirectUrl" not in shown
    events = merchant.events("order-0002")
    assert [event["name"] for event in events] == [
        "CREATED",
        "AUTHORIZED",
        "CAPTURED",
        "CAPTURED",
        "REFUNDED",
        "CANCELLED",
    ]
    keys = [event.get("idempotencyKey") for event in events]
    assert keys[2:] == ["cap-1", "cap-2", "ref-1", None]
    assert keys[0] == keys[1] is not None
    assert events[0]["pspReference"] == shown["pspReference"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", events[0]["pspReference"])
    assert all(event["pspReference"].isdigit() for event in events[1:])
    assert len({event["pspReference"] for event in events}) == len(events)
    assert re.search(r"\.\d{7}Z$", events[0]["timestamp"])
    times = [datetime.fromisoformat(event["timestamp"]) for event in events]
    assert times == sorted(times)


def test_cancelling_before_approval_terminates(shop, line):
    """Nothing was authorized, and the API still shows the whole amount as cancelled."""
    merchant = shop()
    merchant.create()
    answer = merchant.cancel("order-0002")

    assert answer.json()["state"] == "TERMINATED"
    assert answer.json()["aggregate"]["authorizedAmount"]["value"] == 0
    assert answer.json()["aggregate"]["cancelledAmount"]["value"] == 1000
    assert merchant.events("order-0002")[-1]["name"] == "TERMINATED"


@pytest.mark.parametrize("body", [None, {}, {"cancelTransactionOnly": False}], ids=repr)
def test_cancel_takes_any_of_its_bodies(shop, line, body):
    """No body, an empty object, or the documented object."""
    merchant = shop(line.payment(captured=400))

    assert merchant.cancel(body=body).json()["aggregate"]["cancelledAmount"]["value"] == 600


def test_cancel_takes_an_empty_body_called_json(shop, line):
    """Some clients send the content type without a body."""
    answer = shop(line.payment()).cancel(headers={"Content-Type": "application/json"})

    assert answer.status_code == 200


def test_the_payer_declines(shop):
    """The state is ABORTED, and all totals stay zero."""
    merchant = shop()
    merchant.create()
    assert merchant.payer("decline").json() == {"state": "ABORTED"}
    shown = merchant.payment("order-0002").json()

    assert {amount["value"] for amount in shown["aggregate"].values()} == {0}


def test_express_adds_the_freight(shop):
    """The authorized amount is larger than the requested one."""
    option = {"id": "mail-1", "name": "Mail", "amount": {"currency": "NOK", "value": 99}}
    other = option | {"id": "mail-2", "amount": {"currency": "NOK", "value": 49}}
    group = {"type": "MAILBOX", "brand": "POSTEN", "options": [option, other]}
    merchant = shop()
    merchant.create(shipping={"fixedOptions": [group]})
    merchant.payer("approve", shippingOptionId="mail-2")
    shown = merchant.payment("order-0002").json()

    assert shown["amount"]["value"] == 1000
    assert shown["aggregate"]["authorizedAmount"]["value"] == 1049
    assert shown["shippingDetails"]["shippingOptionId"] == "mail-2"


def test_an_unanswered_payment_expires(shop):
    """After ten minutes, not a second earlier."""
    merchant = shop()
    merchant.create()
    merchant.simulator.advance(590)
    assert merchant.payment("order-0002").json()["state"] == "CREATED"
    merchant.simulator.advance(15)

    assert merchant.payment("order-0002").json()["state"] == "EXPIRED"
    assert merchant.events("order-0002")[-1]["name"] == "EXPIRED"


def test_unknown_result_is_known_after_an_hour(shop):
    """Until then the result is unknown, and the payment does not expire."""
    merchant = shop()
    merchant.create(amount={"currency": "NOK", "value": 201})
    merchant.approve()
    merchant.simulator.advance(1800)
    assert merchant.payment("order-0002").json()["state"] == "CREATED"
    merchant.simulator.advance(1801)
    merchant.token = None

    assert merchant.payment("order-0002").json()["state"] == "AUTHORIZED"


def test_a_refused_refund_stays_in_the_log(shop, line):
    """A failed attempt is an event that changed nothing."""
    merchant = shop(line.payment(captured=1000))
    merchant.refund(123, key="ref-1")
    event = merchant.events()[-1]

    assert (event["name"], event["success"], event["idempotencyKey"]) == (
        "REFUNDED",
        False,
        "ref-1",
    )
    assert merchant.total("refunded") == 0


def test_magic_amounts_can_be_turned_off(shop, line):
    """Production refunds 1.23 like any other amount."""
    merchant = shop(line.payment(captured=1000), {"settings": {"magic_amounts": False}})

    assert merchant.refund(123).status_code == 200


@pytest.mark.parametrize(
    ("market", "currency", "late", "days"),
    [
        pytest.param("NO", "NOK", False, 180, id="Norway"),
        pytest.param("SE", "SEK", False, 180, id="Sweden"),
        pytest.param("DK", "DKK", False, 14, id="Denmark"),
        pytest.param("FI", "EUR", False, 14, id="Finland"),
        pytest.param("DK", "DKK", True, 180, id="Denmark with late capture"),
    ],
)
def test_capture_deadline_depends_on_the_market(shop, line, market, currency, late, days):
    """Until the deadline a capture succeeds; after it the reservation is released."""
    paid = line.payment(currency=currency, at="2026-01-31T12:00:00")
    merchant = shop(
        paid,
        paid | {"payment": paid["payment"] | {"reference": "order-0009"}},
        unit={"market": market, "late_capture": late},
    )
    merchant.simulator.advance(days * DAY - 60)
    merchant.token = None
    assert merchant.capture(100, currency=currency).status_code == 200
    merchant.simulator.advance(120)
    merchant.token = None
    assert merchant.total("cancelled") == 900
    assert merchant.total("cancelled", "order-0009") == 1000
    assert merchant.events()[-1]["name"] == "CANCELLED"

    refused = merchant.capture(100, "order-0009", currency=currency)
    assert refused.json()["extraDetails"][0]["reason"] == "6100"


def test_overdue_payment_in_the_state_file_is_unchanged(shop, line):
    """A state file is true at its moment, even where time would have changed it."""
    stale = line.payment("order-0007", at="2025-01-01T00:00:00")
    left = line.payment("order-0008", state="CREATED", at="2025-01-01T00:00:00")
    merchant = shop(stale, left)

    assert merchant.total("cancelled", "order-0007") == 0
    assert merchant.payment("order-0008").json()["state"] == "CREATED"
    assert merchant.capture(1, "order-0007").json()["extraDetails"][0]["reason"] == "6100"


def test_unknown_fields_are_returned_unchanged(shop, line):
    """Vipps MobilePay may add fields without notice, and a client must accept them."""
    state_line = line.payment()
    state_line["payment"]["brandNew"] = {"deep": [1]}
    state_line["events"][0]["alsoNew"] = None
    served = shop(state_line)

    assert served.payment().json()["brandNew"] == {"deep": [1]}
    assert "alsoNew" in served.events()[0]


def test_the_event_log_may_lag(shop, line):
    """The payment shows the refund before its log does."""
    merchant = shop(line.payment(captured=1000), {"settings": {"event_log_lag_ms": 5000}})
    merchant.refund(100)
    assert merchant.total("refunded") == 100
    assert merchant.events()[-1]["name"] == "CAPTURED"
    merchant.simulator.advance(6)

    assert merchant.events()[-1]["name"] == "REFUNDED"
