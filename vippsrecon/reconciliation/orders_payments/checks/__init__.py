"""Collect the checks of orders against payments, grouped by question.

A check is a function whose name is the code it gives. It returns four narwhals expressions over
`pairs`. A question is a tuple of checks in order of precedence: the first check that applies
gives the pair its code for this question. Not every code is a discrepancy: `codes` has the bucket
of each.
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
"""Question to its checks; both in the order in which they are evaluated.

`there` asks whether order and payment both exist. The names are values of `discrepancies.question`.
"""

for _check in (check for checks in QUESTIONS.values() for check in checks):
    # A check without a row in CODES fails here: its code would otherwise be counted as matched.
    get_code(_check.__name__)

__all__ = [
    "QUESTIONS",
    "Check",
    "CheckFunction",
]
