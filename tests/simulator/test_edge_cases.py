"""Rare situations that must be right all the same."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading

import httpx
import pytest

from vippsrecon.simulator import Simulator, SimulatorInputError, run, serve
from vippsrecon.simulator.credentials import UNRESTRICTED_HOLDER, KeyRegistry

PAYMENTS = "/epayment/v1/payments"
GROUP = {
    "type": "MAILBOX",
    "brand": "POSTEN",
    "options": [
        {
            "id": "mail-1",
            "name": "Mail",
            "isDefault": True,
            "amount": {"currency": "NOK", "value": 5},
        }
    ],
}
PASSTHROUGH = {
    "pspReference": "psp-1",
    "cardCallbackUrl": "https://psp.example/",
    "allowedCardTypes": ["VISA_DEBIT"],
}
CARD = {"type": "CARD_PASSTHROUGH"}


def code(answer):
    """Return the code of a refusal, or the first field of a broken schema."""
    extra = answer.json()["extraDetails"][0]
    return extra["reason"] if extra["name"] == "ErrorCode" else extra["name"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"amount": {"currency": "NOK", "value": "1"}}, "3010", id="amount is text"),
        pytest.param({"amount": 5}, "amount", id="amount is a number"),
        pytest.param({"paymentMethod": CARD}, "4140", id="passthrough without data"),
        pytest.param({"cardPassthrough": PASSTHROUGH}, "4160", id="data without passthrough"),
        pytest.param({"shipping": {}}, "4140", id="no options"),
        pytest.param(
            {"shipping": {"dynamicOptions": {"callbackUrl": "http://shop.example"}}},
            "4090",
            id="callback without https",
        ),
        pytest.param({"expiresAt": "2026-13-40T99:00:00Z"}, "6130", id="no receipt comes first"),
        pytest.param({"paymentMethod": {"type": "WALLET", "blockedSources": ["X"]}}, None, id="in"),
        pytest.param({"qrFormat": {"format": "IMAGE/PNG", "size": 99}}, "qrFormat.size", id="size"),
        pytest.param({"userFlow": 5}, "userFlow", id="a number for text"),
    ],
)
def test_invalid_create_request_is_refused(shop, fields, expected):
    """Each request has another fault."""
    answer = shop(unit={}).create(**fields)

    assert answer.status_code >= 400
    assert code(answer) == (expected or "paymentMethod.blockedSources[0]")


def test_a_time_that_does_not_exist_is_a_broken_field(shop):
    """The pattern alone accepts a thirteenth month."""
    line = {"name": "a", "id": "1", "totalAmount": 1, "totalAmountExcludingTax": 1}
    receipt = {"orderLines": [line | {"totalTaxAmount": 0}], "bottomLine": {"currency": "NOK"}}
    answer = shop().create(expiresAt="2026-13-01T00:00:00Z", receipt=receipt)

    assert code(answer) == "expiresAt"


@pytest.mark.parametrize(
    ("fields", "redirect"),
    [
        pytest.param({"userFlow": "QR"}, "https://qr.", id="QR"),
        pytest.param({"returnUrl": "myshop://back"}, "https://landing.", id="an app's scheme"),
        pytest.param(
            {"userFlow": "PUSH_MESSAGE", "customer": {"phoneNumber": "4700000000"}}, None, id="push"
        ),
        pytest.param(
            {"userFlow": "PUSH_MESSAGE", "customer": {"personalQr": "https://qr.example/1"}},
            None,
            id="personal QR",
        ),
        pytest.param(
            {"paymentMethod": CARD, "cardPassthrough": PASSTHROUGH}, "https://landing.", id="card"
        ),
    ],
)
def test_payment_can_be_created_in_every_user_flow(shop, fields, redirect):
    """A push message has no redirect URL."""
    answer = shop(unit={}).create(**fields)

    assert answer.status_code == 201
    assert answer.json().get("redirectUrl", "").startswith(redirect or "")
    assert ("redirectUrl" in answer.json()) == (redirect is not None)


def test_long_lived_payment_expires_at_its_own_time(shop):
    """It expires at exactly the time given in the request."""
    line = {"name": "a", "id": "1", "totalAmount": 1, "totalAmountExcludingTax": 1}
    receipt = {"orderLines": [line | {"totalTaxAmount": 0}], "bottomLine": {"currency": "NOK"}}
    merchant = shop()
    assert merchant.create(expiresAt="2026-02-02T12:00:00Z", receipt=receipt).status_code == 201
    merchant.simulator.advance(86_400)
    merchant.token = None
    assert merchant.payment("order-0002").json()["state"] == "CREATED"
    merchant.simulator.advance(86_400)
    merchant.token = None

    assert merchant.payment("order-0002").json()["state"] == "EXPIRED"
    assert merchant.events("order-0002")[-1]["timestamp"] == "2026-02-02T12:00:00Z"


@pytest.mark.parametrize(
    ("shipping", "freight"),
    [
        pytest.param({"fixedOptions": [GROUP]}, 5, id="the default option"),
        pytest.param(
            {"dynamicOptions": {"callbackUrl": "https://shop.example/cb"}}, 0, id="dynamic"
        ),
    ],
)
def test_express_uses_the_default_shipping_option(shop, shipping, freight):
    """The default option counts; the callback of dynamic options is not called."""
    merchant = shop()
    merchant.create(shipping=shipping)
    merchant.payer("approve")

    assert merchant.total("authorized", "order-0002") == 1000 + freight


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"token": "wrong"}, "10010", id="another's token"),
        pytest.param({"customer": {"phoneNumber": "12"}}, "4070", id="no number"),
        pytest.param({"customer": None}, "4140", id="nobody"),
        pytest.param([1], "$", id="no object"),
        pytest.param({"pin": "1"}, "pin", id="unknown field"),
    ],
)
def test_a_forced_approval_is_refused(shop, body, expected):
    """The payment stays open."""
    merchant = shop()
    merchant.create()

    assert code(merchant.approve(body=body)) == expected
    assert code(merchant.approve("order-9999")) == "5090"
    assert merchant.payment("order-0002").json()["state"] == "CREATED"


def test_invalid_action_of_the_payer_is_refused(shop, line):
    """A payer cannot decline an approved payment or do anything unknown."""
    merchant = shop(line.payment())

    assert merchant.payer("decline", "order-0001").json() == {"code": 10010}
    assert merchant.payer("dance", "order-0001").status_code == 400


def test_a_payment_without_events_has_no_deadline(shop, line):
    """Without events the time of approval is unknown, so nothing happens automatically."""
    bare = line.payment(captured=100) | {"events": []}
    waiting = line.payment("order-0002", state="CREATED") | {"events": []}
    merchant = shop(bare, waiting)
    merchant.simulator.advance(400 * 86_400)

    assert merchant.refund(50).status_code == 200
    assert merchant.capture(50).status_code == 200
    assert merchant.payment("order-0002").json()["state"] == "CREATED"


def test_fault_can_refuse_reads(shop, line):
    """A fault can refuse every operation."""
    merchant = shop(line.payment(), {"settings": {"refusals": [{"code": 3010}]}})

    assert merchant.payment().status_code == 500


def test_a_failed_refund_stays_failed_after_a_restart(shop, line):
    """Its event has the key, so the refund is not tried again."""
    before = shop(line.payment(captured=1000))
    before.refund(123, key="k")
    after = shop(*before.simulator.state(), clock="2026-01-31T12:00:05Z")
    after.simulator.set_settings(magic_amounts=False)

    assert code(after.refund(123, key="k")) == "6210"


def test_modification_without_a_valid_currency_is_refused(shop, line):
    """A missing and an unknown currency are both broken fields."""
    merchant = shop(line.payment())
    path = f"{PAYMENTS}/order-0001/capture"

    assert code(merchant.post(path, {"modificationAmount": {"value": 1}})) == (
        "modificationAmount.currency"
    )
    assert code(merchant.capture(1, currency="GLD")) == "modificationAmount.currency"
    assert code(merchant.post(f"{PAYMENTS}/order-0001/cancel", [])) == "$"


def test_expired_tokens_are_removed():
    """Expired tokens are removed."""
    keys, now = KeyRegistry(), Simulator().now()
    for _ in range(10_002):
        keys.issue_token(UNRESTRICTED_HOLDER, now, -1)

    assert len(keys._tokens) < 10
    assert keys.issue_token(UNRESTRICTED_HOLDER, now, 60) != keys.issue_token(
        UNRESTRICTED_HOLDER, now, 60
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"magic_amounts": 1},
        {"writes_per_minute": True},
        {"token_lifetime_seconds": None},
        {"refusals": "all"},
        {"refusals": [{"code": 6260, "when": "now"}]},
        {"refusals": [{"code": 6260, "times": -1}]},
    ],
    ids=repr,
)
def test_setting_of_the_wrong_type_is_refused(settings):
    """A value of the wrong type changes nothing."""
    simulator = Simulator()
    with pytest.raises(SimulatorInputError):
        simulator.set_settings(**settings)

    assert simulator.world.settings.changed() == {}


@pytest.mark.parametrize(
    "line_of",
    [
        {"ledger": {"ledgerId": "1", "settlesForRecipientHandles": "api:123456"}},
        {"msn": "123456", "payment": {"reference": "x"}, "events": []},
    ],
    ids=["handles", "payment"],
)
def test_invalid_state_lines_are_named(line_of):
    """Each invalid line is named."""
    with pytest.raises(SimulatorInputError, match="line 1"):
        Simulator([line_of])


def test_event_with_an_impossible_time_is_refused(line):
    """The fault is found when the file is read, not during a run."""
    state_line = line.payment()
    state_line["events"][0]["timestamp"] = "yesterday"
    with pytest.raises(SimulatorInputError, match="'yesterday'"):
        Simulator([state_line])


def test_empty_state_line_is_ignored():
    """A file may end with an empty line."""
    assert len(list(Simulator(["", b"\n"]).state())) == 1


def test_large_state_is_returned_completely(line):
    """There are two full batches and a smaller one."""
    simulator = Simulator(line.payment(f"order-{n:05}") for n in range(1001))
    with serve(simulator) as url, httpx.Client(base_url=url, trust_env=False) as client:
        assert len(client.get("/_simulator/state").text.splitlines()) == 1002


def test_app_accepts_lifespan_and_websocket_messages():
    """Some servers send a lifespan message or a websocket request first."""
    app = Simulator().app
    greetings = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent = []

    async def receive():
        return next(greetings)

    async def send(message):
        sent.append(message["type"])

    async def greet():
        await app({"type": "lifespan"}, receive, send)
        with pytest.raises(NotImplementedError, match="websocket"):
            await app({"type": "websocket"}, receive, send)

    asyncio.run(greet())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_port_in_use_is_reported():
    """The error names the port, and no thread stays behind."""
    before = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="in use"), serve(Simulator(), port=port):
            pass

    assert threading.active_count() == before


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_run_returns_after_a_stop_signal():
    """The signal is not passed on, because the caller has handled it."""
    urls = []

    def started(url):
        urls.append(url)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()

    before = signal.getsignal(signal.SIGTERM)
    run(Simulator(), port=0, started=started)

    assert urls[0].startswith("http://127.0.0.1:")
    assert signal.getsignal(signal.SIGTERM) == before
