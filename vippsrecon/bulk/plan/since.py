"""What happened to a payment since the report its row comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vippsrecon.bulk.execution.evidence import describe_change
from vippsrecon.bulk.execution.operations import PAST_TENSE, parse_timestamp
from vippsrecon.bulk.plan.model import format_plan_time
from vippsrecon.bulk.plan.rows import (
    PaymentKey,
    PaymentSnapshot,
    Request,
    RequestRejectedError,
    build_reject,
)
from vippsrecon.sources.rejects import Reject
from vippsrecon.store import Attempt

KINDS_WITHOUT_EFFECT = ("refused", "skipped")


def refuse_if_changed(reported: PaymentSnapshot, fresh: PaymentSnapshot) -> None:
    """Refuse a payment that is not as the report had it.

    Raises:
        NoRowError: Its aggregate is another now.
    """
    if reported.aggregate != fresh.aggregate:
        said = describe_change(reported.aggregate, fresh.aggregate, fresh.currency)
        raise RequestRejectedError(f"the payment changed since the report: {said}; reconcile anew")


def split_already_planned(
    wishes: Sequence[Request],
    seen: Mapping[PaymentKey, PaymentSnapshot],
    attempts: Mapping[PaymentKey, Sequence[Attempt]],
    verb: str,
    *,
    file: str,
) -> tuple[list[Request], list[Reject]]:
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
    kept: list[Request] = []
    refused: list[Reject] = []
    for wish in wishes:
        payment = seen.get((wish.msn, wish.reference))
        unseen = [
            one
            for one in attempts.get((wish.msn, wish.reference), [])
            if one.verb == verb and payment is not None and _is_unknown_to_report(one, payment)
        ]
        if unseen:
            refused.append(build_reject(file, wish, _build_already_planned_error(unseen[0], verb)))
        else:
            kept.append(wish)
    return kept, refused


def _is_unknown_to_report(attempt: Attempt, payment: PaymentSnapshot) -> bool:
    if attempt.kind in KINDS_WITHOUT_EFFECT:
        return False
    still_open = attempt.kind in ("intended", "unknown")
    return still_open or parse_timestamp(attempt.intended_at) > payment.fetched_at


def _build_already_planned_error(attempt: Attempt, verb: str) -> RequestRejectedError:
    at = format_plan_time(parse_timestamp(attempt.intended_at))
    return RequestRejectedError(
        f"row {attempt.row} of plan {attempt.plan_id} {PAST_TENSE[verb]} it at {at} ({attempt.kind}), "
        "which the report had not seen; reconcile anew"
    )
