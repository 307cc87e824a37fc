"""Compare the bridge of the model with the package's, line by line: both legs must foot alike.

The model names a line for each reason; the package shows several reasons in one line.
"""

from __future__ import annotations

from collections import Counter

from tests.reconciliation.agreement import run
from tests.reconciliation.oracle import opinion
from tests.reconciliation.oracle_data import Opinion
from tests.reconciliation.situations import Situation, make_input
from vippsrecon.reconciliation.result import Reconciliation

Lines = Counter[tuple[str, str, str, str]]
"""Leg, sales unit, currency and line, to minor units."""

LINE_OF_REASON = {
    "cancellation_fee_kept": "cancellation_fees",
    "cancelled_rows": "cancelled",
    "discrepancy": "ignored",
    "duplicate_rows": "not_compared",
    "no_payment": "not_compared",
    "payments_without_order": "without_order",
    "refunded_on_second_payment": "without_order",
    "second_payments": "without_order",
    "superseded": "superseded_attempts",
}


SET_ASIDE = {
    "cancelled",
    "discrepancy",
    "ignored",
    "not_checked",
    "other_currency",
    "other_tender",
    "superseded",
}
"""Reasons for which the model has a line for the orders and one for the payments."""


def line_of(reason: str) -> str:
    """Return the package's line for a reason of the model.

    >>> line_of("no_payment"), line_of("ignored_orders")
    ('not_compared', 'ignored')
    """
    base, _, side = reason.rpartition("_")
    if side in {"orders", "payments"} and base in SET_ASIDE:
        reason = base
    return LINE_OF_REASON.get(reason, reason)


def lines_of_model(judged: Opinion) -> Lines:
    """Return the lines of the model's bridge that are not zero."""
    lines: Lines = Counter()
    for (leg, msn, currency, reason), minor in judged.bridge.items():
        lines[leg, msn, currency, line_of(reason)] += minor
    return Counter({key: minor for key, minor in lines.items() if minor})


def lines_of_package(result: Reconciliation) -> Lines:
    """Return the lines of the package's bridge that are not zero, without the totals."""
    return Counter(
        {
            (row["leg"], row["msn"], row["currency"], row["line"]): row["amount_minor"]
            for row in result.bridge.to_dict("records")
            if row["leg"] in {"captured", "refunded"} and row["line"] != row["leg"]
            if row["amount_minor"]
        }
    )


def bridge_differences(situations: list[Situation]) -> list[str]:
    """Return the lines whose amounts differ between the model and the package."""
    model_input = make_input(situations)
    ours, theirs = lines_of_model(opinion(model_input)), lines_of_package(run(model_input))
    return [
        f"{' '.join(key)}: model {ours[key]}, package {theirs[key]}"
        for key in sorted(ours.keys() | theirs.keys())
        if ours[key] != theirs[key]
    ]
