"""The client and the simulator: every operation, in this process and over sockets."""

from __future__ import annotations

from datetime import UTC, date, datetime

import httpx
import orjson
import pytest
import stamina

from tests.api.conftest import MSN, entry_body, payment_body
from tests.payments import make_amount as nok
from vippsrecon import errors
from vippsrecon.api import Client
from vippsrecon.simulator import Simulator, serve

UNIT = {
    "sales_unit": {
        "msn": MSN,
        "client_id": "client-id",
        "client_secret": "MARK-client-secret-9f2c",
        "subscription_key": "MARK-subscription-key-77aa",
        "market": "NO",
    }
}
CLOCK = {"clock": "2026-01-31T12:00:00Z"}
PHONE = "4791234567"
ASKED = {
    "reference": "order-001",
    "amount": nok(1000),
    "paymentMethod": {"type": "WALLET"},
    "userFlow": "PUSH_MESSAGE",
    "customer": {"phoneNumber": PHONE},
}


@pytest.fixture
def simulator():
    """Return a simulator with one sales unit, its keys and a clock."""
    return Simulator([UNIT, CLOCK])


@pytest.fixture(params=["in process", "socket"])
def client(request, simulator, settings):
    """Return a client, once in this process and once over a socket."""
    if request.param == "in process":
        with Client(
            settings(retry_seconds=5), transport=httpx.ASGITransport(simulator.app)
        ) as client:
            yield client
    else:
        with (
            serve(simulator) as base_url,
            Client(settings(base_url=base_url, retry_seconds=5)) as client,
        ):
            yield client


def test_payment_from_creation_to_refund(client):
    """Create, approve, capture, refund, cancel the rest, and read the result."""
    client.create_payment(ASKED, idempotency_key="create-1")
    client.force_approve("order-001", phone_number=PHONE)
    client.capture("order-001", 600, "NOK", idempotency_key="capture-1")
    client.refund("order-001", 100, "NOK", idempotency_key="refund-1")
    cancelled = client.cancel("order-001", idempotency_key="cancel-1")
    payment = client.payment("order-001")
    log = {event.name: event for event in client.events("order-001")}

    assert cancelled[2:] == payment[2:10]
    assert payment.state == "AUTHORIZED"
    assert payment[6:10] == (1000, 600, 100, 400)
    assert list(log) == ["CREATED", "AUTHORIZED", "CAPTURED", "REFUNDED", "CANCELLED"]
    assert log["CAPTURED"].idempotency_key == "capture-1"
    assert client.now().date() == date(2026, 1, 31)


def test_refusal_has_its_domain_code(client):
    """The code decides what happens next with a plan row."""
    client.create_payment(ASKED, idempotency_key="create-1")
    with pytest.raises(errors.RefusedError) as caught:
        client.capture("order-001", 600, "NOK", idempotency_key="capture-1")

    assert (caught.value.code, caught.value.reference) == ("6080", "order-001")
    assert caught.value.trace_id


def test_unknown_reference_raises_not_found(client):
    """A payment of another sales unit gives the same answer."""
    with pytest.raises(errors.PaymentNotFoundError, match="order-404"):
        client.payment("order-404")


def test_expired_token_is_renewed_before_the_call(client, simulator):
    """The first call of a laptop that slept for a day must not fail."""
    client.create_payment(ASKED, idempotency_key="create-1")
    simulator.advance(26 * 3600)

    assert client.payment("order-001").reference == "order-001"


def test_wrong_keys_raise_an_authentication_error(simulator, settings):
    """The error comes before any other call."""
    transport = httpx.ASGITransport(simulator.app)
    with (
        Client(settings(client_secret="another"), transport=transport) as client,
        pytest.raises(errors.UnauthorizedError, match="check client id"),
    ):
        client.check_keys()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"drop_after": True}, id="answer lost"),
        pytest.param({"drop_before": True}, id="never arrived"),
        pytest.param({"status": 503}, id="down"),
        pytest.param({"status": 429, "retry_after": 1}, id="too often"),
        pytest.param({"truncate": True}, id="truncated"),
        pytest.param({"html_body": True}, id="HTML"),
    ],
)
def test_a_refund_is_made_once_under_every_fault(client, simulator, fault):
    """A third of all attempts fail, and the customer still gets the money exactly once."""
    client.create_payment(ASKED, idempotency_key="create-1")
    client.force_approve("order-001", phone_number=PHONE)
    client.capture("order-001", 1000, "NOK", idempotency_key="capture-1")
    simulator.set_faults([{"operations": ["refund"], "share": 0.35, **fault}])
    with stamina.set_testing(True, attempts=30):
        for turn in range(4):
            client.refund("order-001", 100, "NOK", idempotency_key=f"refund-{turn}")
            # The simulator allows five calls a minute, so the clock moves past that limit.
            simulator.advance(61)
    simulator.set_faults([])

    assert client.payment("order-001").refunded_minor == 400


def test_ledgers_dates_and_feed_are_read(settings):
    """Ledgers by sales unit, one date of one ledger, and the feed."""
    entry = entry_body(time="2026-01-30T10:00:00.000000Z", ledgerDate="2026-01-30")
    ledger = {
        "ledgerId": "302321",
        "currency": "NOK",
        "payoutBankAccount": {"scheme": "BBAN:NO", "id": "86011117947"},
        "owner": {"scheme": "business:NO:ORG", "id": "987654321"},
        "settlesForRecipientHandles": ["api:123456"],
    }
    lines = [UNIT, CLOCK, {"ledger": ledger}]
    lines.append({"ledgerId": "302321", "topic": "funds", "entry": entry})
    transport = httpx.ASGITransport(Simulator(lines).app)
    with Client(settings(retry_seconds=5), transport=transport) as client:
        (ledger_read,) = client.ledgers(MSN)
        day = client.ledger_date("302321", "funds", date(2026, 1, 30))
        today = client.ledger_date("302321", "funds", date(2026, 1, 31))
        feed = client.feed("302321", "funds")

    assert ledger_read.msns == (MSN,)
    assert ([e.reference for e in day.entries], day.final) == (["order-001"], True)
    assert not today.final
    assert [e.amount_minor for e in feed.entries] == [250]


def test_the_simulators_clock_is_the_server_time(settings):
    """Tests can try a deadline that is a month away."""
    lines = [orjson.loads(orjson.dumps(UNIT)), CLOCK]
    lines.append({"msn": MSN, "payment": payment_body(), "events": []})
    simulator = Simulator(lines)
    with Client(settings(retry_seconds=5), transport=httpx.ASGITransport(simulator.app)) as client:
        simulator.advance(86_400)
        client.payment("order-001")

        assert client.now() >= datetime(2026, 2, 1, 12, tzinfo=UTC)
        assert abs(client.clock_skew_seconds()) > 60
