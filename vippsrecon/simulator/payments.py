"""Payments and what may happen to them: the state machine. No HTTP here.

    CREATED ──approve──► AUTHORIZED ──capture*, refund*, cancel the rest──► AUTHORIZED
       ├──decline──► ABORTED      ├──nothing happens──► EXPIRED      └──cancel──► TERMINATED

`state` says how the reservation came out and never moves again; money is told by `aggregate`.

Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/operations/
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from vippsrecon.simulator.apis.error_responses import Refusal
from vippsrecon.simulator.clock import parse_time, zulu
from vippsrecon.simulator.credentials import SalesUnit

UNANSWERED = timedelta(minutes=10)
REFUND_PERIOD = timedelta(days=365)
GUARANTEE = timedelta(days=7)
CAPTURE_DAYS = {"NOK": 180, "SEK": 180, "DKK": 14, "EUR": 14}
CAPTURE_DAYS_BY_MARKET = {"NO": 180, "SE": 180, "DK": 14, "FI": 14}
LATE_CAPTURE_DAYS = 180

MAGIC_REFUNDS = {123: 6210, 124: 6220}
"""Amounts that cannot be refunded: nowhere to send it, too late. Source:
https://developer.vippsmobilepay.com/docs/knowledge-base/test-environment/"""


@dataclass(slots=True)
class Payment:
    """One payment as the API shows it, its event log, and what only the simulator knows."""

    msn: str
    payment: dict[str, Any]
    events: list[dict[str, Any]]
    simulated: dict[str, Any] = field(default_factory=dict)
    """Of a payment still unanswered: when it expires, what Express offers, and the like."""

    @property
    def reference(self) -> str:
        """The merchant's reference."""
        return str(self.payment["reference"])

    @property
    def state(self) -> str:
        """The state as served."""
        return str(self.payment["state"])

    @property
    def currency(self) -> str:
        """The currency of every amount of the payment."""
        return str(self.payment["amount"]["currency"])

    def total(self, name: str) -> int:
        """One of the four running totals (`authorized`, `captured` …), in minor units."""
        return int(self.payment["aggregate"][f"{name}Amount"]["value"])

    def add(self, name: str, value: int) -> None:
        """Add to a running total."""
        self.payment["aggregate"][f"{name}Amount"]["value"] += value

    def answered(self) -> None:
        """Forget what mattered only while the payer had not answered."""
        self.payment.pop("redirectUrl", None)
        self.simulated.clear()

    def happened_at(self, name: str) -> datetime | None:
        """When the first successful event of this name was, if it was."""
        for event in self.events:
            if event.get("name") == name and event.get("success", True):
                return parse_time(event["timestamp"])
        return None

    def record(
        self, name: str, value: int, now: datetime, *, key: str | None = None, success: bool = True
    ) -> str:
        """Append an event and return its pspReference.

        CREATED has a GUID and seven decimals, the others digits and mostly three; the key is
        echoed on all but those of cancelling and of time running out. The log stays in order
        even where two events share a millisecond.
        """
        psp_reference = _psp_reference(self.msn, self.reference, len(self.events))
        if name == "CREATED":
            psp_reference = str(uuid.UUID(hex=hashlib.md5(psp_reference.encode()).hexdigest()))
        if self.events:
            now = max(now, parse_time(self.events[-1]["timestamp"]))
        digits = 7 if name == "CREATED" or len(self.events) % 4 == 3 else 3
        if digits < 6 and now.microsecond % 1000:
            now += timedelta(microseconds=1000 - now.microsecond % 1000)
        event: dict[str, Any] = {
            "reference": self.reference,
            "pspReference": psp_reference,
            "name": name,
            "amount": {"currency": self.currency, "value": value},
            "timestamp": zulu(now, digits if now.microsecond else 0),
        }
        if key is not None and name in ("CREATED", "AUTHORIZED", "CAPTURED", "REFUNDED"):
            event["idempotencyKey"] = key
        self.events.append(event | {"success": success})
        return psp_reference


def _psp_reference(msn: str, reference: str, number: int) -> str:
    # From what identifies the event, not from a counter: a simulator that goes on from a
    # saved state must never give out the same one again.
    digest = hashlib.blake2b(f"{msn}\0{reference}\0{number}".encode(), digest_size=8).digest()
    return str(10**13 + int.from_bytes(digest) % (9 * 10**13))


def capture_deadline(payment: Payment, unit: SalesUnit) -> datetime | None:
    """Return until when a payment can be captured; unknown where no event says when it began.

    Source: https://developer.vippsmobilepay.com/docs/knowledge-base/reserve-and-capture/
    """
    since = payment.happened_at("AUTHORIZED")
    if since is None:
        return None
    days = CAPTURE_DAYS_BY_MARKET.get(unit.market) or CAPTURE_DAYS.get(payment.currency, 180)
    return since + timedelta(days=LATE_CAPTURE_DAYS if unit.late_capture else days)


def remainder(payment: Payment) -> int:
    """Return what can still be captured or released, in minor units."""
    if payment.state != "AUTHORIZED":
        return 0
    return max(
        0, payment.total("authorized") - payment.total("captured") - payment.total("cancelled")
    )


def _check_amount(payment: Payment, value: int, currency: str) -> None:
    if currency != payment.currency:
        raise Refusal(5040, f"The payment is in {payment.currency}.")
    if value < 1:
        raise Refusal(4040, "The amount must be at least one minor unit.")


def capture(
    payment: Payment, value: int, currency: str, *, unit: SalesUnit, now: datetime, key: str
) -> str:
    """Capture a part or the whole of a reservation; return the operation's pspReference.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/operations/capture/
    """
    if not unit.bank_account_verified:
        raise Refusal(5060)
    if payment.state == "CREATED":
        raise Refusal(6080)
    if payment.state == "TERMINATED":
        raise Refusal(6070)
    if payment.state != "AUTHORIZED":
        raise Refusal(6200, f"The payment is {payment.state}.")
    if payment.total("captured") >= payment.total("authorized"):
        raise Refusal(6170)
    deadline = capture_deadline(payment, unit)
    if deadline is not None and now > deadline:
        raise Refusal(6100)
    rest = remainder(payment)
    if not rest:
        raise Refusal(6070)
    _check_amount(payment, value, currency)
    if value > rest:
        raise Refusal(6090, f"{rest} is left to capture.")
    if value < rest and not unit.partial_capture:
        raise Refusal(6140)
    payment.add("captured", value)
    return payment.record("CAPTURED", value, now, key=key)


def refund(
    payment: Payment,
    value: int,
    currency: str,
    *,
    unit: SalesUnit,
    now: datetime,
    key: str,
    magic: bool,
) -> str:
    """Give back a part or the whole of what was captured; return the operation's pspReference.

    The year counts from AUTHORIZED, the earliest of the anchors the documentation names.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/operations/refund/
    """
    if not unit.bank_account_verified:
        raise Refusal(5060)
    if not unit.refunds:
        raise Refusal(5100)
    if payment.state == "CREATED":
        raise Refusal(6020)
    if payment.state != "AUTHORIZED":
        raise Refusal(6210, f"The payment is {payment.state}.")
    left = payment.total("captured") - payment.total("refunded")
    if payment.total("captured") == 0:
        raise Refusal(6210, "Nothing is captured.")
    if left <= 0:
        raise Refusal(6180)
    since = payment.happened_at("AUTHORIZED")
    if since is not None and now > since + REFUND_PERIOD:
        raise Refusal(6220)
    _check_amount(payment, value, currency)
    if value > left:
        raise Refusal(6150, f"{left} is left to refund.")
    if magic and value in MAGIC_REFUNDS:
        payment.record("REFUNDED", value, now, key=key, success=False)
        raise Refusal(MAGIC_REFUNDS[value], recorded=True)
    payment.add("refunded", value)
    return payment.record("REFUNDED", value, now, key=key)


def cancel(
    payment: Payment, *, transaction_only: bool, unit: SalesUnit, now: datetime
) -> tuple[str, int]:
    """Release whatever is not captured; return the pspReference and the amount released.

    Before authorization the payment ends as TERMINATED, and then shows its whole amount as
    cancelled though nothing was authorized. After it the state stays.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/operations/cancel/
    """
    value = int(payment.payment["amount"]["value"])
    if payment.state == "CREATED":
        if "resultAt" in payment.simulated:
            raise Refusal(6250)
        payment.payment["state"] = "TERMINATED"
        payment.add("cancelled", value)
        payment.answered()
        return payment.record("TERMINATED", value, now), value
    if payment.state == "TERMINATED":
        raise Refusal(6190)
    if payment.state != "AUTHORIZED":
        raise Refusal(6050, f"The payment is {payment.state}.")
    if payment.total("captured") >= payment.total("authorized"):
        raise Refusal(6040)
    deadline = capture_deadline(payment, unit)
    if deadline is not None and now > deadline:
        raise Refusal(6030)
    rest = remainder(payment)
    if not rest:
        raise Refusal(6190, "Nothing is reserved any more.")
    if transaction_only:
        raise Refusal(6060)
    payment.add("cancelled", rest)
    return payment.record("CANCELLED", rest, now), rest
