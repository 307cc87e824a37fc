"""Implement the state machine of payments, without HTTP.

    CREATED ──approve──► AUTHORIZED ──capture*, refund*, cancel the rest──► AUTHORIZED
       ├──decline──► ABORTED      ├──nothing happens──► EXPIRED      └──cancel──► TERMINATED

`state` is the result of the reservation and does not change afterwards; `aggregate` holds the amounts.

Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/operations/
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from vippsrecon.simulator.apis.error_responses import DomainRefusal
from vippsrecon.simulator.clock import format_event_time, parse_time
from vippsrecon.simulator.credentials import CURRENCY_BY_MARKET, KeyHolder

APPROVAL_TIMEOUT = timedelta(minutes=10)
REFUND_PERIOD = timedelta(days=365)
CAPTURE_GUARANTEE = timedelta(days=7)
CAPTURE_DAYS_BY_MARKET = {"NO": 180, "SE": 180, "DK": 14, "FI": 14}
CAPTURE_DAYS_BY_CURRENCY = {
    CURRENCY_BY_MARKET[market]: days for market, days in CAPTURE_DAYS_BY_MARKET.items()
}
LATE_CAPTURE_DAYS = 180

MAGIC_REFUND_CODES = {123: 6210, 124: 6220}
"""Amounts whose refund fails on purpose (not possible, too late) → refusal code. Source:
https://developer.vippsmobilepay.com/docs/knowledge-base/test-environment/"""


@dataclass(slots=True)
class SimulatedPayment:
    """One payment as the API returns it, its event log, and data internal to the simulator."""

    msn: str
    payment: dict[str, Any]
    events: list[dict[str, Any]]
    simulated: dict[str, Any] = field(default_factory=dict)
    """Only while the payer has not answered: expiry, Express options and similar."""

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
        """Return one of the four running totals (`authorized`, `captured` …), in minor units."""
        return int(self.payment["aggregate"][f"{name}Amount"]["value"])

    def add(self, name: str, value: int) -> None:
        """Add to a running total."""
        self.payment["aggregate"][f"{name}Amount"]["value"] += value

    def discard_pending_details(self) -> None:
        """Remove the data needed only while the payer had not answered."""
        self.payment.pop("redirectUrl", None)
        self.simulated.clear()

    def find_event_time(self, name: str) -> datetime | None:
        """Return the time of the first successful event of this name, or None."""
        for event in self.events:
            if event.get("name") == name and event.get("success", True):
                return parse_time(event["timestamp"])
        return None

    def record(
        self, name: str, value: int, now: datetime, *, key: str | None = None, success: bool = True
    ) -> str:
        """Append an event and return its pspReference.

        The reference of CREATED is a GUID and its time has seven decimals; other events have a
        reference of digits and mostly three decimals. The log shows the key of all events except
        cancel and expiry. The log stays in order even if two events share a millisecond.
        """
        psp_reference = _compute_psp_reference(self.msn, self.reference, len(self.events))
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
            "timestamp": format_event_time(now, digits if now.microsecond else 0),
        }
        if key is not None and name in ("CREATED", "AUTHORIZED", "CAPTURED", "REFUNDED"):
            event["idempotencyKey"] = key
        self.events.append(event | {"success": success})
        return psp_reference


def _compute_psp_reference(msn: str, reference: str, number: int) -> str:
    # Derived from the event, not from a counter: a simulator that continues from a saved state
    # must never issue the same reference twice.
    digest = hashlib.blake2b(f"{msn}\0{reference}\0{number}".encode(), digest_size=8).digest()
    return str(10**13 + int.from_bytes(digest) % (9 * 10**13))


def compute_capture_deadline(payment: SimulatedPayment, unit: KeyHolder) -> datetime | None:
    """Return the end of the capture period; None if the log has no AUTHORIZED event.

    Source: https://developer.vippsmobilepay.com/docs/knowledge-base/reserve-and-capture/
    """
    since = payment.find_event_time("AUTHORIZED")
    if since is None:
        return None
    days = CAPTURE_DAYS_BY_MARKET.get(unit.market) or CAPTURE_DAYS_BY_CURRENCY.get(
        payment.currency, CAPTURE_DAYS_BY_MARKET["NO"]
    )
    return since + timedelta(days=LATE_CAPTURE_DAYS if unit.late_capture else days)


def compute_remainder(payment: SimulatedPayment) -> int:
    """Return the amount that can still be captured or released, in minor units."""
    if payment.state != "AUTHORIZED":
        return 0
    return max(
        0, payment.total("authorized") - payment.total("captured") - payment.total("cancelled")
    )


def _check_amount(payment: SimulatedPayment, value: int, currency: str) -> None:
    if currency != payment.currency:
        raise DomainRefusal(5040, f"The payment is in {payment.currency}.")
    if value < 1:
        raise DomainRefusal(4040, "The amount must be at least one minor unit.")


def capture(
    payment: SimulatedPayment,
    value: int,
    currency: str,
    *,
    unit: KeyHolder,
    now: datetime,
    key: str,
) -> str:
    """Capture part or all of a reservation; return the operation's pspReference.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/operations/capture/
    """
    if not unit.bank_account_verified:
        raise DomainRefusal(5060)
    if payment.state == "CREATED":
        raise DomainRefusal(6080)
    if payment.state == "TERMINATED":
        raise DomainRefusal(6070)
    if payment.state != "AUTHORIZED":
        raise DomainRefusal(6200, f"The payment is {payment.state}.")
    if payment.total("captured") >= payment.total("authorized"):
        raise DomainRefusal(6170)
    deadline = compute_capture_deadline(payment, unit)
    if deadline is not None and now > deadline:
        raise DomainRefusal(6100)
    remainder = compute_remainder(payment)
    if not remainder:
        raise DomainRefusal(6070)
    _check_amount(payment, value, currency)
    if value > remainder:
        raise DomainRefusal(6090, f"{remainder} is left to capture.")
    if value < remainder and not unit.partial_capture:
        raise DomainRefusal(6140)
    payment.add("captured", value)
    return payment.record("CAPTURED", value, now, key=key)


def refund(
    payment: SimulatedPayment,
    value: int,
    currency: str,
    *,
    unit: KeyHolder,
    now: datetime,
    key: str,
    magic: bool,
) -> str:
    """Refund part or all of the captured amount; return the operation's pspReference.

    The refund period starts at AUTHORIZED, the earliest start time in the documentation.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/operations/refund/
    """
    if not unit.bank_account_verified:
        raise DomainRefusal(5060)
    if not unit.refunds:
        raise DomainRefusal(5100)
    if payment.state == "CREATED":
        raise DomainRefusal(6020)
    if payment.state != "AUTHORIZED":
        raise DomainRefusal(6210, f"The payment is {payment.state}.")
    left = payment.total("captured") - payment.total("refunded")
    if payment.total("captured") == 0:
        raise DomainRefusal(6210, "Nothing is captured.")
    if left <= 0:
        raise DomainRefusal(6180)
    since = payment.find_event_time("AUTHORIZED")
    if since is not None and now > since + REFUND_PERIOD:
        raise DomainRefusal(6220)
    _check_amount(payment, value, currency)
    if value > left:
        raise DomainRefusal(6150, f"{left} is left to refund.")
    if magic and value in MAGIC_REFUND_CODES:
        payment.record("REFUNDED", value, now, key=key, success=False)
        raise DomainRefusal(MAGIC_REFUND_CODES[value], recorded=True)
    payment.add("refunded", value)
    return payment.record("REFUNDED", value, now, key=key)


def cancel(
    payment: SimulatedPayment, *, transaction_only: bool, unit: KeyHolder, now: datetime
) -> tuple[str, int]:
    """Release the amount not captured; return the pspReference and the amount released.

    Before authorization the payment becomes TERMINATED and shows its whole amount as cancelled,
    although nothing was authorized. After authorization the state does not change.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/operations/cancel/
    """
    value = int(payment.payment["amount"]["value"])
    if payment.state == "CREATED":
        if "resultAt" in payment.simulated:
            raise DomainRefusal(6250)
        payment.payment["state"] = "TERMINATED"
        payment.add("cancelled", value)
        payment.discard_pending_details()
        return payment.record("TERMINATED", value, now), value
    if payment.state == "TERMINATED":
        raise DomainRefusal(6190)
    if payment.state != "AUTHORIZED":
        raise DomainRefusal(6050, f"The payment is {payment.state}.")
    if payment.total("captured") >= payment.total("authorized"):
        raise DomainRefusal(6040)
    deadline = compute_capture_deadline(payment, unit)
    if deadline is not None and now > deadline:
        raise DomainRefusal(6030)
    remainder = compute_remainder(payment)
    if not remainder:
        raise DomainRefusal(6190, "Nothing is reserved any more.")
    if transaction_only:
        raise DomainRefusal(6060)
    payment.add("cancelled", remainder)
    return payment.record("CANCELLED", remainder, now), remainder
