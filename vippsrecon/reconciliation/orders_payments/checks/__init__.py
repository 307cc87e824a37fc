"""The checks: one named function each, its name the kind it finds.

A check returns four narwhals expressions over `pairs`; a question is a tuple of checks in the
order of precedence, and the first that applies gives the pair its answer. Not every kind is a
discrepancy: `codes` has the bucket of each.
"""

from __future__ import annotations

from vippsrecon.reconciliation.check import Check, CheckFunction
from vippsrecon.reconciliation.codes import get_code
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

for _check in (check for checks in QUESTIONS.values() for check in checks):
    # A check without a row in CODES fails here: its code would otherwise be counted as matched.
    get_code(_check.__name__)

__all__ = [
    "QUESTIONS",
    "Check",
    "CheckFunction",
]
