"""Apply what happens to payments as time passes: release, expiry, late results."""

from __future__ import annotations

from datetime import datetime

from vippsrecon.simulator.clock import parse_time
from vippsrecon.simulator.credentials import KeyHolder
from vippsrecon.simulator.payments.payer import authorize
from vippsrecon.simulator.payments.state_machine import (
    APPROVAL_TIMEOUT,
    SimulatedPayment,
    compute_capture_deadline,
    compute_remainder,
)


def apply_elapsed_time(
    payment: SimulatedPayment, unit: KeyHolder, since: datetime, now: datetime
) -> bool:
    """Apply the changes due between `since` and `now`; return whether the payment changed.

    A reservation past its capture deadline is released; a payment that the payer did not answer
    expires; a payment whose result was unknown for an hour gets its result. Changes that were due
    before the clock started are not applied: the state file already describes that time.
    """
    if payment.state == "CREATED":
        return _advance_unapproved(payment, since, now)
    if payment.state != "AUTHORIZED":
        return False
    remainder = compute_remainder(payment)
    deadline = compute_capture_deadline(payment, unit) if remainder else None
    if deadline is None or not since < deadline < now:
        return False
    payment.add("cancelled", remainder)
    payment.record("CANCELLED", remainder, deadline)
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
