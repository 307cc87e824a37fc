"""What may be proposed about a discrepancy: a verb and an amount, or nothing.

A proposal moves nothing: it is what a person may put into a plan. It never asks for more than
the payment allows, nor gives back more than is owed.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconcile.checks.check import C, E, Er, K, O, Or, R, positive, smaller

REFUNDING = (
    "over_captured",
    "duplicate_capture",
    "cancelled_but_captured",
    "refund_missing_at_vipps",
    "refund_failed",
)
CAPTURING = ("under_captured", "fulfilled_not_captured")

KEPT_FROM_PLANS = ("express_shipping", "split_tender", "amounts_as_fetched", "split_payment")
"""Flags of rows a person has to settle. A split payment's sum is no single payment's amount."""


def proposal(question: str) -> tuple[nw.Expr, nw.Expr]:
    """Return verb (`refund`, `capture`, `cancel` or null) and amount in minor units (or null).

    Refunds of one payment come, together, to no more than what is held beyond what the order
    keeps: (C - R) - (O - Or), where a cancelled order keeps nothing. The captured question is
    served first, the refunded one with what is left.

    Captures are proposed only for an order that really is fulfilled, and within the deadline;
    a cancel, which releases everything, only where nothing is left to capture; a refund not
    after its window (Vipps MobilePay would refuse it, code 6220); and nothing at all where the
    payment contradicts itself.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/operations/
    """
    kind = nw.col("kind")
    cancelled = nw.col("status") == "cancelled"
    keeps = nw.when(cancelled).then(nw.lit(0, nw.Int64)).otherwise(O - Or)
    owed = positive(C - R - keeps)
    first = nw.when(cancelled).then(C - R).otherwise(C - E)
    first = (
        nw.when(nw.col("captured_kind").is_in(list(REFUNDING)).fill_null(value=False))
        .then(smaller(positive(first), owed))
        .otherwise(nw.lit(0, nw.Int64))
    )
    refund = first if question == "captured" else smaller(positive(Er - R), owed - first)
    capture = smaller(positive(E - C), K)
    in_window = (nw.col("refund_left_us") >= 0).fill_null(value=True)
    in_time = ~nw.col("deadline_passed") & (nw.col("raw_status") == "fulfilled")
    all_captured = cancelled | (C >= E)
    amount = (
        nw.when(kind.is_in(list(REFUNDING)) & in_window)
        .then(refund)
        .otherwise(
            nw.when(kind.is_in(list(CAPTURING)) & in_time)
            .then(capture)
            .otherwise(
                nw.when((kind == "remainder_open") & all_captured)
                .then(K)
                .otherwise(nw.lit(0, nw.Int64))
            )
        )
    )
    settled_by_hand = nw.col("gap") > 0
    for flag in KEPT_FROM_PLANS:
        settled_by_hand = settled_by_hand | nw.col("flags").str.contains(flag, literal=True)
    offered = nw.when(~settled_by_hand & (amount > 0)).then(amount)
    verb = (
        nw.when(kind.is_in(list(REFUNDING)))
        .then(nw.lit("refund"))
        .otherwise(
            nw.when(kind.is_in(list(CAPTURING))).then(nw.lit("capture")).otherwise(nw.lit("cancel"))
        )
    )
    return nw.when(~offered.is_null()).then(verb), offered
