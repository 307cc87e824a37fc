"""May this row be sent? Asked of every row, on a reading taken just before; pure.

The questions stand in the order they are asked. The first that is answered no refuses the row
for good: what was planned is no longer what would happen, so a person plans anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from vippsrecon.api.models import Event, Payment
from vippsrecon.bulk.aggregate import Aggregate, compute_allowed_amount, describe_change
from vippsrecon.bulk.execution.operations import EVENT_NAMES, extract_aggregate
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.bulk.verbs import PAST_TENSE
from vippsrecon.config.settings import MARKET_OF_CURRENCY, SalesUnit
from vippsrecon.money import format_amount
from vippsrecon.store import Attempt

CAPTURE_DAYS = {"NO": 180, "SE": 180, "DK": 14, "FI": 14}
"""Days from AUTHORIZED within which a capture is taken; 180 with late capture.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/reserve-and-capture/"""

REFUND_DAYS = 365
"""Days from AUTHORIZED within which a refund is taken. The documents name three beginnings;
this is the earliest. Source: https://developer.vippsmobilepay.com/docs/knowledge-base/refunds/"""

DUPLICATE_DAYS = 30

KINDS_NOT_TO_REPEAT = ("done", "already_done", "intended")


class RowCheck(NamedTuple):
    """One row before the judge.

    Attributes:
        verb: refund, capture or cancel.
        row: The plan's row.
        key: Its idempotency key.
        payment: The payment, read now.
        events: Its event log, read now.
        others: What other plans' journals hold for this payment.
        unit: The sales unit, for its deadlines.
        now: The house's clock.
        plan_expires_at: After it no row is begun.
        approval_expires_at: Likewise; None in a dry run of a plan nobody approved yet.
        cancel_created: Whether the plan cancels payments nobody has paid yet.
    """

    verb: str
    row: PlanRow
    key: str
    payment: Payment
    events: list[Event]
    others: Sequence[Attempt]
    unit: SalesUnit
    now: datetime
    plan_expires_at: datetime
    approval_expires_at: datetime | None
    cancel_created: bool


def find_objection(case: RowCheck) -> str:
    """Return why the row may not be sent, as one sentence, or "" when it may."""
    for ask in (
        _check_unchanged,
        _check_currency_and_unit,
        _check_allowed_amount,
        _check_deadline,
        _check_not_expired,
        _check_not_duplicate,
    ):
        said = next(ask(case), "")
        if said:
            return said
    return ""


def get_planned_aggregate(row: PlanRow) -> Aggregate:
    """Return the aggregate the planner saw."""
    return Aggregate(
        row.authorized_minor, row.captured_minor, row.refunded_minor, row.cancelled_minor
    )


def _check_unchanged(case: RowCheck) -> Iterator[str]:
    seen, now = get_planned_aggregate(case.row), extract_aggregate(case.payment)
    if seen != now:
        said = describe_change(seen, now, case.payment.currency)
        yield f"the payment changed since it was planned: {said}; plan it anew"


def _check_currency_and_unit(case: RowCheck) -> Iterator[str]:
    if case.payment.currency != case.row.currency:
        yield f"the payment is in {case.payment.currency}, the plan says {case.row.currency}"
    if case.payment.msn != case.row.msn:
        yield f"the payment is sales unit {case.payment.msn}'s, the plan says {case.row.msn}"


def _check_allowed_amount(case: RowCheck) -> Iterator[str]:
    if case.payment.state == "CREATED" and not (case.verb == "cancel" and case.cancel_created):
        yield "nobody has paid it yet, and the plan does not say that such payments are meant"
    if case.payment.state == "CREATED":
        return
    room = compute_allowed_amount(case.verb, extract_aggregate(case.payment))
    amount = case.row.amount_minor
    if amount > room or amount <= 0:
        yield (
            f"{format_amount(amount, case.row.currency)} cannot be {PAST_TENSE[case.verb]}: "
            f"{format_amount(room, case.row.currency)} is what the payment allows"
        )
    if case.verb == "cancel" and amount != room:
        yield f"a cancel would release all of {format_amount(room, case.row.currency)}"


def _check_deadline(case: RowCheck) -> Iterator[str]:
    days = _find_deadline_days(case)
    paid = [e for e in case.events if e.success and e.name == "AUTHORIZED"]
    if days is None or not paid:
        return
    last = min(parse_timestamp(e.timestamp) for e in paid) + timedelta(days=days)
    if case.now <= last:
        return
    said = f"the last moment to {case.verb} it was {last:%Y-%m-%d %H:%M} UTC"
    if case.verb == "refund":
        said += "; pay by bank transfer (Vipps MobilePay would refuse, 6220)"
    yield said


def _find_deadline_days(case: RowCheck) -> int | None:
    if case.verb == "refund":
        return REFUND_DAYS
    if case.verb == "cancel":
        return None
    if case.unit.late_capture:
        return 180
    market = case.unit.market or MARKET_OF_CURRENCY.get(case.row.currency, "NO")
    return CAPTURE_DAYS[market]


def _check_not_expired(case: RowCheck) -> Iterator[str]:
    if case.now >= case.plan_expires_at:
        yield f"the plan expired at {case.plan_expires_at:%Y-%m-%d %H:%M} UTC; make a new one"
    if case.approval_expires_at is not None and case.now >= case.approval_expires_at:
        yield f"the approval expired at {case.approval_expires_at:%Y-%m-%d %H:%M} UTC"


def _check_not_duplicate(case: RowCheck) -> Iterator[str]:
    """Yield what looks like the same operation; a plan may insist (`duplicate` of its row)."""
    if case.row.duplicate:
        return
    ours = set((case.row.discrepancy_id or "").split())
    since = case.now - timedelta(days=DUPLICATE_DAYS)
    insist = f"if it is meant, plan it with --duplicate {case.row.reference}"
    for other in case.others:
        where = f"row {other.row} of plan {other.plan_id}"
        if other.kind == "unknown":
            yield f"{where} is not settled; settle it first (vippsrecon journal settle)"
        if other.kind not in KINDS_NOT_TO_REPEAT:
            continue
        if ours & set((other.discrepancy_id or "").split()):
            yield f"its discrepancy was settled by {where}; {insist}"
        same = (other.verb, other.currency, other.amount_minor)
        ours_is = (case.verb, case.row.currency, case.row.amount_minor)
        if same == ours_is and parse_timestamp(other.intended_at) >= since:
            yield f"{where} {PAST_TENSE[case.verb]} the same amount of it; {insist}"
    if case.verb == "cancel":
        return
    for event in case.events:
        if (
            event.success
            and event.name in EVENT_NAMES[case.verb]
            and event.amount_minor == case.row.amount_minor
            and event.idempotency_key != case.key
            and parse_timestamp(event.timestamp) >= since
        ):
            yield (
                f"the same amount was {PAST_TENSE[case.verb]} on {event.timestamp[:10]} already, "
                f"event {event.psp_reference}; {insist}"
            )
