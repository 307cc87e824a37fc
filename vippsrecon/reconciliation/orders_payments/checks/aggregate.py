"""Does Vipps MobilePay agree with itself: do the events sum to the aggregate?

Asked of every payment, beside the other questions. A payment that contradicts itself is never
put in a plan.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import HAS_PAYMENT, UNKNOWN_AMOUNT, Check, CheckFunction


def aggregate_mismatch() -> Check:
    """Successful events and aggregate differ; at risk is the largest of the four gaps.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(aggregate_captured=900)
    ['discrepancy aggregate_mismatch - → -, at risk 100']
    """
    gap = nw.col("gap")
    spoken_of = ~nw.col("waived") & ~nw.col("read_failed") & ~nw.col("recurring")
    return Check(HAS_PAYMENT & spoken_of & (gap > 0), UNKNOWN_AMOUNT, UNKNOWN_AMOUNT, gap)


AGGREGATE_CHECKS: tuple[CheckFunction, ...] = (aggregate_mismatch,)
"""In the order they are asked."""
