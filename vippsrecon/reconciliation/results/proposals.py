"""What may be proposed about a discrepancy: a verb and an amount, or nothing.

A proposal moves nothing: it is what a person may put into a plan. It never asks for more than
the payment allows, nor gives back more than is owed.
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

    Refunds of one payment come, together, to no more than what is held beyond what the order
    keeps: (C - R) - (O - Or), where a cancelled order keeps nothing. The captured question is
    served first, the refunded one with what is left.

    Captures are proposed only for an order that really is fulfilled, and within the deadline;
    a cancel, which releases everything, only where nothing is left to capture; a refund not
    after its window (Vipps MobilePay would refuse it, code 6220); and nothing at all where the
    payment contradicts itself.

    Args:
        found: What is wrong, with kind and flags.
        question: The question it was the answer to.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/operations/
    """
    nothing = nw.lit(0, nw.Int64)
    cancelled = nw.col("status") == "cancelled"
    keeps = nw.when(cancelled).then(nothing).otherwise(O - Or)
    too_much = nw.when(cancelled).then(C - R).otherwise(C - E)
    by_hand = nw.col("gap") > 0
    for flag in MANUAL_FLAGS:
        by_hand = by_hand | nw.col("flags").str.contains(flag, literal=True)
    verb = _choose_by_kind(nw.lit("refund"), nw.lit("capture"), nw.lit("cancel"))
    # Step by step: an expression that holds another several times is built as many times.
    sized = found.with_columns(
        owed=positive_part(C - R - keeps), first=positive_part(too_much), by_hand=by_hand, verb=verb
    ).with_columns(
        first=nw.when(nw.col("captured_kind").is_in(list(REFUND_KINDS)).fill_null(value=False))
        .then(minimum_of(nw.col("first"), nw.col("owed")))
        .otherwise(nothing)
    )
    left = minimum_of(positive_part(Er - R), nw.col("owed") - nw.col("first"))
    in_window = (nw.col("refund_left_us") >= 0).fill_null(value=True)
    in_time = ~nw.col("deadline_passed") & (nw.col("raw_status") == "fulfilled")
    releases = nw.col("kind").is_in(list(CANCEL_KINDS)) & (cancelled | (C >= E))
    amount = _choose_by_kind(
        _amount_where(in_window, nw.col("first") if question == "captured" else left),
        _amount_where(in_time, minimum_of(positive_part(E - C), K)),
        _amount_where(releases, K),
    )
    offered = ~nw.col("by_hand") & (nw.col("amount") > 0)
    return sized.with_columns(amount=amount).with_columns(
        proposal=nw.when(offered).then(nw.col("verb")),
        proposal_minor=nw.when(offered).then(nw.col("amount")),
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
