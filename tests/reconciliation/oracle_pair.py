"""The oracle's pair: one order, its money, and what is wrong between them.

Plain Python, from the text of the rules alone; see `oracle`.
"""
# ruff: noqa: E741, N806, PLR0912, SIM300 - the rules' own letters, and their long table as it stands

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tests.reconciliation.oracle_money import DAY, Money, Unit, deadline_near

DEAD = {"ABORTED", "EXPIRED", "TERMINATED"}
LARGE = {"NOK": 1_000_000, "DKK": 1_000_000, "SEK": 1_000_000}
LARGE_ELSEWHERE = 100_000

HIGH = {
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
    "currency_mismatch",
}
MEDIUM = {
    "over_captured",
    "under_captured",
    "refund_missing_in_shop",
    "captured_not_fulfilled",
    "authorization_expiring",
    "reference_mangled",
}
LADDER = ("info", "low", "medium", "high", "critical")


class Finding(NamedTuple):
    """One thing wrong: expected and actual None where the rules have no amount."""

    question: str
    kind: str
    reference: str | None
    expected: int | None
    actual: int | None
    at_risk: int
    currency: str
    deadline_near: bool = False
    low: bool = False

    @property
    def difference(self) -> int:
        """Actual minus expected, an unknown side counting as 0."""
        return (self.actual or 0) - (self.expected or 0)


def severity(finding: Finding, age_days: int | None, cap_broken: bool = False) -> str:
    """Return the severity of a finding of that age."""
    kind, risk = finding.kind, finding.at_risk
    if kind in {"refund_exceeds_capture", "aggregate_mismatch"} or (risk and finding.deadline_near):
        return "critical"
    if kind == "rounding_difference":
        if not cap_broken:
            return "info"
        base = "medium"
    elif kind == "reference_mangled":
        base = "medium"
    elif risk == 0 or finding.low or kind in {"remainder_open", "duplicate_order_row"}:
        base = "low"
    else:
        base = "high" if kind in HIGH else "medium"
    step = risk >= LARGE.get(finding.currency, LARGE_ELSEWHERE) or (age_days or 0) >= 30
    return LADDER[LADDER.index(base) + step]


def marks(order: dict[str, Any]) -> set[str]:
    """Return the flags an order row carries into whatever becomes of it."""
    marked = {"split_tender"} if order["split_tender"] else set()
    return marked | ({"status_unknown"} if order["status"] == "unknown" else set())


class Asked(NamedTuple):
    """One pair's answers."""

    findings: list[Finding]
    timing: list[str]
    ignored: list[str]
    matched: str
    flags: frozenset[str]
    q: int
    p: int


def ask(order: dict[str, Any], m: Money, unit: Unit, moment: datetime, tolerance: int) -> Asked:
    """Ask one order and its money what is captured, refunded and still reserved."""
    O, Or = order["total_minor"], order["refunded_minor"] or 0
    A, C, R, K = m.A, m.C, m.R, m.K
    flags: set[str] = set()
    status = order["status"]
    if status == "open" and unit.at_once:
        status = "fulfilled"
    if status == "unknown":
        status = "fulfilled" if C > 0 else "open"
    if status in {"open", "partial"} and Or >= O > 0:
        status = "fulfilled"
    cancelled, is_open = status == "cancelled", status == "open"
    q = p = 0
    if not cancelled and not (is_open and C > 0):
        q = max(0, min(O - C, Or - R))
        p = max(0, min(C - O, R - Or))
    E, Er = O - q + p, Or - q + p
    flags |= {"refunded_before_capture"} if q else set()
    flags |= {"excess_refunded"} if p else set()
    left = m.authorized + timedelta(days=unit.capture_days) - moment if m.authorized else None
    passed = left is not None and left < timedelta(0)
    near = deadline_near(m, unit, moment)
    findings: list[Finding] = []
    timing: list[str] = []
    ignored: list[str] = []
    matched = ""

    def wrong(question: str, kind: str, expected: int, actual: int, risk: int) -> None:
        low = bool(order["split_tender"]) or (
            kind == "over_captured" and "express_shipping" in flags
        )
        findings.append(
            Finding(
                question,
                kind,
                order["reference"],
                expected,
                actual,
                risk,
                order["currency"],
                near,
                low,
            )
        )

    # captured
    twice = any(
        n >= 2 and v > 0 and (C - E) % v == 0 and 1 <= (C - E) // v <= n - 1
        for v, n in Counter(m.captures).items()
    )
    truncated = order.get("truncated_minor")
    shopware = truncated is not None and A == C == truncated and C != E
    since_fulfilled = moment - order["fulfilled_at"] if order.get("fulfilled_at") else None
    started = status in {"partial", "fulfilled"}
    expected = 0 if is_open else E
    if cancelled:
        if 0 < Or < O and C - R == O - Or:
            matched = "cancellation_fee_kept"
            flags.add(matched)
        elif C > R:
            wrong("captured", "cancelled_but_captured", 0, C - R, C - R)
    elif E == 0 and C == 0:
        pass
    elif is_open and C > 0:
        if m.captured is not None and moment - m.captured > 3 * DAY:
            wrong("captured", "captured_not_fulfilled", 0, C, max(0, C - max(R, Or)))
        else:
            timing.append("timing_awaiting_fulfilment")
    elif (m.state in DEAD and (order["paid"] == "yes" or started)) or (
        m.state == "CREATED" and started
    ):
        wrong("captured", "not_paid", expected, C, 0 if is_open else E)
    elif is_open and m.state in DEAD:
        if order["paid"] == "no":
            ignored.append("abandoned_checkout")
        else:
            wrong("captured", "not_paid", expected, C, 0)
    elif is_open and m.state == "CREATED":
        timing.append("timing_awaiting_payment")
    elif A > 0 and C == 0 and (K == 0 or passed):
        wrong("captured", "authorization_lost", expected, C, O - q - C)
    elif status == "partial" and 0 < C < E and (K == 0 or passed):
        wrong("captured", "authorization_lost", C, C, O - q - C)
    elif (status == "partial" and 0 < C < E) or (is_open and C == 0):
        timing.append("timing_awaiting_fulfilment")
    elif started and C == 0:
        if since_fulfilled is None or since_fulfilled > DAY:
            wrong("captured", "fulfilled_not_captured", E, C, E - C)
        else:
            timing.append("timing_capture_pending")
    elif C > E and twice:
        wrong("captured", "duplicate_capture", E, C, C - E)
    elif 0 < abs(C - E) <= tolerance or shopware:
        flags |= {"shopware_truncation"} if shopware else set()
        wrong("captured", "rounding_difference", E, C, 0)
    elif status == "fulfilled" and C < E:
        flags |= {"not_capturable"} if K < E - C else set()
        wrong("captured", "under_captured", E, C, E - C)
    elif C > E:
        flags |= {"express_shipping"} if A > m.amount and C - O == A - m.amount else set()
        wrong("captured", "over_captured", E, C, C - E)

    # refunded
    flags |= {"last_refund_failed"} if cancelled and m.failed_refund_last else set()
    since_refund = moment - order["refunded_at"] if order.get("refunded_at") else None
    if R > C:
        wrong("refunded", "refund_exceeds_capture", C if cancelled else Er, R, R - C)
    elif cancelled:
        pass
    elif 0 < abs(Er - R) <= tolerance:
        wrong("refunded", "rounding_difference", Er, R, 0)
    elif Er > R and m.failed_refund_last:
        wrong("refunded", "refund_failed", Er, R, Er - R)
    elif Er > R and since_refund is not None and since_refund < DAY:
        timing.append("timing_refund_pending")
    elif Er > R:
        wrong("refunded", "refund_missing_at_vipps", Er, R, Er - R)
    elif R > Er:
        flags.add("made_elsewhere")
        wrong("refunded", "refund_missing_in_shop", Er, R, R - Er)

    # reserved
    guarantee = m.guaranteed - moment if m.guaranteed else None
    warned = left is not None and timedelta(0) <= left <= unit.warn_days * DAY
    warned |= guarantee is not None and timedelta(0) <= guarantee <= 2 * DAY
    if K > 0 and (cancelled or E == 0 or (started and C >= E)):
        wrong("reserved", "remainder_open", 0, K, 0)
    elif K > 0 and status == "fulfilled" and 0 < C < E and K > E - C:
        wrong("reserved", "remainder_open", 0, K - (E - C), 0)
    elif K > 0 and (is_open or status == "partial") and warned:
        wrong("reserved", "authorization_expiring", 0, K, min(K, max(0, E - C)))
    return Asked(findings, timing, ignored, matched, frozenset(flags), q, p)
