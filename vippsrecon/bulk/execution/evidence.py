"""What a fresh reading says about an operation that was sent, or may have been.

The event log echoes the key of every capture and refund that was done, so it settles what a
lost answer left open. The aggregate settles cancels, and says whether anything moved at all.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from vippsrecon.api.models import Event, Payment
from vippsrecon.bulk.aggregate import Aggregate, compute_allowed_amount, describe_change
from vippsrecon.bulk.execution.operations import (
    extract_aggregate,
    find_last_release,
    find_own_event,
)
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.bulk.verbs import PAST_TENSE
from vippsrecon.store import Entry

CLOCK_RESOLUTION = timedelta(seconds=1)
"""The house's clock is the answers' `Date`, which has whole seconds."""


class Intention(NamedTuple):
    """An operation whose intention is on disk: it was sent, is about to be, or may have been.

    Attributes:
        row: The plan's row.
        key: Its idempotency key.
        before: The aggregate it was intended on.
        intended_at: When, by the house's clock.
    """

    row: PlanRow
    key: str
    before: Aggregate
    intended_at: datetime

    @classmethod
    def found(cls, row: PlanRow, intended: Entry) -> Intention:
        """Return what an earlier run intended, as its journal says."""
        before = Aggregate(*intended.said()["before"])
        return cls(row, str(intended.idempotency_key), before, parse_timestamp(intended.at))


class Evidence(NamedTuple):
    """What a reading says of one operation.

    Attributes:
        kind: done, already_done, refused, nothing (the payment is as it was before) or moved
            (it is not, and our key is not in the log: somebody else, or a log that lags).
        event: The operation's own event, where it was seen.
        explanation: One sentence; for nothing and moved it says what was seen.
    """

    kind: str
    event: Event | None
    explanation: str


def evaluate(verb: str, sent: Intention, payment: Payment, events: list[Event]) -> Evidence:
    """Say what became of an operation, from a reading taken after it may have been sent.

    Args:
        verb: refund, capture or cancel.
        sent: The operation.
        payment: The payment, read after its log: its sums hold whatever the log shows.
        events: The log.
    """
    now = extract_aggregate(payment)
    if verb == "cancel":
        return _evaluate_cancel(sent, payment, events)
    event = find_own_event(verb, sent.key, events)
    if event is not None and event.success:
        return Evidence(
            "done", event, f"{PAST_TENSE[verb]}; the event log shows it with this row's key"
        )
    if now != sent.before:
        # A failed event is of one attempt; a later one with the same key may have moved it.
        return Evidence("moved", None, describe_change(sent.before, now, payment.currency))
    if event is not None:
        return Evidence(
            "refused", event, "Vipps MobilePay tried it and it failed; nothing was done"
        )
    return Evidence("nothing", None, "the payment is as it was before")


def _evaluate_cancel(sent: Intention, payment: Payment, events: list[Event]) -> Evidence:
    before, now = sent.before, extract_aggregate(payment)
    ended = payment.state == "TERMINATED"
    untouched = now.captured_minor == before.captured_minor
    released = now.cancelled_minor > before.cancelled_minor or ended
    if compute_allowed_amount("cancel", now) == 0 and released and untouched:
        event = find_last_release(events)
        if event is None:
            return Evidence("moved", None, "it is released, but the event log does not show it yet")
        if parse_timestamp(event.timestamp) >= sent.intended_at - CLOCK_RESOLUTION:
            return Evidence("done", event, "cancelled; nothing is reserved any more")
        return Evidence("already_done", event, "it had been cancelled before; nothing is reserved")
    if now == before:
        return Evidence("nothing", None, "the payment is as it was before")
    return Evidence("moved", None, describe_change(before, now, payment.currency))
