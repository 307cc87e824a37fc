"""Propose an operation for a discrepancy: a verb and an amount, or nothing.

A proposal moves no money; a person may put it into a plan. Its amount is never more than the
payment allows, and a refund is never more than is owed to the customer.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.backends import LazyFrame
from vippsrecon.reconciliation.check import C, E, Er, K, O, Or, R, minimum_of, positive_part
from vippsrecon.reconciliation.codes import CODES, MANUAL_FLAGS

REFUND_KINDS = tuple(code.name for code in CODES if code.proposes == "refund")
CAPTURE_KINDS = tuple(code.name for code in CODES if code.proposes == "capture")
CANCEL_KINDS = tuple(code.name for code in CODES if code.proposes == "cancel")


def add_proposals(found: LazyFrame, question: str) -> LazyFrame:
    """Add `proposal` (`refund`, `capture`, `cancel` or null) and `proposal_minor` (or null).

    The refunds of one payment together are at most the amount held beyond what the order keeps:
    (C - R) - (O - Or). A cancelled order keeps nothing. The refund for the captured question is
    computed first; the refund for the refunded question gets at most the rest.

    A capture is proposed only for an order that is fulfilled in the export, and before the
    deadline. A cancel, which releases the whole reservation, is proposed only where nothing is
    left to capture. A refund is not proposed after its deadline, because Vipps MobilePay would
    reject it (code 6220). Nothing is proposed where the payment's events and totals disagree.

    Args:
        found: Discrepancies of one question, with kind and flags.
        question: The question they belong to.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/operations/
    """
    nothing = nw.lit(0, nw.Int64)
    cancelled = nw.col("status") == "cancelled"
    order_keeps = nw.when(cancelled).then(nothing).otherwise(O - Or)
    excess = nw.when(cancelled).then(C - R).otherwise(C - E)
    by_hand = nw.col("gap") > 0
    for flag in MANUAL_FLAGS:
        by_hand = by_hand | nw.col("flags").str.contains(flag, literal=True)
    verb = _choose_by_kind(nw.lit("refund"), nw.lit("capture"), nw.lit("cancel"))
    # In steps: an expression used several times inside another is built again each time.
    with_limits = found.with_columns(
        owed=positive_part(C - R - order_keeps),
        first=positive_part(excess),
        by_hand=by_hand,
        verb=verb,
    ).with_columns(
        first=nw.when(nw.col("captured_kind").is_in(list(REFUND_KINDS)).fill_null(value=False))
        .then(minimum_of(nw.col("first"), nw.col("owed")))
        .otherwise(nothing)
    )
    remainder = minimum_of(positive_part(Er - R), nw.col("owed") - nw.col("first"))
    in_window = (nw.col("refund_left_us") >= 0).fill_null(value=True)
    in_time = ~nw.col("deadline_passed") & (nw.col("raw_status") == "fulfilled")
    releases = nw.col("kind").is_in(list(CANCEL_KINDS)) & (cancelled | (C >= E))
    amount = _choose_by_kind(
        _amount_where(in_window, nw.col("first") if question == "captured" else remainder),
        _amount_where(in_time, minimum_of(positive_part(E - C), K)),
        _amount_where(releases, K),
    )
    is_proposed = ~nw.col("by_hand") & (nw.col("amount") > 0)
    return with_limits.with_columns(amount=amount).with_columns(
        proposal=nw.when(is_proposed).then(nw.col("verb")),
        proposal_minor=nw.when(is_proposed).then(nw.col("amount")),
    )


def _choose_by_kind(refund: nw.Expr, capture: nw.Expr, other: nw.Expr) -> nw.Expr:
    kind = nw.col("kind")
    return (
        nw.when(kind.is_in(list(REFUND_KINDS)))
        .then(refund)
        .otherwise(nw.when(kind.is_in(list(CAPTURE_KINDS))).then(capture).otherwise(other))
    )


def _amount_where(condition: nw.Expr, amount: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(amount).otherwise(nw.lit(0, nw.Int64))
