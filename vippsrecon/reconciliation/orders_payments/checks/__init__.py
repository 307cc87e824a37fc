"""The checks: one named function each, its name the kind it finds.

A check returns four narwhals expressions over `pairs`; a question is a tuple of checks in the
order of precedence, and the first that applies gives the pair its answer. Some answers are no
fault: `timing_*` is not here yet, IGNORED is not ours to compare, SETTLED explains a match.
"""

from __future__ import annotations

from vippsrecon.reconciliation.check import Check, CheckFunction
from vippsrecon.reconciliation.orders_payments.checks.aggregate import AGGREGATE_CHECKS
from vippsrecon.reconciliation.orders_payments.checks.captured import CAPTURED_CHECKS
from vippsrecon.reconciliation.orders_payments.checks.presence import PRESENCE_CHECKS
from vippsrecon.reconciliation.orders_payments.checks.refunded import REFUNDED_CHECKS
from vippsrecon.reconciliation.orders_payments.checks.reserved import RESERVED_CHECKS

QUESTIONS: dict[str, tuple[CheckFunction, ...]] = {
    "there": PRESENCE_CHECKS,
    "captured": CAPTURED_CHECKS,
    "refunded": REFUNDED_CHECKS,
    "reserved": RESERVED_CHECKS,
    "aggregate": AGGREGATE_CHECKS,
}
"""Question to its checks, in the order they are asked."""

IGNORED_KINDS = (
    "nothing_to_pay",
    "other_payment_method",
    "not_epayment",
    "waived",
    "abandoned_checkout",
)
EXPLAINED_KINDS = ("superseded_attempt", "cancellation_fee_kept", "cancelled_unpaid")
TIMING_KINDS = tuple(
    sorted(
        {
            check.__name__
            for checks in QUESTIONS.values()
            for check in checks
            if check.__name__.startswith("timing_")
        }
    )
)
DISCREPANCY_KINDS = tuple(
    dict.fromkeys(
        check.__name__
        for checks in QUESTIONS.values()
        for check in checks
        if check.__name__ not in {*IGNORED_KINDS, *EXPLAINED_KINDS, *TIMING_KINDS, "not_checked"}
    )
)
"""Every kind that is a discrepancy, in the order the questions ask."""

__all__ = [
    "DISCREPANCY_KINDS",
    "EXPLAINED_KINDS",
    "IGNORED_KINDS",
    "QUESTIONS",
    "TIMING_KINDS",
    "Check",
    "CheckFunction",
]
