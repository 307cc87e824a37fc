"""Judge requests of a report again where payments changed after the report was made.

The shop's side is taken as it was. What the report proposed was still owed when its payments were
fetched. A later refund settles as much of a refund that was owed, and a later capture as much of a
capture, so the amount becomes smaller by what was moved since, and never larger. The captured
amount only ever grows, so it cannot make an owed refund smaller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from vippsrecon.bulk.aggregate import Aggregate, compute_allowed_amount, describe_change
from vippsrecon.bulk.plan.payments import read_payments, refuse_unread
from vippsrecon.bulk.plan.requests import RequestSet
from vippsrecon.bulk.plan.rows import (
    PaymentSnapshot,
    RequestRejectedError,
    build_reject,
)
from vippsrecon.bulk.times import format_plan_time
from vippsrecon.bulk.verbs import EVENTS_OF_VERB, PAST_TENSE, TOTAL_OF_VERB
from vippsrecon.money import format_amount
from vippsrecon.sources.rejects import Reject
from vippsrecon.sources.requests import PaymentKey, Request
from vippsrecon.vipps_rules import EVENTS_OF_TOTAL

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.api import Client

_OTHER_TOTALS = {
    "refund": (),
    "capture": ("refunded_minor",),
    "cancel": ("captured_minor", "refunded_minor"),
}
"""Verb to the further totals that may not change. Money that was captured is no longer a reservation
to release, and a person must see an order that was refunded before it was captured in full. Neither a
capture nor a release reduces an owed refund."""


class CheckedRequests(NamedTuple):
    """The requests whose payments are known, the rejects, the payments, and notes."""

    requests: list[Request]
    refused: list[Reject]
    payments: Mapping[PaymentKey, PaymentSnapshot]
    notes: Sequence[str] = ()


def check_against_payments(
    request_set: RequestSet, client: Client | None, verb: str, *, progress: bool
) -> CheckedRequests:
    """Read the payments again, and judge requests of a report again where their payment changed.

    Without a client nothing is read, and the report's payments are used as they are.
    """
    reported, requests, file = request_set.reported, request_set.requests, request_set.name
    if client is None:
        assert reported is not None
        return CheckedRequests(requests, [], reported)
    fresh = read_payments(client, [request.key for request in requests], progress=progress)
    readable, refused = refuse_unread(requests, fresh, file)
    if reported is None:
        return CheckedRequests(readable, refused, fresh.payments)
    changed = [
        request
        for request in readable
        if request.key in reported
        and reported[request.key].aggregate != fresh.payments[request.key].aggregate
    ]
    if not changed:
        return CheckedRequests(readable, refused, reported)
    logs = read_payments(
        client, [request.key for request in changed], events=True, progress=progress
    )
    changed_readable, unread = refuse_unread(changed, logs, file)
    judged = judge_again(changed_readable, verb, reported, logs.payments, logs.events, file=file)
    unchanged = [request for request in readable if request not in changed]
    # The journal is asked what happened since the report, so the time of its reading stays.
    now_known = {
        key: payment._replace(fetched_at=reported[key].fetched_at)
        for key, payment in logs.payments.items()
    }
    return CheckedRequests(
        sorted([*unchanged, *judged.requests], key=lambda request: request.source_row),
        [*refused, *unread, *judged.refused],
        {**reported, **now_known},
        judged.notes,
    )


class JudgedRequests(NamedTuple):
    """Requests as they may still be planned, the rejects, and a note for each smaller amount."""

    requests: list[Request]
    refused: list[Reject]
    notes: list[str]


def judge_again(
    requests: Sequence[Request],
    verb: str,
    reported: Mapping[PaymentKey, PaymentSnapshot],
    fresh: Mapping[PaymentKey, PaymentSnapshot],
    events: pd.DataFrame,
    *,
    file: str,
) -> JudgedRequests:
    """Reduce or refuse each request whose payment changed after the report.

    Args:
        requests: One per payment, all of payments that changed.
        verb: refund, capture or cancel.
        reported: The payments as the report has them.
        fresh: The payments as read now.
        events: Their event logs as read now (`schemas.EVENTS`).
        file: The source file of the requests, for the rejects.
    """
    logs: dict[PaymentKey, list[dict[str, Any]]] = {}
    for event in pa.Table.from_pandas(events, preserve_index=False).to_pylist():
        if event["success"]:
            logs.setdefault((event["msn"], event["reference"]), []).append(event)
    judged = JudgedRequests([], [], [])
    for request in requests:
        key = request.key
        try:
            amount_minor = _compute_remaining_amount(
                request, verb, reported[key].aggregate, fresh[key], logs.get(key, [])
            )
        except RequestRejectedError as error:
            judged.refused.append(build_reject(file, request, error))
            continue
        judged.requests.append(request._replace(amount_minor=amount_minor))
        if amount_minor != request.amount_minor:
            currency = fresh[key].currency
            moved = _compute_moved(verb, reported[key].aggregate, fresh[key].aggregate)
            judged.notes.append(
                f"{request.reference}: {format_amount(amount_minor, currency)} is planned and not "
                f"{format_amount(request.amount_minor or 0, currency)}, because since the report "
                f"{_describe_operations(logs.get(key, []), verb, moved, currency)}"
            )
    return judged


def _compute_moved(verb: str, before: Aggregate, after: Aggregate) -> int:
    """Return what operations of a verb moved between two readings, in minor units."""
    total = TOTAL_OF_VERB[verb]
    moved: int = getattr(after, total) - getattr(before, total)
    return moved


def _compute_remaining_amount(
    request: Request,
    verb: str,
    before: Aggregate,
    payment: PaymentSnapshot,
    log: Sequence[Mapping[str, Any]],
) -> int:
    """Return the amount that is still to be moved, in minor units.

    Raises:
        RequestRejectedError: Nothing is left, or the change is not one that only makes the amount
            smaller.
    """
    after = payment.aggregate
    for name, events in EVENTS_OF_TOTAL.items():
        if sum(event["amount_minor"] for event in log if event["name"] in events) != getattr(
            after, name
        ):
            raise RequestRejectedError(
                "the payment changed since the report, and its events and totals contradict each "
                "other; clarify that first"
            )
    moved = _compute_moved(verb, before, after)
    changed = [
        name for name in _OTHER_TOTALS[verb] if getattr(after, name) != getattr(before, name)
    ]
    change = describe_change(before, after, payment.currency)
    if changed or after.authorized_minor != before.authorized_minor or moved < 0:
        raise RequestRejectedError(
            f"the payment changed since the report: {change}. Run reconcile again"
        )
    allowed_minor = compute_allowed_amount(verb, after)
    requested_minor = allowed_minor if request.amount_minor is None else request.amount_minor
    remaining_minor = (
        allowed_minor if verb == "cancel" else min(requested_minor - moved, allowed_minor)
    )
    if remaining_minor <= 0:
        operation = _describe_operations(log, verb, moved, payment.currency) if moved else change
        raise RequestRejectedError(f"nothing is left to {verb} since the report: {operation}")
    return remaining_minor


def _describe_operations(
    log: Sequence[Mapping[str, Any]], verb: str, moved_minor: int, currency: str
) -> str:
    """Name the latest operations of a verb that together moved an amount."""
    names = EVENTS_OF_VERB[verb]
    own = [event for event in log if event["name"] in names and event["amount_minor"]]
    named: list[str] = []
    unexplained_minor = moved_minor
    for event in sorted(own, key=lambda event: event["event_at"], reverse=True):
        if unexplained_minor <= 0:
            break
        unexplained_minor -= event["amount_minor"]
        named.append(
            f"{format_amount(event['amount_minor'], currency)} was {PAST_TENSE[verb]} at "
            f"{format_plan_time(event['event_at'])} (operation {event['psp_reference']})"
        )
    return " and ".join(reversed(named))
