"""What happens to payments by itself, as time passes."""

from __future__ import annotations

from datetime import datetime

from vippsrecon.simulator.clock import parse_time
from vippsrecon.simulator.credentials import KeyHolder
from vippsrecon.simulator.payer import authorize
from vippsrecon.simulator.payments import (
    APPROVAL_TIMEOUT,
    SimulatedPayment,
    compute_capture_deadline,
    compute_remainder,
)


def apply_elapsed_time(
    payment: SimulatedPayment, unit: KeyHolder, since: datetime, now: datetime
) -> bool:
    """Let happen what happens by itself between `since` and `now`; say whether anything did.

    A reservation past its capture deadline is released, a payment nobody answered expires, a
    payment whose result was unknown for an hour gets one. Whatever was overdue when the clock
    started is left as it was given: a state file is the truth at that moment.
    """
    if payment.state == "CREATED":
        return _advance_unapproved(payment, since, now)
    if payment.state != "AUTHORIZED":
        return False
    rest = compute_remainder(payment)
    deadline = compute_capture_deadline(payment, unit) if rest else None
    if deadline is None or not since < deadline < now:
        return False
    payment.add("cancelled", rest)
    payment.record("CANCELLED", rest, deadline)
    return True


def _advance_unapproved(payment: SimulatedPayment, since: datetime, now: datetime) -> bool:
    result_at = payment.simulated.get("resultAt")
    if result_at is not None:
        if parse_time(result_at) > now:
            return False
        authorize(payment, parse_time(result_at))
        return True
    created = payment.find_event_time("CREATED")
    expires_at = payment.simulated.get("expiresAt")
    if expires_at is not None:
        ends = parse_time(expires_at)
    elif created is not None:
        ends = created + APPROVAL_TIMEOUT
    else:
        return False
    if not since < ends <= now:
        return False
    payment.payment["state"] = "EXPIRED"
    payment.discard_pending_details()
    payment.record("EXPIRED", int(payment.payment["amount"]["value"]), ends)
    return True
