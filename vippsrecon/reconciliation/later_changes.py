"""Recognise pairs whose differences the shop's own later change could explain: fetch again.

A payment may have been read before the shop last changed its order. What happened to the payment
since then is unknown. The pair is `timing_after_cut` if the shop's change could explain every code.
An order that was sent later explains that too little was captured or that an amount is still
reserved. A later refund explains that money was not refunded or is still reserved, together up to
the amount of the refund.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import (
    STATE,
    C,
    E,
    Er,
    K,
    O,
    Or,
    R,
    has_status,
    minimum_of,
    positive_part,
)
from vippsrecon.reconciliation.codes import DISCREPANCY_KINDS
from vippsrecon.reconciliation.engines.backends import LazyFrame

_QUESTIONS = ("captured", "refunded", "reserved")
_DAY_OF_TIME = {"fulfilled_at_us": "fulfilled_day", "refunded_at_us": "refunded_day"}
_PENDING_KINDS = ("timing_capture_pending", "timing_refund_pending")
_NOT_YET_CAPTURED = ("fulfilled_not_captured", "under_captured", "timing_capture_pending")
_NOT_YET_REFUNDED = ("refund_missing_at_vipps", "refund_failed", "timing_refund_pending")


def add_later_changes(pairs: LazyFrame) -> LazyFrame:
    """Mark changes of the shop after the fetch, and pairs that the as-of time cannot judge.

    `shop_is_later`: the as-of time is earlier than the export, so the shop's side is later than the
    payment's, and one of them changed in between: nothing is proposed.

    `after_as_of`: such a pair is `timing_after_cut`, unless a date of the shop proves that
    something was wrong at the as-of time: the order had been sent and nothing was captured, or the
    shop had refunded more than Vipps MobilePay. The shop's other values have no date.
    """
    fetched, fetched_day = nw.col("fetched_at_us"), nw.col("fetched_day")
    fulfilled, refunded = _DAY_OF_TIME
    t_us, t_day = nw.col("t_us"), nw.col("t_day")
    as_of_us = nw.col("as_of_us")
    earlier = (nw.col("exported_at_us") > as_of_us) & (
        fetched.is_null() | (fetched > as_of_us).fill_null(value=False)
    )
    shop_changed = (
        _is_later(fulfilled, t_us, t_day)
        | _is_later(refunded, t_us, t_day)
        | (nw.col("ordered_day") > t_day).fill_null(value=False)
    )
    changed = nw.col("changed_after") | shop_changed
    sent = nw.col("raw_status").is_in(["fulfilled", "partial"]) & ~nw.col(fulfilled).is_null()
    refunded_before = (nw.col("raw_status") != "cancelled") & ~nw.col(refunded).is_null()
    proven = (sent & (C == 0)) | (refunded_before & (Or > R))
    judged = ~shop_changed & proven & ~nw.col("other_tender")
    return pairs.with_columns(
        fulfilled_later=_is_later(fulfilled, fetched, fetched_day),
        refunded_later=_is_later(refunded, fetched, fetched_day),
        shop_is_later=(earlier & changed).fill_null(value=False),
        after_as_of=(earlier & changed & ~judged).fill_null(value=False),
    )


def set_later_changes_apart(answered: LazyFrame) -> LazyFrame:
    """Give the code `timing_after_cut` to pairs whose codes a later change of the shop explains.

    Args:
        answered: The pairs with `<question>_kind` and `compared`.

    Returns:
        The same rows. In these pairs no amount counts as compared, and no other question has a
        kind.
    """
    has_code = nw.any_horizontal(
        *(_is_among(question, DISCREPANCY_KINDS) for question in _QUESTIONS), ignore_nulls=False
    )
    by_change = nw.lit(value=True)
    for question in _QUESTIONS:
        counts = _is_among(question, DISCREPANCY_KINDS) | (
            ~has_code & _is_among(question, _PENDING_KINDS)
        )
        by_change = by_change & (~counts | _is_explained(question))
    pending = nw.any_horizontal(
        *(_is_among(question, _PENDING_KINDS) for question in _QUESTIONS), ignore_nulls=False
    )
    changed = nw.col("fulfilled_later") | nw.col("refunded_later")
    apart = nw.col("compared") & nw.col("there_kind").is_null() & changed
    return (
        answered.with_columns(
            explained=(apart & (has_code | pending) & by_change).fill_null(value=False)
        )
        .with_columns(
            compared=nw.col("compared") & ~nw.col("explained"),
            there_kind=nw.when(nw.col("explained"))
            .then(nw.lit("timing_after_cut"))
            .otherwise(nw.col("there_kind")),
            **{
                f"{question}_kind": nw.when(~nw.col("explained")).then(nw.col(f"{question}_kind"))
                for question in _QUESTIONS
            },
        )
        .drop("explained")
    )


def _is_among(question: str, kinds: tuple[str, ...]) -> nw.Expr:
    return nw.col(f"{question}_kind").is_in(list(kinds)).fill_null(value=False)


def _is_explained(question: str) -> nw.Expr:
    """Return where a later change could explain the kind of a question."""
    sent_later = nw.col("fulfilled_later") & has_status("fulfilled", "partial")
    can_capture = (E - C <= K) & ~nw.col("deadline_passed")
    not_refunded = Or - R
    refunded_later = nw.col("refunded_later") & (not_refunded > 0)
    if question == "captured":
        captured_later = _is_among(question, _NOT_YET_CAPTURED) & can_capture
        approved_later = _is_among(question, ("not_paid",)) & (STATE == "CREATED")
        # After the refund the cancelled order keeps nothing, or the fee.
        settled = _is_among(question, ("cancelled_but_captured",)) & ((Or >= C) | (C == O))
        return (sent_later & (captured_later | approved_later)) | (refunded_later & settled)
    if question == "refunded":
        return refunded_later & _is_among(question, _NOT_YET_REFUNDED)
    released = _is_among(question, ("remainder_open",))
    expiring = _is_among(question, ("authorization_expiring",)) & can_capture
    cancelled = has_status("cancelled")
    given_back = nw.when(cancelled).then(minimum_of(C, Or) - R).otherwise(positive_part(Er - R))
    needed = nw.when(cancelled).then(nw.lit(0)).otherwise(positive_part(E - C)) + nw.col("not_due")
    fits = K - needed <= not_refunded - given_back
    return (sent_later & (released | expiring)) | (refunded_later & released & fits)


def _is_later(changed_at: str, than_us: nw.Expr, than_day: nw.Expr) -> nw.Expr:
    """Test whether the shop's change is later; without a time of day, its day is compared."""
    return (
        nw.when(nw.col("dates_without_time"))
        .then(nw.col(_DAY_OF_TIME[changed_at]) > than_day)
        .otherwise(nw.col(changed_at) > than_us)
        .fill_null(value=False)
    )
