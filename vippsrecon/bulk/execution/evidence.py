"""What a fresh reading says about an operation that was sent, or may have been.

The event log echoes the key of every capture and refund that was done, so it settles what a
lost answer left open. The aggregate settles cancels, and says whether anything moved at all.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from vippsrecon.api.models import Event, Payment
from vippsrecon.bulk.execution.operations import (
    PAST,
    aggregate_of,
    last_release,
    moment_of,
    own_event,
)
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.plan.rules import Aggregate, allowed
from vippsrecon.money import in_words
from vippsrecon.store import Entry

CLOCK_STEP = timedelta(seconds=1)
"""The house's clock is the answers' `Date`, which has whole seconds."""


class Sent(NamedTuple):
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
    def found(cls, row: PlanRow, intended: Entry) -> Sent:
        """Return what an earlier run intended, as its journal says."""
        before = Aggregate(*intended.said()["before"])
        return cls(row, str(intended.idempotency_key), before, moment_of(intended.at))


class Found(NamedTuple):
    """What a reading says of one operation.

    Attributes:
        kind: done, already_done, refused, nothing (the payment is as it was before) or moved
            (it is not, and our key is not in the log: somebody else, or a log that lags).
        event: The operation's own event, where it was seen.
        why: One sentence; for nothing and moved it says what was seen.
    """

    kind: str
    event: Event | None
    why: str


def look(verb: str, sent: Sent, payment: Payment, events: list[Event]) -> Found:
    """Say what became of an operation, from a reading taken after it may have been sent.

    Args:
        verb: refund, capture or cancel.
        sent: The operation.
        payment: The payment, read after its log: its sums hold whatever the log shows.
        events: The log.
    """
    now = aggregate_of(payment)
    if verb == "cancel":
        return _look_at_release(sent, payment, events)
    event = own_event(verb, sent.key, events)
    if event is not None and event.success:
        return Found("done", event, f"{PAST[verb]}; the event log shows it with this row's key")
    if now != sent.before:
        # A failed event is of one attempt; a later one with the same key may have moved it.
        return Found("moved", None, moved(sent.before, now, payment.currency))
    if event is not None:
        return Found("refused", event, "Vipps MobilePay tried it and it failed; nothing was done")
    return Found("nothing", None, "the payment is as it was before")


def _look_at_release(sent: Sent, payment: Payment, events: list[Event]) -> Found:
    before, now = sent.before, aggregate_of(payment)
    ended = payment.state == "TERMINATED"
    untouched = now.captured_minor == before.captured_minor
    released = now.cancelled_minor > before.cancelled_minor or ended
    if allowed("cancel", now) == 0 and released and untouched:
        event = last_release(events)
        if event is None:
            return Found("moved", None, "it is released, but the event log does not show it yet")
        if moment_of(event.timestamp) >= sent.intended_at - CLOCK_STEP:
            return Found("done", event, "cancelled; nothing is reserved any more")
        return Found("already_done", event, "it had been cancelled before; nothing is reserved")
    if now == before:
        return Found("nothing", None, "the payment is as it was before")
    return Found("moved", None, moved(before, now, payment.currency))


def moved(before: Aggregate, now: Aggregate, currency: str) -> str:
    """Say what differs between two aggregates.

    >>> moved(Aggregate(1000, 1000, 0, 0), Aggregate(1000, 1000, 300, 0), "NOK")
    'refunded was 0.00 NOK and is 3.00 NOK'
    """
    names = ("authorized", "captured", "refunded", "cancelled")
    return ", ".join(
        f"{name} was {in_words(was, currency)} and is {in_words(is_now, currency)}"
        for name, was, is_now in zip(names, before, now, strict=True)
        if was != is_now
    )
