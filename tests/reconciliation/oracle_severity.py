"""The model's severities: how soon somebody must look at a finding.

Plain Python, written from the text of the rules alone; see `oracle`.
"""

from __future__ import annotations

from collections import Counter

from tests.reconciliation.oracle_data import Finding

LEVELS = ("critical", "high", "medium", "low", "info")
OF_CODE = {
    "critical": {"refund_exceeds_capture", "aggregate_mismatch"},
    "high": {
        "cancelled_but_captured",
        "refund_missing_at_vipps",
        "refund_failed",
        "duplicate_payment",
        "duplicate_capture",
        "fulfilled_not_captured",
        "authorization_lost",
        "not_paid",
        "missing_in_vipps",
        "missing_in_orders",
        "paid_twice",
        "payment_not_recorded",
        "currency_mismatch",
    },
    "medium": {
        "over_captured",
        "under_captured",
        "refund_missing_in_shop",
        "captured_not_fulfilled",
        "authorization_expiring",
        "reference_mangled",
    },
    "low": {"remainder_open", "duplicate_order_row"},
    "info": {"rounding_difference"},
}
NEVER_AT_RISK = {"reference_mangled", "rounding_difference"}
"""Codes with a severity of their own although they have nothing at risk."""
COMPARE_WITH_TOTAL = {
    "missing_in_vipps",
    "duplicate_order_row",
    "not_paid",
    "authorization_lost",
    "fulfilled_not_captured",
    "duplicate_capture",
    "under_captured",
    "over_captured",
    "remainder_open",
    "authorization_expiring",
}
"""Codes that compare with O: a flag that explains a wrong total lowers them."""
LARGE = {"NOK": 1_000_000, "DKK": 1_000_000, "SEK": 1_000_000}
OTHERS_LARGE = 100_000
CAP = 1_000
"""The cap of the rounding differences, in minor units per currency."""


def severities(findings: list[Finding]) -> list[str]:
    """Return the severity of each finding of a run."""
    rounded: Counter[str] = Counter()
    for finding in findings:
        if finding.kind == "rounding_difference" and "shopware_truncation" not in finding.flags:
            rounded[finding.currency] += abs(finding.difference)
    return [severity(finding, rounded[finding.currency] > CAP) for finding in findings]


def severity(finding: Finding, past_the_cap: bool) -> str:
    """Return the severity of a finding."""
    kind, at_risk, flags = finding.kind, finding.at_risk, finding.flags
    level = next(name for name in LEVELS if kind in OF_CODE[name])
    if kind == "rounding_difference":
        truncated = "shopware_truncation" in flags
        level = "medium" if past_the_cap and not truncated else "info"
    wrong_total = flags & {"split_tender", "express_shipping"} and kind in COMPARE_WITH_TOTAL
    if level in {"high", "medium"} and kind not in NEVER_AT_RISK and (wrong_total or not at_risk):
        level = "low"
    if at_risk and finding.near:
        level = "critical"
    if level not in {"critical", "info"} and at_risk >= LARGE.get(finding.currency, OTHERS_LARGE):
        level = LEVELS[LEVELS.index(level) - 1]
    by_hand = kind == "refund_missing_at_vipps" and "recorded_by_hand" in flags
    if by_hand and level in {"critical", "high"}:
        level = "medium"
    return level
