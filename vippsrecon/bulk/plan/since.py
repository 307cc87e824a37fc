"""What happened to a payment since the report its row comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vippsrecon.bulk.execution.evidence import moved
from vippsrecon.bulk.execution.operations import PAST, moment_of
from vippsrecon.bulk.plan.model import stamp
from vippsrecon.bulk.plan.rows import NoRowError, Payment, Seen, Wish, no_row
from vippsrecon.sources.reviewed_report.read import Refused
from vippsrecon.store import Attempt

NOTHING_DONE = ("refused", "skipped")


def moved_since(reported: Seen, fresh: Seen) -> None:
    """Refuse a payment that is not as the report had it.

    Raises:
        NoRowError: Its aggregate is another now.
    """
    if reported.aggregate != fresh.aggregate:
        said = moved(reported.aggregate, fresh.aggregate, fresh.currency)
        raise NoRowError(f"the payment changed since the report: {said}; reconcile anew")


def not_planned_since(
    wishes: Sequence[Wish],
    seen: Mapping[Payment, Seen],
    attempts: Mapping[Payment, Sequence[Attempt]],
    verb: str,
    *,
    file: str,
) -> tuple[list[Wish], list[Refused]]:
    """Return the wishes whose payments no plan touched since they were seen, and the others.

    The report cannot have known of an operation of the same verb that the journal has since, nor
    of one that is still open, however old.

    Args:
        wishes: One per payment.
        seen: The payments as the report had them.
        attempts: What the journal holds of each payment.
        verb: refund, capture or cancel.
        file: Where the wishes come from.
    """
    kept: list[Wish] = []
    refused: list[Refused] = []
    for wish in wishes:
        payment = seen.get((wish.msn, wish.reference))
        unseen = [
            one
            for one in attempts.get((wish.msn, wish.reference), [])
            if one.verb == verb and payment is not None and _unseen(one, payment)
        ]
        if unseen:
            refused.append(no_row(file, wish, _known(unseen[0], verb)))
        else:
            kept.append(wish)
    return kept, refused


def _unseen(attempt: Attempt, payment: Seen) -> bool:
    if attempt.kind in NOTHING_DONE:
        return False
    still_open = attempt.kind in ("intended", "unknown")
    return still_open or moment_of(attempt.intended_at) > payment.fetched_at


def _known(attempt: Attempt, verb: str) -> NoRowError:
    at = stamp(moment_of(attempt.intended_at))
    return NoRowError(
        f"row {attempt.row} of plan {attempt.plan_id} {PAST[verb]} it at {at} ({attempt.kind}), "
        "which the report had not seen; reconcile anew"
    )
