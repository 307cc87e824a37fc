"""Call the simulator as a shop does, in this process and without a socket."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import httpx
import pytest

from tests.payments import MSN, TOTALS, make_amount, make_event, make_payment, make_state_line
from vippsrecon.simulator import Simulator

CLOCK = "2026-01-31T12:00:00Z"
UNIT = {
    "msn": MSN,
    "client_id": "11111111-1111-4111-8111-111111111111",
    "client_secret": "not-a-secret=",
    "subscription_key": "0123456789abcdef0123456789abcdef",
    "market": "NO",
}


def payment_line(reference="order-0001", **fields) -> dict[str, Any]:
    """Return a state line: a payment with these totals and the events that explain them."""
    state = fields.get("state", "AUTHORIZED")
    currency = fields.get("currency", "NOK")
    amount = fields.get("amount", 1000)
    at = fields.get("at", "2026-01-30T12:00:00")
    totals = {
        name: fields.get(name, amount if (name, state) == ("authorized", "AUTHORIZED") else 0)
        for name in TOTALS
    }
    events = []

    def add_event(name, value, seconds, psp, key=None):
        events.append(
            make_event(
                reference,
                name,
                value,
                f"{at}.{seconds}Z",
                currency=currency,
                psp_reference=psp,
                key=key,
            )
        )

    created = "83b3fdb0-9547-4ec5-bdb7-5600ce70e792"
    add_event("CREATED", amount, "1234567", created, "create-1")
    if totals["authorized"]:
        add_event("AUTHORIZED", totals["authorized"], "2", "1304787731", "create-1")
    for name, psp in (("captured", "2018200034"), ("refunded", "2019"), ("cancelled", "2020")):
        if totals[name]:
            add_event(name.upper(), totals[name], "345", psp, f"{name}-1")
    if state in ("ABORTED", "EXPIRED", "TERMINATED"):
        add_event(state, amount, "456", "2021")
    payment = make_payment(
        reference, amount, currency=currency, state=state, psp_reference=created, **totals
    )
    return make_state_line(payment, events, fields.get("msn", MSN))


def ledger_line(ledger_id="302321", msn=MSN, currency="NOK") -> dict[str, Any]:
    """Return a state line: a ledger of one sales unit."""
    return {
        "ledger": {
            "ledgerId": ledger_id,
            "currency": currency,
            "payoutBankAccount": {"scheme": "BBAN:NO", "id": "86011117947"},
            "owner": {"scheme": "business:NO:ORG", "id": "987654321"},
            "settlesForRecipientHandles": [f"api:{msn}"],
        }
    }


def entry_line(number=1, *, day="2026-01-30", amount=100, **fields) -> dict[str, Any]:
    """Return a state line: a ledger entry."""
    before = fields.get("before", (number - 1) * amount)
    entry = {
        "pspReference": str(10_000 + number),
        "time": f"{day}T10:00:00.000000Z",
        "ledgerDate": day,
        "entryType": "capture",
        "reference": f"order-{number:04}",
        "currency": "NOK",
        "amount": amount,
        "balanceBefore": before,
        "balanceAfter": before + amount,
        "recipientHandle": f"api:{MSN}",
    }
    entry |= fields.get("more", {})
    ledger_id, topic = fields.get("ledger_id", "302321"), fields.get("topic", "funds")
    return {"ledgerId": ledger_id, "topic": topic, "entry": entry}


class Shop:
    """A merchant's HTTP client: it adds the token and the headers."""

    def __init__(self, simulator: Simulator, keys: dict[str, Any], msn: str = MSN) -> None:
        self.simulator = simulator
        self.msn = msn
        self.keys = keys
        self._runner = asyncio.Runner()
        simulator.set_connection_error(httpx.ReadError)
        transport = httpx.ASGITransport(app=simulator.app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        self._numbers = itertools.count(1)
        self.token: str | None = None

    def close(self) -> None:
        """Close the client and its loop."""
        self._runner.run(self._client.aclose())
        self._runner.close()

    def request(self, method, path, **more) -> httpx.Response:
        """Send one request."""
        return self._runner.run(self._client.request(method, path, **more))

    def together(self, *calls) -> list[httpx.Response]:
        """Send requests at the same time. Each is method, path and options."""

        async def all_at_once():
            sent = (self._client.request(method, path, **more) for method, path, more in calls)
            return await asyncio.gather(*sent)

        return self._runner.run(all_at_once())

    def ask_token(self, **headers) -> httpx.Response:
        """Request a token. A header given as None is left out."""
        token_headers = {
            "client_id": self.keys["client_id"],
            "client_secret": self.keys["client_secret"],
            "Ocp-Apim-Subscription-Key": self.keys["subscription_key"],
            "Merchant-Serial-Number": self.msn,
        }
        return self.request(
            "POST", "/accesstoken/get", headers=_drop_missing(token_headers | headers)
        )

    def headers(self, **changed) -> dict[str, str]:
        """Return the headers of a call. A header given as None is left out."""
        if self.token is None:
            self.token = self.ask_token().json()["access_token"]
        fields = {
            "Authorization": f"Bearer {self.token}",
            "Ocp-Apim-Subscription-Key": self.keys["subscription_key"],
            "Merchant-Serial-Number": self.msn,
        }
        return _drop_missing(fields | changed)

    def get(self, path, headers=None, **query) -> httpx.Response:
        """Send a GET request; keyword arguments are the query."""
        return self.request("GET", path, headers=self.headers(**(headers or {})), params=query)

    def post(self, path, json=None, key=None, headers=None, **more) -> httpx.Response:
        """Send a body, with a new idempotency key unless one is given."""
        sent = self.headers(**{"Idempotency-Key": key or f"key-{next(self._numbers)}"})
        sent = _drop_missing(sent | (headers or {}))
        if json is not None:
            more["json"] = json
        return self.request("POST", path, headers=sent, **more)

    def payment(self, reference="order-0001") -> httpx.Response:
        """Read a payment."""
        return self.get(f"/epayment/v1/payments/{reference}")

    def events(self, reference="order-0001") -> list[dict[str, Any]]:
        """Read an event log."""
        return self.get(f"/epayment/v1/payments/{reference}/events").json()

    def total(self, name, reference="order-0001") -> int:
        """Return one of the four totals of a payment."""
        return self.payment(reference).json()["aggregate"][f"{name}Amount"]["value"]

    def capture(self, value=1000, reference="order-0001", **more) -> httpx.Response:
        """Capture an amount."""
        return self.modify("capture", value, reference, **more)

    def refund(self, value=1000, reference="order-0001", **more) -> httpx.Response:
        """Refund an amount."""
        return self.modify("refund", value, reference, **more)

    def modify(self, verb, value, reference="order-0001", currency="NOK", **more):
        """Capture or refund."""
        body = {"modificationAmount": {"currency": currency, "value": value}}
        return self.post(f"/epayment/v1/payments/{reference}/{verb}", body, **more)

    def cancel(self, reference="order-0001", body=None, **more) -> httpx.Response:
        """Cancel a payment."""
        return self.post(f"/epayment/v1/payments/{reference}/cancel", body, **more)

    def create(self, reference="order-0002", *, key=None, without=(), **fields) -> httpx.Response:
        """Create a payment of 10.00 NOK, with fields changed or left out."""
        body = {
            "amount": make_amount(1000),
            "paymentMethod": {"type": "WALLET"},
            "reference": reference,
            "userFlow": "WEB_REDIRECT",
            "returnUrl": "https://shop.example/return",
        }
        body = {k: v for k, v in (body | fields).items() if k not in without}
        return self.post("/epayment/v1/payments", body, key=key)

    def approve(self, reference="order-0002", body=None) -> httpx.Response:
        """Approve with the force-approve call."""
        body = body or {"customer": {"phoneNumber": "4700000000"}}
        return self.post(f"/epayment/v1/test/payments/{reference}/approve", body)

    def payer(self, action, reference="order-0002", **more) -> httpx.Response:
        """Act as the payer in the app."""
        body = {"msn": self.msn, "reference": reference, "action": action} | more
        return self.request("POST", "/_simulator/payer", json=body)


def _drop_missing(headers):
    return {name: value for name, value in headers.items() if value is not None}


@pytest.fixture
def shop():
    """Open a shop at a simulator with these lines.

    `unit` describes its keys; None accepts any keys.
    """
    opened = []

    def make(*lines, unit=None, keys=None, msn=MSN, clock=CLOCK, **more) -> Shop:
        head = [{"clock": clock}] + ([{"sales_unit": UNIT | unit}] if unit is not None else [])
        merchant = Shop(Simulator([*head, *lines], **more), keys or UNIT, msn)
        opened.append(merchant)
        return merchant

    yield make
    for merchant in opened:
        merchant.close()


@pytest.fixture
def line():
    """Return the builders of state lines."""

    class Lines:
        payment = staticmethod(payment_line)
        ledger = staticmethod(ledger_line)
        entry = staticmethod(entry_line)
        unit = UNIT

    return Lines
