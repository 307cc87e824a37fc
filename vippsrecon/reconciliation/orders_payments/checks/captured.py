"""Check that the captured amount (C) is what should have been captured (E).

This question covers every order with a payment. No check applies if nothing should be captured and
nothing was (E = 0 and C = 0), if the shop's refunds are unknown and the captured amount alone proves
nothing, or if the shop says itself that the reservation of an unsent order expired.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import (
    NOTHING_CAPTURABLE,
    STATE,
    TOLERANCE,
    A,
    C,
    Check,
    CheckFunction,
    E,
    Er,
    K,
    O,
    Or,
    R,
    has_status,
    maximum_of,
    minimum_of,
    positive_part,
)

_COMPARABLE = nw.col("captured_comparable")
_CAPTURE_RELEVANT = ~((E == 0) & (C == 0)) & _COMPARABLE & ~nw.col("expired_in_shop")
_OPEN = has_status("open")
_PARTIAL = has_status("partial")
_FULFILLED = has_status("fulfilled")
_ENDED = nw.col("dead")
_PARTLY_CAPTURED = (C > 0) & (E > C)
_CANCELLED = has_status("cancelled")
_OVERDUE = (nw.col("since_fulfilled_us") > nw.col("grace_capture_us")).fill_null(value=True)


def cancellation_fee_kept() -> Check:
    """Find cancelled orders of which the shop deliberately retained a fee: these match.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(Or=900, R=900, status="cancelled")
    ['matched cancellation_fee_kept']
    """
    return Check(_CANCELLED & _COMPARABLE & (Or > 0) & (Or < O) & (O - Or == C - R))


def cancelled_but_captured() -> Check:
    """Find cancelled orders whose captured money was not all refunded to the customer.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(status="cancelled")
    ['discrepancy cancelled_but_captured 0 → 1000, at risk 1000']
    >>> run_example(status="open", shop_authorization="voided")
    ['discrepancy cancelled_but_captured 0 → 1000, at risk 1000']
    """
    return Check(_CANCELLED & _COMPARABLE & (C > R), nw.lit(0), C - R, C - R)


def payment_not_recorded() -> Check:
    """Find payments that the customer approved and of which the shop knows nothing.

    The shop still records the order as unpaid: the callback failed, and the customer did not
    return to the shop. Nobody will send the order, or release the money.
    Source: https://developer.vippsmobilepay.com/docs/knowledge-base/reserve-and-capture/

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=0, status="open", paid="no", authorized_days_ago=8)
    ['discrepancy payment_not_recorded 0 → 0, at risk 1000']
    >>> run_example(C=0, status="open", paid="no", authorized_days_ago=0)
    ['timing timing_awaiting_fulfilment']
    """
    late = (nw.col("since_authorized_us") > nw.col("grace_callback_us")).fill_null(value=True)
    holds_money = (K > 0) | (C > R)
    net_captured = positive_part(C - maximum_of(R, Er))
    return Check(
        _CAPTURE_RELEVANT & ~_CANCELLED & (nw.col("paid") == "no") & (A > 0) & late & holds_money,
        C,
        C,
        minimum_of(O, K + net_captured),
    )


def captured_not_fulfilled() -> Check:
    """Find open orders captured longer ago than the grace period for delivery.

    Money may be captured only when the goods are sent, not before.
    Source: https://developer.vippsmobilepay.com/docs/knowledge-base/reserve-and-capture/

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(status="open", captured_days_ago=4)
    ['discrepancy captured_not_fulfilled 0 → 1000, at risk 1000']
    """
    late = (nw.col("since_capture_us") > nw.col("grace_delivery_us")).fill_null(value=True)
    net_captured = positive_part(C - maximum_of(R, Or))
    return Check(_CAPTURE_RELEVANT & _OPEN & (C > 0) & late, nw.lit(0), C, net_captured)


def timing_awaiting_fulfilment() -> Check:
    """Find orders just captured, partly sent, or reserved and not sent: the rest is not yet due.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=400, status="partial")
    ['timing timing_awaiting_fulfilment']
    >>> run_example(C=0, status="open")
    ['timing timing_awaiting_fulfilment']
    """
    just_captured = _OPEN & (C > 0)
    waiting = (_PARTIAL & _PARTLY_CAPTURED) | (_OPEN & (C == 0))
    return Check(_CAPTURE_RELEVANT & (just_captured | waiting), E, C)


def abandoned_checkout() -> Check:
    """Find checkouts that the customer left and the shop records as unpaid: nothing to do.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=0, C=0, state="ABORTED", status="open", paid="no")
    ['ignored abandoned_checkout']
    """
    unpaid = (nw.col("paid") == "no") & (C == 0) & (R == 0)
    return Check(_CAPTURE_RELEVANT & _OPEN & _ENDED & unpaid)


def not_paid() -> Check:
    """Find orders that the shop records as paid or sent, but whose payment was never made.

    An open order has nothing at risk, because nothing was sent. An open order also gets this code
    if the export does not tell whether the shop knows that it is unpaid. An order that was sent
    although the shop voided its authorization was not paid either.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=0, C=0, X=1000, state="TERMINATED")
    ['discrepancy not_paid 1000 → 0, at risk 1000']
    >>> run_example(A=0, C=0, state="EXPIRED", status="open", paid="unknown")
    ['discrepancy not_paid 0 → 0, at risk 0']
    """
    voided = (nw.col("shop_authorization") == "voided") & (C == 0)
    sent_unpaid = ((STATE == "CREATED") | voided) & (_PARTIAL | _FULFILLED)
    owed = nw.when(_OPEN).then(nw.lit(0)).otherwise(E)
    return Check(_CAPTURE_RELEVANT & ~_CANCELLED & (_ENDED | sent_unpaid), owed, C, owed)


def timing_awaiting_payment() -> Check:
    """Find payments that the customer has not yet approved or rejected.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=0, C=0, state="CREATED", status="open")
    ['timing timing_awaiting_payment']
    """
    return Check(_CAPTURE_RELEVANT & _OPEN & (STATE == "CREATED"), E, C)


def authorization_lost() -> Check:
    """Find reservations that expired or were released before the money was captured.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=0, authorized_days_ago=181)
    ['discrepancy authorization_lost 1000 → 0, at risk 1000']
    >>> run_example(C=0, status="open", authorized_days_ago=181)
    ['discrepancy authorization_lost 0 → 0, at risk 1000']
    >>> run_example(C=400, X=600, status="partial")
    ['discrepancy authorization_lost 400 → 400, at risk 600']
    """
    lost_in_full = (A > 0) & (C == 0) & NOTHING_CAPTURABLE
    lost_in_part = _PARTIAL & _PARTLY_CAPTURED & NOTHING_CAPTURABLE
    # An open order has nothing due yet, so nothing more was expected than was captured. The same
    # applies to the rest of a partly sent order. The bridge shows both as "not yet due", but the
    # money is still at risk.
    expected = nw.when(_OPEN | (C > 0)).then(C).otherwise(E)
    return Check(
        _CAPTURE_RELEVANT & ~_CANCELLED & (lost_in_full | lost_in_part),
        expected,
        C,
        positive_part(O - nw.col("q") - C),
    )


def timing_capture_pending() -> Check:
    """Find orders sent within the grace period for capture: the shop may capture them soon.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=0, fulfilled_days_ago=0)
    ['timing timing_capture_pending']
    """
    return Check(_CAPTURE_RELEVANT & (_FULFILLED | _PARTIAL) & (C == 0) & ~_OVERDUE, E, C)


def fulfilled_not_captured() -> Check:
    """Find orders that were sent but not captured: revenue that was never collected.

    An order without a date of sending in the export counts as sent long ago.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=0)
    ['discrepancy fulfilled_not_captured 1000 → 0, at risk 1000']
    """
    return Check(_CAPTURE_RELEVANT & (_FULFILLED | _PARTIAL) & (C == 0), E, C, E - C)


def duplicate_capture() -> Check:
    """Find excess captures that are a multiple of one amount captured several times.

    If the events and the payment's totals disagree, the events do not prove a double capture.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=500, captures=(500, 500))
    ['discrepancy duplicate_capture 500 → 1000, at risk 500']
    >>> run_example(O=1100, captures=(600, 600))
    ['discrepancy over_captured 1100 → 1200, at risk 100']
    """
    repeats = nw.col("repeats") & (nw.col("gap") == 0)
    return Check(_CAPTURE_RELEVANT & ~_CANCELLED & (C > E) & repeats, E, C, C - E)


def rounding_difference() -> Check:
    """Find differences within the tolerance, or of one øre caused by Shopware's plugin.

    The plugin sends (int)(total * 100), so 19.99 becomes 1998.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=1999, A=1998, C=1998, truncated=1998)
    ['discrepancy rounding_difference 1999 → 1998, at risk 0']
    """
    difference = (C - E).abs()
    tolerated = (difference > 0) & (difference <= TOLERANCE)
    truncated = ((A == C) & (nw.col("truncated_minor") == C) & (difference > 0)).fill_null(
        value=False
    )
    return Check(_CAPTURE_RELEVANT & ~_CANCELLED & (tolerated | truncated), E, C)


def under_captured() -> Check:
    """Find fulfilled orders with less captured than expected.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=400)
    ['discrepancy under_captured 1000 → 400, at risk 600']
    """
    return Check(_CAPTURE_RELEVANT & _FULFILLED & (E > C), E, C, E - C)


def over_captured() -> Check:
    """Find orders with more captured than expected.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=800)
    ['discrepancy over_captured 800 → 1000, at risk 200']
    """
    return Check(_CAPTURE_RELEVANT & ~_CANCELLED & (C > E), E, C, C - E)


CAPTURED_CHECKS: tuple[CheckFunction, ...] = (
    cancellation_fee_kept,
    cancelled_but_captured,
    payment_not_recorded,
    captured_not_fulfilled,
    abandoned_checkout,
    not_paid,
    timing_awaiting_payment,
    authorization_lost,
    timing_awaiting_fulfilment,
    timing_capture_pending,
    fulfilled_not_captured,
    duplicate_capture,
    rounding_difference,
    under_captured,
    over_captured,
)
"""The checks of this question, in order of precedence."""
