"""Check that a payment's events sum to its aggregate, both from Vipps MobilePay.

This question covers every payment, in addition to the other questions. A payment with such a
difference never gets into a plan.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import (
    HAS_PAYMENT,
    UNKNOWN_AMOUNT,
    Check,
    CheckFunction,
    minimum_of,
    positive_part,
)


def aggregate_mismatch() -> Check:
    """Find payments whose successful events and aggregate differ; the largest gap is at risk.

    No amount is at risk in two rows: the rows of one payment together are at most its largest
    amount.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(aggregate_captured=900)
    ['discrepancy aggregate_mismatch - → -, at risk 100']
    >>> run_example(aggregate_captured=900, status="cancelled")
    ['discrepancy aggregate_mismatch - → -, at risk 0', 'discrepancy cancelled_but_captured 0 → 1000, at risk 1000']
    """
    gap = nw.col("gap")
    left = positive_part(nw.col("at_stake") - nw.col("others_at_risk"))
    compared = ~nw.col("waived") & ~nw.col("read_failed") & ~nw.col("recurring")
    return Check(
        HAS_PAYMENT & compared & (gap > 0), UNKNOWN_AMOUNT, UNKNOWN_AMOUNT, minimum_of(gap, left)
    )


AGGREGATE_CHECKS: tuple[CheckFunction, ...] = (aggregate_mismatch,)
"""The checks of this question, in order of precedence."""
