"""Propose an operation for a discrepancy: a verb and an amount, or nothing.

A proposal moves no money; a person may put it into a plan. A discrepancy is judged at the cut-off
time, but only what is still owed after every event fetched is proposed: the smaller of the two
amounts. An amount is never more than the payment allows, and a refund is never more than is owed to
the customer.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import O, minimum_of, positive_part
from vippsrecon.reconciliation.codes import CODES, MANUAL_FLAGS
from vippsrecon.reconciliation.engines.backends import LazyFrame
from vippsrecon.reconciliation.orders_payments.variables import add_expected_amounts

REFUND_KINDS = tuple(code.name for code in CODES if code.proposes == "refund")
CAPTURE_KINDS = tuple(code.name for code in CODES if code.proposes == "capture")
CANCEL_KINDS = tuple(code.name for code in CODES if code.proposes == "cancel")

_NOTHING = nw.lit(0, nw.Int64)


def add_proposals(discrepancies: LazyFrame, question: str) -> LazyFrame:
    """Add `proposal` (`refund`, `capture`, `cancel` or null) and `proposal_minor` (or null).

    The refunds of one payment together are at most the amount held beyond what the order keeps:
    (C - R) - (O - Or). A cancelled order keeps nothing, unless the shop refunded a part of it: then
    it keeps the fee. The refund for the captured question is computed first; the refund for the
    refunded question gets at most the rest.

    A capture is proposed only for an order that is fulfilled in the export, before the deadline,
    and after the next attempts to pay the order were requested: one of them may hold the money. A
    refund that the shop records is proposed only after that too: one of them may have been given
    back. A cancel releases the whole reservation. It is proposed only where nothing is left to capture; for
    a further payment only where the payment that counts covers the order. A refund is not proposed
    after its deadline, because Vipps MobilePay would reject it (code 6220).

    Nothing is proposed for
    - a payment whose events and totals disagree,
    - orders paid together of which one is cancelled,
    - a difference that only missing decimals explain,
    - an order for which another payment attempt counts after every event fetched,
    - a pair that changed between an early as-of time and the export.

    Args:
        discrepancies: Discrepancies of one question, with kind and flags.
        question: The question they belong to.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/operations/
    """
    by_hand = (nw.col("gap") > 0) | nw.col("has_cancelled_row") | nw.col("whole_total")
    by_hand = by_hand | nw.col("attempts_changed") | nw.col("shop_is_later")
    for flag in MANUAL_FLAGS:
        by_hand = by_hand | nw.col("flags").str.contains(flag, literal=True)
    verb = _choose_by_kind(nw.lit("refund"), nw.lit("capture"), nw.lit("cancel"))
    # In steps: an expression used several times inside another is built again each time.
    judged = add_expected_amounts(discrepancies, "_now").with_columns(by_hand=by_hand, verb=verb)
    for suffix in ("", "_now"):
        judged = _add_amount(judged, question, suffix)
    amount = minimum_of(nw.col("amount"), nw.col("amount_now"))
    is_proposed = ~nw.col("by_hand") & (amount > 0)
    return judged.with_columns(
        proposal=nw.when(is_proposed).then(nw.col("verb")),
        proposal_minor=nw.when(is_proposed).then(amount),
    )


def _add_amount(discrepancies: LazyFrame, question: str, suffix: str) -> LazyFrame:
    """Add the amount that one reading justifies: at the cut-off (""), or now ("_now")."""
    c, r, k, e, er, status = (
        nw.col(f"{name}{suffix}") for name in ("C", "R", "K", "E", "Er", "status")
    )
    owed, first = nw.col(f"owed{suffix}"), nw.col(f"first{suffix}")
    cancelled, o_r = status == "cancelled", nw.col(f"Or{suffix}")
    keeps_nothing = cancelled & ((o_r == 0) | (o_r >= O))
    order_keeps = nw.when(keeps_nothing).then(_NOTHING).otherwise(positive_part(O - o_r))
    excess = nw.when(cancelled).then(c - r).otherwise(c - e)
    refunds_excess = nw.col("captured_kind").is_in(list(REFUND_KINDS)).fill_null(value=False)
    # Deadlines are counted from the cut-off time; the later reading counts from the fetch.
    since = nw.col("fetched_at_us") - nw.col("t_us") if suffix else _NOTHING
    in_window = (nw.col("refund_left_us") - since >= 0).fill_null(value=True)
    may_be_given_back = ~cancelled & ~nw.col("attempts_asked")
    in_time = (nw.col("capture_left_us") - since >= 0).fill_null(value=True) & (
        (nw.col("raw_status") == "fulfilled") & nw.col("attempts_asked")
    )
    releases = (
        nw.when(nw.col("kind") == "duplicate_payment")
        .then((c == 0) & nw.col("order_is_covered"))
        .otherwise(nw.col("kind").is_in(list(CANCEL_KINDS)) & (cancelled | (c >= e)))
    ) & (nw.col("not_due") == 0)
    with_limits = discrepancies.with_columns(
        positive_part(c - r - order_keeps).alias(f"owed{suffix}"),
        positive_part(excess).alias(f"first{suffix}"),
    ).with_columns(
        _amount_where(refunds_excess, minimum_of(first, owed)).alias(f"first{suffix}"),
    )
    after_excess = minimum_of(positive_part(er - r), owed - first)
    return with_limits.with_columns(
        _choose_by_kind(
            _amount_where(in_window, first)
            if question == "captured"
            else _amount_where(in_window & ~may_be_given_back, after_excess),
            _amount_where(in_time, minimum_of(positive_part(e - c), k)),
            _amount_where(releases, k),
        ).alias(f"amount{suffix}")
    )


def _choose_by_kind(refund: nw.Expr, capture: nw.Expr, other: nw.Expr) -> nw.Expr:
    kind = nw.col("kind")
    return (
        nw.when(kind.is_in(list(REFUND_KINDS)))
        .then(refund)
        .otherwise(nw.when(kind.is_in(list(CAPTURE_KINDS))).then(capture).otherwise(other))
    )


def _amount_where(condition: nw.Expr, amount: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(amount).otherwise(_NOTHING)
