"""What happens to payments by itself, as time passes."""

from __future__ import annotations

from datetime import datetime

from vippsrecon.simulator.clock import parse_time
from vippsrecon.simulator.credentials import SalesUnit
from vippsrecon.simulator.payer import authorize
from vippsrecon.simulator.payments import UNANSWERED, Payment, capture_deadline, remainder


def settle_time(payment: Payment, unit: SalesUnit, since: datetime, now: datetime) -> bool:
    """Let happen what happens by itself between `since` and `now`; say whether anything did.

    A reservation past its capture deadline is released, a payment nobody answered expires, a
    payment whose result was unknown for an hour gets one. Whatever was overdue when the clock
    started is left as it was given: a state file is the truth at that moment.
    """
    if payment.state == "CREATED":
        return _settle_unanswered(payment, since, now)
    if payment.state != "AUTHORIZED":
        return False
    rest = remainder(payment)
    deadline = capture_deadline(payment, unit) if rest else None
    if deadline is None or not since < deadline < now:
        return False
    payment.add("cancelled", rest)
    payment.record("CANCELLED", rest, deadline)
    return True


def _settle_unanswered(payment: Payment, since: datetime, now: datetime) -> bool:
    result_at = payment.simulated.get("resultAt")
    if result_at is not None:
        if parse_time(result_at) > now:
            return False
        authorize(payment, parse_time(result_at))
        return True
    created = payment.happened_at("CREATED")
    expires_at = payment.simulated.get("expiresAt")
    if expires_at is not None:
        ends = parse_time(expires_at)
    elif created is not None:
        ends = created + UNANSWERED
    else:
        return False
    if not since < ends <= now:
        return False
    payment.payment["state"] = "EXPIRED"
    payment.answered()
    payment.record("EXPIRED", int(payment.payment["amount"]["value"]), ends)
    return True
