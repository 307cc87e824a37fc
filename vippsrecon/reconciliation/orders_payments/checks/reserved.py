"""Check reserved amounts: those that should be released, and those about to expire.

These differences are never in the bridge, because reserved money has not moved.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import (
    C,
    Check,
    CheckFunction,
    E,
    K,
    has_status,
    is_within_days,
    minimum_of,
    positive_part,
)

_FULFILLED = has_status("fulfilled")
_PARTIAL = has_status("partial")


def remainder_open() -> Check:
    """Find amounts that are still reserved although they will never be captured.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=800, C=800)
    ['discrepancy remainder_open 0 → 200, at risk 0']
    >>> run_example(C=0, status="cancelled")
    ['discrepancy remainder_open 0 → 1000, at risk 0']
    >>> run_example(C=0, by_vipps=False)
    ['discrepancy remainder_open 0 → 1000, at risk 0']
    """
    captured_all = (_FULFILLED | _PARTIAL) & (C >= E)
    nothing_to_capture = has_status("cancelled") | (E == 0) | captured_all | nw.col("other_tender")
    # If orders were paid together, those that are not sent yet still need their part.
    needed = nw.col("not_due")
    exceeds_expected = _FULFILLED & (C > 0) & (E > C) & (E - C + needed < K)
    releasable = nw.when(nothing_to_capture).then(K).otherwise(K - (E - C)) - needed
    return Check((needed < K) & (nothing_to_capture | exceeds_expected), nw.lit(0), releasable)


def authorization_expiring() -> Check:
    """Find reservations that soon expire, or lose their guarantee, before everything is captured.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=0, status="open", market="DK", authorized_days_ago=12)
    ['discrepancy authorization_expiring 0 → 1000, at risk 1000']
    >>> run_example(C=0, status="open", market="DK", authorized_days_ago=8)
    ['timing timing_awaiting_fulfilment']
    """
    time_left = nw.col("capture_left_us")
    soon = ((time_left >= 0) & (time_left <= nw.col("warn_us"))).fill_null(value=False)
    applies = (
        (has_status("open") | _PARTIAL)
        & (K > 0)
        & (soon | is_within_days(nw.col("guarantee_left_us"), 2))
    )
    # No amount is at risk in two rows: the captured question reports its amount at risk itself.
    at_risk = minimum_of(K, positive_part(E - C)) - nw.col("captured_at_risk")
    return Check(applies, nw.lit(0), K, positive_part(at_risk))


RESERVED_CHECKS: tuple[CheckFunction, ...] = (remainder_open, authorization_expiring)
"""The checks of this question, in order of precedence."""
