"""Is the refunded money right?

Er is what the shop has refunded, less what was never captured, plus what was captured in
excess and given back.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import TOLERANCE, C, Check, CheckFunction, Er, R, has_status

_NOT_CANCELLED = ~has_status("cancelled")


def refund_exceeds_capture() -> Check:
    """More was refunded than was ever captured: it cannot be, so look at once.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=500, Or=600, A=500, C=500, R=600)
    ['discrepancy refund_exceeds_capture 600 → 600, at risk 100']
    """
    expected = nw.when(has_status("cancelled")).then(C).otherwise(Er)
    return Check(R > C, expected, R, R - C)


def rounding_difference() -> Check:
    """A difference within the tolerance.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(Or=300, R=299, tolerance=1)
    ['discrepancy rounding_difference 300 → 299, at risk 0']
    """
    difference = (Er - R).abs()
    return Check(_NOT_CANCELLED & (difference > 0) & (difference <= TOLERANCE), Er, R)


def refund_failed() -> Check:
    """The shop refunded, and the last attempt at Vipps MobilePay failed.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(Or=300, failed_refund=300)
    ['discrepancy refund_failed 300 → 0, at risk 300']
    """
    failed, done = nw.col("refund_failed_us"), nw.col("refund_done_us")
    last_failed = ~failed.is_null() & (done.is_null() | (failed >= done).fill_null(value=False))
    return Check(_NOT_CANCELLED & (Er > R) & last_failed, Er, R, Er - R)


def timing_refund_pending() -> Check:
    """The shop refunded within the grace for refunds: it may still be on its way.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(Or=300, refunded_days_ago=0)
    ['timing timing_refund_pending']
    """
    fresh = (nw.col("since_shop_refund_us") < nw.col("grace_refund_us")).fill_null(value=False)
    return Check(_NOT_CANCELLED & (Er > R) & fresh, Er, R)


def refund_missing_at_vipps() -> Check:
    """The shop refunded, and Vipps MobilePay never did: the customer is owed.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(Or=300)
    ['discrepancy refund_missing_at_vipps 300 → 0, at risk 300']
    """
    return Check(_NOT_CANCELLED & (Er > R), Er, R, Er - R)


def refund_missing_in_shop() -> Check:
    """Refunded at Vipps MobilePay, and the shop does not know.

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
    refund_missing_in_shop,
)
"""In the order they are asked."""
