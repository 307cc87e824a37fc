"""Check that the refunded amount (R) is what should have been refunded (Er).

Er is the amount refunded by the shop, minus the part refunded before capture, plus the amount that
was captured in excess and refunded; never more than was captured (C). No check applies where the
shop's refunds are unknown.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import (
    TOLERANCE,
    C,
    Check,
    CheckFunction,
    E,
    Er,
    R,
    has_status,
    positive_part,
)

_KNOWN = ~nw.col("refunds_unknown")
_NOT_CANCELLED = ~has_status("cancelled") & _KNOWN
_CAPTURED_IN_EXCESS = nw.col("captured_kind").is_in(["over_captured", "duplicate_capture"])
# No amount is at risk in two rows: a shop may have refunded more than the order, and an excess
# capture is reported in its own row.
_OWED = (
    nw.when(_CAPTURED_IN_EXCESS.fill_null(value=False) & (Er > E))
    .then(positive_part(E - R))
    .otherwise(Er - R)
)


def refund_exceeds_capture() -> Check:
    """Find payments with more refunded than captured. This should be impossible: review it at once.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=500, Or=600, A=500, C=500, R=600)
    ['discrepancy refund_exceeds_capture 500 → 600, at risk 100']
    """
    expected = nw.when(has_status("cancelled")).then(C).otherwise(Er)
    return Check(_KNOWN & (R > C), expected, R, R - C)


def rounding_difference() -> Check:
    """Find differences within the tolerance.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(Or=300, R=299, tolerance=1)
    ['discrepancy rounding_difference 300 → 299, at risk 0']
    """
    difference = (Er - R).abs()
    return Check(_NOT_CANCELLED & (difference > 0) & (difference <= TOLERANCE), Er, R)


def refund_failed() -> Check:
    """Find refunds of the shop whose last attempt at Vipps MobilePay failed.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(Or=300, failed_refund=300)
    ['discrepancy refund_failed 300 → 0, at risk 300']
    """
    failed_us, done_us = nw.col("refund_failed_us"), nw.col("refund_done_us")
    last_failed = ~failed_us.is_null() & (
        done_us.is_null() | (failed_us >= done_us).fill_null(value=False)
    )
    return Check(_NOT_CANCELLED & (Er > R) & last_failed, Er, R, _OWED)


def timing_refund_pending() -> Check:
    """Find refunds of the shop within the grace period: Vipps MobilePay may still receive them.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(Or=300, refunded_days_ago=0)
    ['timing timing_refund_pending']
    """
    within_grace = (nw.col("since_shop_refund_us") < nw.col("grace_refund_us")).fill_null(
        value=False
    )
    return Check(_NOT_CANCELLED & (Er > R) & within_grace, Er, R)


def refund_missing_at_vipps() -> Check:
    """Find refunds of the shop that Vipps MobilePay never made: the customer is owed the money.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(Or=300)
    ['discrepancy refund_missing_at_vipps 300 → 0, at risk 300']
    >>> run_example(O=500, Or=1000)
    ['discrepancy refund_missing_at_vipps 1000 → 0, at risk 500', 'discrepancy over_captured 500 → 1000, at risk 500']
    """
    return Check(_NOT_CANCELLED & (Er > R), Er, R, _OWED)


def timing_refund_not_recorded() -> Check:
    """Find refunds at Vipps MobilePay within the grace period: the shop may still record them.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(R=100, refunded_days_ago=0.01)
    ['timing timing_refund_not_recorded']
    """
    return Check(_NOT_CANCELLED & (Er < R) & nw.col("refund_is_recent"), Er, R)


def refund_missing_in_shop() -> Check:
    """Find refunds at Vipps MobilePay that the shop has not recorded.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(R=300)
    ['discrepancy refund_missing_in_shop 0 → 300, at risk 300']
    """
    return Check(_NOT_CANCELLED & (Er < R), Er, R, R - Er)


REFUNDED_CHECKS: tuple[CheckFunction, ...] = (
    refund_exceeds_capture,
    rounding_difference,
    refund_failed,
    timing_refund_pending,
    refund_missing_at_vipps,
    timing_refund_not_recorded,
    refund_missing_in_shop,
)
"""The checks of this question, in order of precedence."""
