"""What the checks of a row refuse, and in which order they are made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vippsrecon.api.models import Event, Payment
from vippsrecon.bulk.execution.row.checks import RowCheck, find_objection
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.config.settings import SalesUnit
from vippsrecon.store import Attempt

NOW = datetime(2026, 3, 27, 10, 0, tzinfo=UTC)
ROW = PlanRow(
    1, "123456", "order-0001", "#1", "NOK", 100, "return", "", "", None,
    "refund_missing_at_vipps:123456:order-0001", 1000, 600, 0, 0, False,
)  # fmt: skip
PAID = Payment(
    "123456", "order-0001", "psp", "AUTHORIZED", "NOK", 1000, 1000, 600, 0, 0, None, None
)


def at(days: float) -> str:
    """Return the time this many days ago, in the API's format."""
    return (NOW - timedelta(days=days)).isoformat().replace("+00:00", "Z")


def event(name: str, days: float, amount: int = 100, key: str | None = None) -> Event:
    """Return a successful event."""
    return Event("123456", "order-0001", "psp-9", name, amount, "NOK", at(days), key, True)


def other(kind: str, days: float = 1, amount: int = 100, **changed: object) -> Attempt:
    """Return another plan's attempt on the payment, as its journal holds it."""
    defaults = {
        "plan_id": "another", "row": 7, "verb": "refund", "currency": "NOK",
        "amount_minor": amount, "intended_at": at(days), "discrepancy_id": None, "entry_count": 1,
        "kind": kind,
    }  # fmt: skip
    return Attempt(**(defaults | changed))


CASE = RowCheck(
    "refund", ROW, "our-key", PAID, [event("AUTHORIZED", 10, 1000)], (), SalesUnit("123456"),
    NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=1), False,
)  # fmt: skip
NOBODY_PAID = PAID._replace(state="CREATED", authorized_minor=0, captured_minor=0)
UNPAID_ROW = ROW._replace(amount_minor=0, authorized_minor=0, captured_minor=0)
CANCEL = CASE._replace(verb="cancel", row=ROW._replace(amount_minor=400))
CAPTURE = CASE._replace(verb="capture")

FINE = {
    "a refund": CASE,
    "all that is left": CASE._replace(row=ROW._replace(amount_minor=600)),
    "a cancel of the whole reservation": CANCEL,
    "an unpaid payment the plan means": CASE._replace(
        verb="cancel", row=UNPAID_ROW, payment=NOBODY_PAID, cancel_created=True),
    "the last day to refund": CASE._replace(events=[event("AUTHORIZED", 365, 1000)]),
    "the last day to capture": CAPTURE._replace(events=[event("AUTHORIZED", 180, 1000)]),
    "late capture in Denmark": CAPTURE._replace(
        events=[event("AUTHORIZED", 100, 1000)],
        unit=SalesUnit("123456", market="DK", late_capture=True)),
    "the same amount 31 days ago": CASE._replace(events=[event("REFUNDED", 31)]),
    "another amount yesterday": CASE._replace(events=[event("REFUNDED", 1, 101)]),
    "our own event": CASE._replace(events=[event("REFUNDED", 1, key="our-key")]),
    "a capture of the same amount": CASE._replace(events=[event("CAPTURED", 1)]),
    "another plan refused it": CASE._replace(others=[other("refused")]),
    "another plan skipped it": CASE._replace(others=[other("skipped")]),
    "another plan long ago": CASE._replace(others=[other("done", 31)]),
    "duplicate allowed": CASE._replace(
        row=ROW._replace(duplicate=True), others=[other("done")], events=[event("REFUNDED", 1)]),
}  # fmt: skip

REFUSED = {
    "moved since it was planned": (
        CASE._replace(payment=PAID._replace(refunded_minor=50)), "refunded was 0.00 NOK and is 0.50 NOK"),
    "another currency": (CASE._replace(payment=PAID._replace(currency="DKK")), "is in DKK"),
    "another sales unit": (CASE._replace(payment=PAID._replace(msn="654321")), "sales unit 654321"),
    "more than is captured": (CASE._replace(row=ROW._replace(amount_minor=601)), "6.00 NOK is the most"),
    "a cancel of less than the reservation": (
        CANCEL._replace(row=ROW._replace(amount_minor=399)), "always releases the whole"),
    "a cancel of nothing": (
        CANCEL._replace(row=ROW._replace(amount_minor=400, captured_minor=1000),
                        payment=PAID._replace(captured_minor=1000)), "0.00 NOK is the most"),
    "nobody has paid": (
        CASE._replace(verb="cancel", row=UNPAID_ROW, payment=NOBODY_PAID), "it is not paid yet"),
    "a refund after its window": (
        CASE._replace(events=[event("AUTHORIZED", 366, 1000)]), "bank transfer"),
    "a capture after its window": (
        CAPTURE._replace(events=[event("AUTHORIZED", 181, 1000)]), "deadline to capture"),
    "a capture after its window in Finland": (
        CAPTURE._replace(events=[event("AUTHORIZED", 15, 1000)],
                         unit=SalesUnit("123456", market="FI")), "deadline to capture"),
    "the plan expired": (CASE._replace(plan_expires_at=NOW), "the plan expired"),
    "the approval expired": (CASE._replace(approval_expires_at=NOW), "the approval expired"),
    "the same amount in the log": (
        CASE._replace(events=[event("REFUNDED", 29)]), "--duplicate order-0001"),
    "the same amount in another plan": (
        CASE._replace(others=[other("done", 29)]), "row 7 of plan another"),
    "the same amount under way in another plan": (
        CASE._replace(others=[other("intended")]), "row 7 of plan another"),
    "an unknown of any amount": (
        CASE._replace(others=[other("unknown", amount=5)]), "journal settle"),
    "its discrepancy was settled by another plan": (
        CASE._replace(others=[other("done", 90, 5, discrepancy_id=ROW.discrepancy_id)]),
        "the same discrepancy was resolved"),
}  # fmt: skip


@pytest.mark.parametrize("case", FINE.values(), ids=FINE)
def test_valid_row_passes_all_checks(case):
    """If the checks refused correct rows, people would ignore them."""
    assert find_objection(case) == ""


@pytest.mark.parametrize(("case", "reason"), REFUSED.values(), ids=REFUSED)
def test_refusal_names_the_failed_check(case, reason):
    """The message of each refusal shows which check failed."""
    assert reason in find_objection(case)


def test_first_failed_check_gives_the_reason():
    """For a payment that moved, the message names the change first, and not the missed deadline."""
    case = CASE._replace(
        payment=PAID._replace(refunded_minor=600), events=[event("AUTHORIZED", 400, 1000)]
    )

    assert "changed since it was planned" in find_objection(case)
