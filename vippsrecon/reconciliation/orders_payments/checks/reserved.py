"""Is anything left reserved that should not be, or about to be lost?

Never in the bridge: reserved money has not moved.
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
    """The customer's money is held for something that will never be captured.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=800, C=800)
    ['discrepancy remainder_open 0 → 200, at risk 0']
    >>> run_example(C=0, status="cancelled")
    ['discrepancy remainder_open 0 → 1000, at risk 0']
    """
    whole = has_status("cancelled") | (E == 0) | ((_FULFILLED | _PARTIAL) & (C >= E))
    beyond = _FULFILLED & (C > 0) & (E > C) & (K > E - C)
    left = nw.when(whole).then(K).otherwise(K - (E - C))
    return Check((K > 0) & (whole | beyond), nw.lit(0), left)


def authorization_expiring() -> Check:
    """The reservation, or its guarantee, soon runs out, and not all is captured.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=0, status="open", market="DK", authorized_days_ago=12)
    ['discrepancy authorization_expiring 0 → 1000, at risk 1000']
    >>> run_example(C=0, status="open", market="DK", authorized_days_ago=8)
    ['timing timing_awaiting_fulfilment']
    """
    left = nw.col("capture_left_us")
    soon = ((left >= 0) & (left <= nw.col("warn_us"))).fill_null(value=False)
    applies = (
        (has_status("open") | _PARTIAL)
        & (K > 0)
        & (soon | is_within_days(nw.col("guarantee_left_us"), 2))
    )
    return Check(applies, nw.lit(0), K, minimum_of(K, positive_part(E - C)))


RESERVED_CHECKS: tuple[CheckFunction, ...] = (remainder_open, authorization_expiring)
"""In the order they are asked."""
