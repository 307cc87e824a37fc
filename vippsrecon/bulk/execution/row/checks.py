"""Checks every plan row must pass immediately before its request is sent.

The checks run in order. The first one that fails gives the row the final outcome `refused`,
because the payment is no longer what the planner saw; the row must be planned again. Pure: no
network, no database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from vippsrecon.api.models import Event, Payment
from vippsrecon.bulk.aggregate import Aggregate, compute_allowed_amount, describe_change
from vippsrecon.bulk.execution.row.operations import extract_aggregate
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.bulk.verbs import EVENTS_OF_VERB, PAST_TENSE
from vippsrecon.config.settings import SalesUnit
from vippsrecon.money import format_amount
from vippsrecon.store import Attempt
from vippsrecon.vipps_rules import REFUND_DAYS, find_capture_days

DUPLICATE_DAYS = 30

KINDS_NOT_TO_REPEAT = ("done", "already_done", "intended")


class RowCheck(NamedTuple):
    """Everything the checks of one row need.

    Attributes:
        verb: refund, capture or cancel.
        row: The plan's row.
        key: The row's idempotency key.
        payment: The payment, read now.
        events: Its event log, read now.
        others: Attempts of other plans at this payment.
        unit: The sales unit; it decides the deadlines.
        now: Server time.
        plan_expires_at: No row is sent from this time on.
        approval_expires_at: The same; None in a dry run of a plan that is not approved yet.
        cancel_created: Whether the plan cancels payments that are not paid yet.
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


def find_objection(check_input: RowCheck) -> str:
    """Return why the row may not be sent, as one sentence, or "" when it may."""
    for check in (
        _check_unchanged,
        _check_currency_and_unit,
        _check_allowed_amount,
        _check_deadline,
        _check_not_expired,
        _check_not_duplicate,
    ):
        objection = next(check(check_input), "")
        if objection:
            return objection
    return ""


def get_planned_aggregate(row: PlanRow) -> Aggregate:
    """Return the payment's totals as the planner saw them."""
    return Aggregate(
        row.authorized_minor, row.captured_minor, row.refunded_minor, row.cancelled_minor
    )


def _check_unchanged(check_input: RowCheck) -> Iterator[str]:
    planned, current = (
        get_planned_aggregate(check_input.row),
        extract_aggregate(check_input.payment),
    )
    if planned != current:
        objection = describe_change(planned, current, check_input.payment.currency)
        if not any(other.kind in KINDS_NOT_TO_REPEAT for other in check_input.others):
            # A plan in another database is noticed only here, by what it did to the payment.
            objection += (
                ". This workspace database has no operation on it: it was changed in the portal, by "
                "the shop, or by a plan in another database"
            )
        yield f"the payment changed since it was planned: {objection}. Make a new plan"


def _check_currency_and_unit(check_input: RowCheck) -> Iterator[str]:
    if check_input.payment.currency != check_input.row.currency:
        yield f"the payment is in {check_input.payment.currency}, but the plan says {check_input.row.currency}"
    if check_input.payment.msn != check_input.row.msn:
        yield f"the payment belongs to sales unit {check_input.payment.msn}, but the plan says {check_input.row.msn}"


def _check_allowed_amount(check_input: RowCheck) -> Iterator[str]:
    if check_input.payment.state == "CREATED" and not (
        check_input.verb == "cancel" and check_input.cancel_created
    ):
        yield "it is not paid yet, and the plan does not include unpaid payments (--created)"
    if check_input.payment.state == "CREATED":
        return
    allowed_minor = compute_allowed_amount(check_input.verb, extract_aggregate(check_input.payment))
    amount = check_input.row.amount_minor
    if amount > allowed_minor or amount <= 0:
        yield (
            f"{format_amount(amount, check_input.row.currency)} cannot be {PAST_TENSE[check_input.verb]}: "
            f"{format_amount(allowed_minor, check_input.row.currency)} is the most this payment allows"
        )
    if check_input.verb == "cancel" and amount != allowed_minor:
        yield f"a cancel always releases the whole {format_amount(allowed_minor, check_input.row.currency)}"


def _check_deadline(check_input: RowCheck) -> Iterator[str]:
    days = _find_deadline_days(check_input)
    authorizations = [e for e in check_input.events if e.success and e.name == "AUTHORIZED"]
    if days is None or not authorizations:
        return
    last = min(parse_timestamp(e.timestamp) for e in authorizations) + timedelta(days=days)
    if check_input.now <= last:
        return
    objection = f"the deadline to {check_input.verb} it was {last:%Y-%m-%d %H:%M} UTC"
    if check_input.verb == "refund":
        objection += ". Pay by bank transfer; Vipps MobilePay would refuse (6220)"
    yield objection


def _find_deadline_days(check_input: RowCheck) -> int | None:
    if check_input.verb == "refund":
        return REFUND_DAYS
    if check_input.verb == "cancel":
        return None
    unit = check_input.unit
    return find_capture_days(unit.market, check_input.row.currency, late_capture=unit.late_capture)


def _check_not_expired(check_input: RowCheck) -> Iterator[str]:
    if check_input.now >= check_input.plan_expires_at:
        yield f"the plan expired at {check_input.plan_expires_at:%Y-%m-%d %H:%M} UTC; make a new one"
    if (
        check_input.approval_expires_at is not None
        and check_input.now >= check_input.approval_expires_at
    ):
        yield f"the approval expired at {check_input.approval_expires_at:%Y-%m-%d %H:%M} UTC"


def _check_not_duplicate(check_input: RowCheck) -> Iterator[str]:
    """Yield operations that look like a duplicate, unless the row has `duplicate` set."""
    if check_input.row.duplicate:
        return
    own_discrepancies = set((check_input.row.discrepancy_id or "").split())
    since = check_input.now - timedelta(days=DUPLICATE_DAYS)
    insist = f"if you want to repeat it, plan it with --duplicate {check_input.row.reference}"
    for other in check_input.others:
        other_row = f"row {other.row} of plan {other.plan_id}"
        if other.kind == "unknown":
            yield f"{other_row} has an unknown outcome. Resolve it first: vippsrecon journal settle"
        if other.kind not in KINDS_NOT_TO_REPEAT:
            continue
        if own_discrepancies & set((other.discrepancy_id or "").split()):
            yield f"the same discrepancy was resolved by {other_row}; {insist}"
        other_operation = (other.verb, other.currency, other.amount_minor)
        own_operation = (check_input.verb, check_input.row.currency, check_input.row.amount_minor)
        if other_operation == own_operation and parse_timestamp(other.intended_at) >= since:
            yield f"{other_row} {PAST_TENSE[check_input.verb]} the same amount of this payment; {insist}"
    if check_input.verb == "cancel":
        return
    for event in check_input.events:
        if (
            event.success
            and event.name in EVENTS_OF_VERB[check_input.verb]
            and event.amount_minor == check_input.row.amount_minor
            and event.idempotency_key != check_input.key
            and parse_timestamp(event.timestamp) >= since
        ):
            yield (
                f"the same amount was already {PAST_TENSE[check_input.verb]} on {event.timestamp[:10]}, "
                f"event {event.psp_reference}; {insist}"
            )
