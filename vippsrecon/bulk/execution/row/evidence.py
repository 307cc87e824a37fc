"""What a new reading proves about an operation that was sent, or may have been sent.

The event log contains the idempotency key of every capture and refund that was done, so it shows
the outcome when an answer was lost. For cancels, the payment's totals show the outcome. The totals
also show whether anything changed at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from vippsrecon.api.models import Event, Payment
from vippsrecon.bulk.aggregate import Aggregate, compute_allowed_amount, describe_change
from vippsrecon.bulk.execution.row.operations import (
    compute_expected_aggregate,
    extract_aggregate,
    find_last_release,
    find_own_event,
)
from vippsrecon.bulk.execution.row_result import MOVED_BESIDE, RowResult
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.bulk.verbs import EVENTS_OF_VERB, PAST_TENSE, TOTAL_OF_VERB
from vippsrecon.store import Attempt, Entry

CLOCK_RESOLUTION = timedelta(seconds=1)
"""Server time is the `Date` header of the answers, which has whole seconds."""


class Intention(NamedTuple):
    """An operation whose `intended` entry is in the journal: sent, about to be, or maybe sent.

    Attributes:
        row: The plan's row.
        key: Its idempotency key.
        before: The payment's totals when it was intended.
        intended_at: Server time of the intention.
        read_at: When the reading behind it was begun, by the run's clock; -inf where no reading
            of this run is its basis, so that the payment must be read before anything is sent.
    """

    row: PlanRow
    key: str
    before: Aggregate
    intended_at: datetime
    read_at: float = float("-inf")

    @classmethod
    def from_entry(cls, row: PlanRow, intended: Entry) -> Intention:
        """Restore the intention of an earlier run from its journal entry."""
        before = Aggregate(*intended.parse_detail()["before"])
        return cls(row, str(intended.idempotency_key), before, parse_timestamp(intended.at))


class Evidence(NamedTuple):
    """What a reading proves about one operation.

    Attributes:
        kind: done, already_done, refused, nothing (the payment is unchanged) or moved (the
            payment changed without our key in the log: another user, or a delayed log).
        event: The operation's own event, or None.
        explanation: One sentence; for moved it names the change.
    """

    kind: str
    event: Event | None
    explanation: str


def evaluate(verb: str, intention: Intention, payment: Payment, events: list[Event]) -> Evidence:
    """Determine the outcome of an operation from a reading taken after it may have been sent.

    Args:
        verb: refund, capture or cancel.
        intention: The operation.
        payment: The payment, read after its event log, so that its totals include every event.
        events: The event log.
    """
    current = extract_aggregate(payment)
    if verb == "cancel":
        return _evaluate_cancel(intention, payment, events)
    event = find_own_event(verb, intention.key, events)
    if event is not None and event.success:
        return Evidence(
            "done", event, f"{PAST_TENSE[verb]}; the event log contains it with this row's key"
        )
    if current != intention.before:
        # A failed event belongs to one attempt; a later attempt with the same key may have succeeded.
        return Evidence("moved", None, describe_change(intention.before, current, payment.currency))
    if event is not None:
        return Evidence("refused", event, "the event log shows that it failed; nothing was done")
    return Evidence("nothing", None, "the payment is unchanged")


def may_be_own_change(
    verb: str,
    intention: Intention,
    payment: Payment,
    events: list[Event],
    others: Sequence[Attempt] = (),
) -> bool:
    """Return whether a change of the payment may be this row's own operation, not yet in the log.

    True if the verb's total grew, and the part of it that neither the log nor the open rows of
    other plans account for is the row's amount or more: the event that is missing may be the one
    with our key. So, after a backup was restored, the row's own operation is not mistaken for
    another user's.
    """
    current = _get_total(verb, extract_aggregate(payment))
    if current <= _get_total(verb, intention.before):
        return False
    logged = {
        event.psp_reference: event.amount_minor
        for event in events
        if event.success and event.name in EVENTS_OF_VERB[verb]
    }
    open_elsewhere = sum(
        other.amount_minor
        for other in others
        if other.verb == verb and other.kind in ("intended", "unknown")
    )
    return current - sum(logged.values()) - open_elsewhere >= intention.row.amount_minor


def _get_total(verb: str, aggregate: Aggregate) -> int:
    total: int = getattr(aggregate, TOTAL_OF_VERB[verb])
    return total


def find_other_change(verb: str, intention: Intention, after: Aggregate, currency: str) -> str:
    """Describe what changed on a payment besides this operation, or return "" if nothing did.

    >>> row = PlanRow(1, "123456", "order-1", None, "NOK", 500, "other", "", "", None, None,
    ...               1000, 1000, 0, 0, False)
    >>> sent = Intention(row, "key", Aggregate(1000, 1000, 0, 0), datetime(2026, 1, 31))
    >>> find_other_change("refund", sent, Aggregate(1000, 1000, 500, 0), "NOK")
    ''
    >>> find_other_change("refund", sent, Aggregate(1000, 1000, 800, 0), "NOK")
    'refunded was 5.00 NOK and is 8.00 NOK'
    """
    if verb == "cancel" and intention.before.authorized_minor == 0:
        return ""  # The customer had not paid, so the totals do not show what was released.
    expected = compute_expected_aggregate(verb, intention.before, intention.row.amount_minor)
    return describe_change(expected, after, currency) if after != expected else ""


def flag_other_change(verb: str, intention: Intention, result: RowResult) -> RowResult:
    """Return a result that is done with `moved_beside`, if the payment changed by more than it."""
    if result.outcome != "done" or result.after is None:
        return result
    other_change = find_other_change(verb, intention, result.after, intention.row.currency)
    if not other_change:
        return result
    why = (
        f"{result.explanation}. The payment was also changed by somebody else: with this row done, "
        f"{other_change}. Look it up in the business portal"
    )
    return result._replace(explanation=why, flags=MOVED_BESIDE)


def _evaluate_cancel(intention: Intention, payment: Payment, events: list[Event]) -> Evidence:
    before, current = intention.before, extract_aggregate(payment)
    ended = payment.state == "TERMINATED"
    untouched = current.captured_minor == before.captured_minor
    released = current.cancelled_minor > before.cancelled_minor or ended
    if compute_allowed_amount("cancel", current) == 0 and released and untouched:
        event = find_last_release(events)
        if event is None:
            return Evidence(
                "moved", None, "it was released, but the event log does not show it yet"
            )
        if parse_timestamp(event.timestamp) >= intention.intended_at - CLOCK_RESOLUTION:
            return Evidence("done", event, "cancelled; nothing is reserved any more")
        return Evidence("already_done", event, "it was cancelled before; nothing is reserved")
    if current == before:
        return Evidence("nothing", None, "the payment is unchanged")
    return Evidence("moved", None, describe_change(before, current, payment.currency))
