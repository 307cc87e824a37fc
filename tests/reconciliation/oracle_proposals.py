"""The model's proposals: what may be refunded, captured or cancelled, and what may not.

Plain Python, written from the text of the rules alone; see `oracle`.
"""
# ruff: noqa: N806 - the rules' own letters

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.reconciliation.oracle_money import REFUND_WINDOW, Money
from tests.reconciliation.oracle_pair import Judgement

NEVER = {
    "recorded_by_hand",
    "refunds_unknown",
    "split_payment",
    "split_tender",
    "amounts_as_fetched",
    "possible_duplicate",
    "disputed",
    "method_unsure",
}
"""Flags of a pair for which nothing at all is proposed."""
REFUNDS = {
    "refund_missing_at_vipps",
    "refund_failed",
    "over_captured",
    "duplicate_capture",
    "cancelled_but_captured",
}


def of_pair(
    order: dict[str, Any],
    payment: dict[str, Any],
    m: Money,
    judgement: Judgement,
    clock: datetime,
    *,
    forbidden: bool,
) -> dict[str, tuple[str, int]]:
    """Return what may be proposed for one payment: verb and amount by question.

    Args:
        order: The order, `status` as the shop says it.
        payment: The payment, with its totals.
        m: Its amounts.
        judgement: The answers to the questions about the pair.
        clock: The time at which deadlines are checked.
        forbidden: Whether something about the pair forbids any proposal.
    """
    if forbidden or judgement.flags & NEVER or m.gap:
        return {}
    C, R, K = m.C, m.R, m.K
    net = judgement.net
    proposed: dict[str, tuple[str, int]] = {}

    may_refund = max(0, (C - R) - (net.O - net.Or))
    if judgement.status == "cancelled" and (net.Or == 0 or net.Or >= net.O):
        may_refund = C - R
    may_refund = min(may_refund, C - R, payment["captured_minor"] - payment["refunded_minor"])
    if m.authorized is not None and m.authorized + REFUND_WINDOW < clock:
        may_refund = 0
    for question, answer in (("captured", judgement.captured), ("refunded", judgement.refunded)):
        if answer.outcome == "code" and answer.kind in REFUNDS:
            minor = min(abs(answer.actual - answer.expected), may_refund)
            if minor > 0 and not (question == "captured" and "express_shipping" in judgement.flags):
                proposed[question] = ("refund", minor)
                may_refund -= minor

    left = payment["authorized_minor"] - payment["captured_minor"] - payment["cancelled_minor"]
    if (
        judgement.captured.kind in {"under_captured", "fulfilled_not_captured"}
        and order["status"] == "fulfilled"
        and not judgement.deadline_passed
    ):
        minor = min(net.E - C, K, left)
        if minor > 0:
            proposed["captured"] = ("capture", minor)

    nothing_to_capture = judgement.status == "cancelled" or net.E == 0 or C >= net.E
    if judgement.reserved.kind == "remainder_open" and nothing_to_capture:
        minor = min(K, left)
        if minor > 0:
            proposed["reserved"] = ("cancel", minor)
    return proposed


def of_second_payment(
    order: dict[str, Any],
    payment: dict[str, Any],
    second: Money,
    counted: Money,
    judgement: Judgement,
    *,
    forbidden: bool,
) -> tuple[str, int] | None:
    """Return the cancel of a second payment that is only reserved, where the first one suffices."""
    if forbidden or second.gap or order["status"] == "unknown":
        return None
    if judgement.flags & {"amounts_as_fetched", "method_unsure"}:
        return None
    if second.C or not second.K:
        return None
    covered = counted.C + (0 if judgement.deadline_passed else counted.K)
    if covered < judgement.net.E:
        return None
    left = payment["authorized_minor"] - payment["captured_minor"] - payment["cancelled_minor"]
    minor = min(second.K, left)
    return ("cancel", minor) if minor > 0 else None
