"""The lines of the bridge: what each pair adds to each line, in minor units."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import C, E, Er, O, Or, R
from vippsrecon.reconciliation.codes import DISCREPANCY_KINDS, IGNORED_KINDS
from vippsrecon.reconciliation.engines.backends import LazyFrame, materialize

PRESENCE_KIND, _CAPTURED_KIND = nw.col("there"), nw.col("captured")
_REFUNDED_KIND = nw.col("refunded")
_COMPARED, CURRENCY_MISMATCH = nw.col("compared"), nw.col("mismatch")
_CANCELLED_PAIR, _ABANDONED = nw.col("of_cancelled"), nw.col("abandoned")
_NETTED, _IGNORED_PRESENCE = nw.col("netted"), nw.col("ignored_presence")
_PAIR = nw.col("role") == "pair"
ORDER_ROW = nw.col("role").is_in(["pair", "surplus", "superseded_row"])
_UNKNOWN = nw.col("refunds_unknown")
_UNANSWERED_ORDER = (PRESENCE_KIND == "not_checked") & ORDER_ROW

BRIDGE_LINES = (
    "orders",
    "outside_period",
    "ignored",
    "not_checked",
    "other_tender",
    "cancelled",
    "not_compared",
    "not_yet_due",
    "refunded_before_capture",
    "excess_given_back",
    "given_back_on_cancelled",
    "cancellation_fees",
    "refunded_beyond_capture",
    "refunds_unknown",
    "timing_awaiting_fulfilment",
    "timing_after_cut",
    "timing_refund_pending",
    "timing_refund_not_recorded",
    "superseded_attempts",
    "other_currency",
    "outside_export",
    "without_order",
)
"""The lines before the codes' lines, in order. After the codes comes what moved in another period,
and then the leg's total."""

LINES_TO_FETCHED = ("after_cut", "moved_in_another_period", "aggregate_mismatch")
"""The lines from a leg's total to the payments' own totals, as fetched."""


def build_captured_lines() -> dict[str, nw.Expr]:
    """Return what a pair adds to each line of *captured*; lines that are not listed get nothing."""
    remainder_lost = (_CAPTURED_KIND == "authorization_lost") & nw.col("part_captured")
    # An order without a code has a remainder only if its reservation expired on both sides.
    waiting = _CAPTURED_KIND.str.starts_with("timing_") | remainder_lost | (_CAPTURED_KIND == "")
    # Nothing is expected of an open order yet, so its expected amount is not yet due, whatever its code.
    unrecorded = _CAPTURED_KIND == "payment_not_recorded"
    open_and_wrong = (
        (nw.col("status") == "open") & _CAPTURED_KIND.is_in(list(DISCREPANCY_KINDS)) & ~unrecorded
    )
    # Nothing is due for an open order yet, so its captured amount has a line of its own.
    captured_early = (
        _NETTED
        & (_CAPTURED_KIND == "timing_awaiting_fulfilment")
        & (nw.col("status") == "open")
        & nw.col("part_captured")
    )
    judged = _COMPARED & nw.col("captured_comparable")
    fee_kept = _CANCELLED_PAIR & (_CAPTURED_KIND == "cancellation_fee_kept")
    return {
        "orders": amount_where(ORDER_ROW, O),
        "ignored": amount_where(_IGNORED_PRESENCE, C - O) + amount_where(_ABANDONED, C - O),
        "not_checked": amount_where(PRESENCE_KIND == "not_checked", C)
        - amount_where(_UNANSWERED_ORDER, O),
        "other_tender": amount_where(PRESENCE_KIND == "paid_twice", -O),
        "cancelled": amount_where(
            (_CANCELLED_PAIR & judged) | (PRESENCE_KIND == "cancelled_unpaid"), -O
        ),
        "not_yet_due": amount_where(_NETTED & judged & waiting, C - E)
        - amount_where(captured_early, C)
        - amount_where(_NETTED & judged, nw.col("not_due"))
        + amount_where(_NETTED & open_and_wrong, -E),
        "payment_not_recorded": amount_where(_NETTED & unrecorded, C - E),
        "refunds_unknown": amount_where(_COMPARED & ~judged, C - O),
        "refunded_before_capture": amount_where(_NETTED, -nw.col("q")),
        "excess_given_back": amount_where(_NETTED, nw.col("p")),
        "given_back_on_cancelled": amount_where(_CANCELLED_PAIR & judged, nw.col("given_back")),
        "cancellation_fees": amount_where(fee_kept, C - R),
        "timing_awaiting_fulfilment": amount_where(captured_early, C),
        "timing_after_cut": amount_where(_PAIR & (PRESENCE_KIND == "timing_after_cut"), C - O),
        "superseded_attempts": amount_where(PRESENCE_KIND == "superseded_attempt", C),
        "outside_export": amount_where(PRESENCE_KIND == "timing_outside_export", C),
    }


def build_refunded_lines() -> dict[str, nw.Expr]:
    """Return what a pair adds to each line of *refunded*; lines that are not listed get nothing."""
    absent = PRESENCE_KIND.is_in(["missing_in_vipps", "duplicate_order_row"])
    without_order = PRESENCE_KIND.is_in(["missing_in_orders", "duplicate_payment"])
    return {
        # For a further payment, Or is the part of the shop's refund that it paid back.
        "orders": amount_where(ORDER_ROW | (nw.col("role") == "second"), Or),
        "ignored": amount_where(_IGNORED_PRESENCE, R - Or) + amount_where(_ABANDONED, R - Or),
        "not_checked": amount_where(PRESENCE_KIND == "not_checked", R - Or),
        "other_tender": amount_where(PRESENCE_KIND == "paid_twice", R - Or),
        "cancelled": amount_where(
            (_CANCELLED_PAIR & ~_UNKNOWN) | (PRESENCE_KIND == "cancelled_unpaid"), -Or
        ),
        "not_compared": amount_where(absent, -Or),
        "refunded_before_capture": amount_where(_NETTED, -nw.col("q")),
        "excess_given_back": amount_where(_NETTED, nw.col("p")),
        "given_back_on_cancelled": amount_where(_CANCELLED_PAIR & ~_UNKNOWN, nw.col("given_back")),
        "refunded_beyond_capture": amount_where(_NETTED, -nw.col("refunded_beyond_capture")),
        "refunds_unknown": amount_where(_COMPARED & ~_ABANDONED & _UNKNOWN, R - Or),
        "timing_after_cut": amount_where(_PAIR & (PRESENCE_KIND == "timing_after_cut"), R - Or),
        "timing_refund_pending": amount_where(
            _COMPARED & (_REFUNDED_KIND == "timing_refund_pending"), R - Er
        ),
        "timing_refund_not_recorded": amount_where(
            _COMPARED & (_REFUNDED_KIND == "timing_refund_not_recorded"), R - Er
        ),
        "superseded_attempts": amount_where(PRESENCE_KIND == "superseded_attempt", R),
        "outside_export": amount_where(PRESENCE_KIND == "timing_outside_export", R),
        "without_order": amount_where(without_order, R - Or),
    }


def amount_where(where: nw.Expr, amount: nw.Expr) -> nw.Expr:
    """Return the amount where the condition holds, else 0 (also where it is unknown)."""
    return nw.when(where.fill_null(value=False)).then(amount).otherwise(nw.lit(0))


def add_line_conditions(alike: LazyFrame) -> LazyFrame:
    """Add the conditions that several lines use."""
    differs = nw.col("order_currency") != nw.col("currency")
    cancelled = nw.col("status") == "cancelled"
    kinds = {
        question: nw.col(f"{question}_kind").fill_null("")
        for question in ("there", "captured", "refunded")
    }
    return materialize(
        alike.with_columns(**kinds, mismatch=nw.col("has_payment") & differs.fill_null(value=False))
        .with_columns(
            of_cancelled=_COMPARED & cancelled,
            abandoned=_COMPARED & (_CAPTURED_KIND == "abandoned_checkout"),
            ignored_presence=PRESENCE_KIND.is_in(list(IGNORED_KINDS)),
        )
        .with_columns(netted=_COMPARED & ~_CANCELLED_PAIR & ~_ABANDONED)
    )
