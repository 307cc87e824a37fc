"""What a reading shows about an operation that may have been sent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.bulk.simulated_account import MSN
from tests.plans import make_plan_row
from vippsrecon.api.models import Event, Payment
from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.execution.row.checks import get_planned_aggregate
from vippsrecon.bulk.execution.row.evidence import Intention, evaluate, may_be_own_change
from vippsrecon.store import Attempt

KEY = "key-of-this-row"
BEFORE = Aggregate(1000, 1000, 0, 0)
HELD = Aggregate(1000, 400, 0, 0)
INTENDED = datetime(2026, 3, 27, 10, 0, 5, tzinfo=UTC)


def payment(aggregate: Aggregate, state: str = "AUTHORIZED") -> Payment:
    """Return a payment with this aggregate."""
    return Payment("123456", "order-0001", "psp", state, "NOK", 1000, *aggregate, "WALLET", None)


def event(
    name: str, *, key: str | None = None, success: bool = True, at: str = "10:00:06"
) -> Event:
    """Return an event of 100 minor units."""
    moment = f"2026-03-27T{at}.3333258Z"
    return Event("123456", "order-0001", "psp-1", name, 100, "NOK", moment, key, success)


REFUNDED = BEFORE._replace(refunded_minor=100)
RELEASED = HELD._replace(cancelled_minor=600)

CASES = {
    "our key, successful": (
        "refund", BEFORE, payment(REFUNDED), [event("REFUNDED", key=KEY)], "done"),
    "our key, successful, beside another's refund": (
        "refund", BEFORE, payment(BEFORE._replace(refunded_minor=300)),
        [event("REFUNDED"), event("REFUNDED", key=KEY)], "done"),
    "our key, failed": (
        "refund", BEFORE, payment(BEFORE), [event("REFUNDED", key=KEY, success=False)], "refused"),
    "our key failed first and then succeeded": (
        "capture", HELD, payment(HELD._replace(captured_minor=500)),
        [event("CAPTURED", key=KEY, success=False), event("CAPTURED", key=KEY)], "done"),
    "as it was": ("refund", BEFORE, payment(BEFORE), [event("CAPTURED")], "nothing"),
    "our key on another operation": (
        "refund", BEFORE, payment(BEFORE), [event("CAPTURED", key=KEY)], "nothing"),
    "moved without our key": (
        "refund", BEFORE, payment(REFUNDED), [event("REFUNDED", key="portal")], "moved"),
    "moved and the log lags": ("refund", BEFORE, payment(REFUNDED), [], "moved"),
    "released after it was intended": (
        "cancel", HELD, payment(RELEASED), [event("CANCELLED")], "done"),
    "released in the same second of server time": (
        "cancel", HELD, payment(RELEASED), [event("CANCELLED", at="10:00:05")], "done"),
    "released before it was intended": (
        "cancel", HELD, payment(RELEASED), [event("CANCELLED", at="09:00:00")], "already_done"),
    "released, and the log lags": ("cancel", HELD, payment(RELEASED), [], "moved"),
    "still held": ("cancel", HELD, payment(HELD), [event("AUTHORIZED")], "nothing"),
    "captured by somebody instead": (
        "cancel", HELD, payment(HELD._replace(captured_minor=1000)), [event("CAPTURED")], "moved"),
    "ended before anybody paid": (
        "cancel", Aggregate(0, 0, 0, 0), payment(Aggregate(0, 0, 0, 1000), "TERMINATED"),
        [event("TERMINATED")], "done"),
}  # fmt: skip


@pytest.mark.parametrize(("verb", "before", "now", "events", "kind"), CASES.values(), ids=CASES)
def test_reading_decides_the_outcome(verb, before, now, events, kind):
    """Each possible result of a reading has one meaning."""
    assert (
        evaluate(verb, Intention(make_plan_row(), KEY, before, INTENDED), now, events).kind == kind
    )


def test_evidence_describes_the_change():
    """For an unknown outcome, a person has to know what to look for."""
    evidence = evaluate(
        "refund", Intention(make_plan_row(), KEY, BEFORE, INTENDED), payment(REFUNDED), []
    )

    assert evidence.explanation == "refunded was 0.00 NOK and is 1.00 NOK"


def test_failed_event_proves_nothing_if_the_payment_changed():
    """The first attempt failed.

    A second one with the same key may be done and not yet in the log.
    """
    key = "0f0f0f0f-0000-5000-8000-000000000000"
    row = make_plan_row(amount_minor=500, captured_minor=0)
    before = Aggregate(100_000, 0, 0, 0)
    failed = Event(
        MSN, row.reference, "1", "CAPTURED", 500, "NOK", "2026-01-31T12:00:01Z", key, False
    )
    sent = Intention(row, key, before, datetime(2026, 1, 31, 12, tzinfo=UTC))
    moved = Payment(
        MSN, row.reference, "p", "AUTHORIZED", "NOK", 100_000, 100_000, 500, 0, 0, None, None
    )

    assert evaluate("capture", sent, moved, [failed]).kind == "moved"
    still = moved._replace(captured_minor=0)
    assert evaluate("capture", sent, still, [failed]).kind == "refused"


@pytest.mark.parametrize(
    ("refunded", "logged", "open_elsewhere", "expected"),
    [
        (25_000, [], 0, True),
        (25_000, [25_000], 0, False),
        (24_999, [], 0, False),
        (40_000, [15_000], 0, True),
        (40_000, [40_000], 0, False),
        (40_000, [], 40_000, False),
        (0, [], 0, False),
    ],
    ids=[
        "exactly our amount, not in the log",
        "somebody else's, in the log",
        "less than our amount",
        "our amount and another, the other in the log",
        "another amount, in the log",
        "another plan's open row",
        "unchanged",
    ],
)
def test_unexplained_change_may_be_our_own(refunded, logged, open_elsewhere, expected):
    """A change may be ours if neither the log nor another plan's open row explains it."""
    row = make_plan_row()
    intention = Intention(row, KEY, get_planned_aggregate(row), INTENDED)
    now = payment(Aggregate(100_000, 100_000, refunded, 0))
    events = [
        Event("123456", row.reference, f"psp-{n}", "REFUNDED", amount, "NOK", "2026-01-31T12:00:00Z", "portal", True)
        for n, amount in enumerate(logged)
    ]  # fmt: skip
    other = Attempt("other", 1, "refund", "NOK", open_elsewhere, None, "2026-01-31T12:00:00Z", 1, "unknown")  # fmt: skip

    assert may_be_own_change("refund", intention, now, events, [other]) is expected
