"""Set the flags of a pair: further facts for the reader, sorted and separated by one space."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import A, C, E, Er, K, O, Or, R, is_within_days, positive_part
from vippsrecon.reconciliation.run_checks import AMOUNT_QUESTIONS, is_discrepancy


def _has_kind(question: str, kind: str) -> nw.Expr:
    return (nw.col(f"{question}_kind") == kind).fill_null(value=False)


def _flag_conditions() -> dict[str, tuple[str, nw.Expr]]:
    """Return, by flag, its question ("" for all questions) and the condition that sets it."""
    has_payment = nw.col("has_payment")
    compared = nw.col("compared")
    failed, succeeded = nw.col("refund_failed_us"), nw.col("refund_done_us")
    last_failed = ~failed.is_null() & (
        succeeded.is_null() | (failed >= succeeded).fill_null(value=False)
    )
    shipping = (
        _has_kind("captured", "over_captured")
        & (nw.col("amount_minor") < A)
        & (A - nw.col("amount_minor") == C - O)
    )
    truncated = (
        _has_kind("captured", "rounding_difference")
        & (A == C)
        & (nw.col("truncated_minor") == C).fill_null(value=False)
    )
    partly_elsewhere = ~nw.col("no_events") & ~nw.col("wholly_by_us")
    # Also within the grace or the tolerance: what was paid by hand may be what was captured in
    # excess.
    cancelled = nw.col("status") == "cancelled"
    by_hand = (~cancelled & ~nw.col("refunds_unknown") & (Er > R)) | (
        _has_kind("captured", "cancelled_but_captured") & (Or > R)
    )
    # One of the references may be a payment that was not found, so that the sum is not known.
    of_several = nw.col("names_several") & ~nw.col("other_tender") & ~nw.col("recurring")
    has_discrepancy = nw.any_horizontal(*map(is_discrepancy, AMOUNT_QUESTIONS), ignore_nulls=False)
    return {
        "amounts_as_fetched": ("", has_payment & nw.col("no_events")),
        "cancellation_fee_kept": ("captured", _has_kind("captured", "cancellation_fee_kept")),
        "changed_after_export": ("", nw.col("changed_after")),
        "combined_orders": ("", nw.col("combined")),
        "disputed": (
            "",
            has_payment & nw.col("disputed") & (has_discrepancy | is_discrepancy("there")),
        ),
        "excess_refunded": ("", compared & (nw.col("p") > 0)),
        "expired_in_shop": ("", compared & nw.col("expired_in_shop")),
        "express_shipping": ("captured", shipping),
        "guarantee_lapsed": (
            "",
            has_payment & (K > 0) & (nw.col("guarantee_left_us") < 0).fill_null(value=False),
        ),
        "last_refund_failed": ("", compared & (nw.col("status") == "cancelled") & last_failed),
        "made_elsewhere": (
            "refunded",
            _has_kind("refunded", "refund_missing_in_shop") & partly_elsewhere,
        ),
        "method_unsure": ("", has_payment & nw.col("method_unsure") & ((C > 0) | (K > 0))),
        "no_reference": (
            "there",
            _has_kind("there", "missing_in_vipps")
            & nw.col("no_reference")
            & nw.col("by_vipps").fill_null(value=False),
        ),
        "not_capturable": ("captured", _has_kind("captured", "under_captured") & (E - C > K)),
        "possible_duplicate": (
            "",
            has_payment
            & nw.col("unsettled")
            & (has_discrepancy | _has_kind("there", "duplicate_payment")),
        ),
        "presentment_currency": (
            "there",
            _has_kind("there", "currency_mismatch") & nw.col("shop_currency_only"),
        ),
        "recorded_by_hand": ("", compared & nw.col("recorded_by_hand") & by_hand),
        "refund_window_closing": (
            "",
            has_payment & (C > R) & is_within_days(nw.col("refund_left_us"), 30),
        ),
        "refunded_before_capture": ("", compared & (nw.col("q") > 0)),
        "refunded_by_us": (
            "refunded",
            _has_kind("refunded", "refund_missing_in_shop") & nw.col("by_us"),
        ),
        "refunds_unknown": ("", compared & nw.col("refunds_unknown")),
        "shopware_truncation": ("captured", truncated),
        "split_payment": ("", nw.col("split") | (has_payment & of_several)),
        "split_tender": ("", nw.col("split_tender")),
        "status_unknown": ("", nw.col("has_order") & (nw.col("raw_status") == "unknown")),
    }


FLAGS = tuple(_flag_conditions())
"""All flags of the comparison of orders and payments, sorted."""


def join_flags(question: str | None = None) -> nw.Expr:
    """Return the flags as text: those of one question's rows, or all flags if it is None."""
    flag_texts = [
        nw.when(where).then(nw.lit(f"{flag} ")).otherwise(nw.lit(""))
        for flag, (own_question, where) in _flag_conditions().items()
        if question is None or own_question in {"", question}
    ]
    return nw.concat_str(*flag_texts).str.strip_chars()


def is_deadline_near() -> nw.Expr:
    """Return where money can still be captured or refunded, but for at most three more days."""
    capture = (K > 0) & is_within_days(nw.col("capture_left_us"), 3)
    refund = (positive_part(C - R) > 0) & is_within_days(nw.col("refund_left_us"), 3)
    return capture | refund
