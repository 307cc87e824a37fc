"""The checks: one named function each, its name the kind it finds.

A check returns four narwhals expressions over `pairs`; a question is a tuple of checks in the
order of precedence, and the first that applies gives the pair its answer. Some answers are no
fault: `timing_*` is not here yet, IGNORED is not ours to compare, SETTLED explains a match.
"""

from __future__ import annotations

from vippsrecon.reconciliation.check import Check, Named
from vippsrecon.reconciliation.orders_payments.checks.aggregate import AGGREGATE
from vippsrecon.reconciliation.orders_payments.checks.captured import CAPTURED
from vippsrecon.reconciliation.orders_payments.checks.presence import THERE
from vippsrecon.reconciliation.orders_payments.checks.refunded import REFUNDED
from vippsrecon.reconciliation.orders_payments.checks.reserved import RESERVED

QUESTIONS: dict[str, tuple[Named, ...]] = {
    "there": THERE,
    "captured": CAPTURED,
    "refunded": REFUNDED,
    "reserved": RESERVED,
    "aggregate": AGGREGATE,
}
"""Question to its checks, in the order they are asked."""

IGNORED = ("nothing_to_pay", "other_payment_method", "not_epayment", "waived", "abandoned_checkout")
SETTLED = ("superseded_attempt", "cancellation_fee_kept", "cancelled_unpaid")
TIMING = tuple(
    sorted(
        {
            check.__name__
            for checks in QUESTIONS.values()
            for check in checks
            if check.__name__.startswith("timing_")
        }
    )
)
DISCREPANCIES = tuple(
    dict.fromkeys(
        check.__name__
        for checks in QUESTIONS.values()
        for check in checks
        if check.__name__ not in {*IGNORED, *SETTLED, *TIMING, "not_checked"}
    )
)
"""Every kind that is a discrepancy, in the order the questions ask."""

__all__ = ["DISCREPANCIES", "IGNORED", "QUESTIONS", "SETTLED", "TIMING", "Check", "Named"]
