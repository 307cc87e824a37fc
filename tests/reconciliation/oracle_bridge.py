"""The model's bridge: the lines from a pair's order to what was captured and refunded.

Plain Python, written from the text of the rules alone; see `oracle`. Each function returns
lines (leg, line, minor units). The lines of a leg, with the order's own, add up to the amount
that the payment moved.
"""
# ruff: noqa: N803, N806 - the rules' own letters, and long tables

from __future__ import annotations

from tests.reconciliation.oracle_money import Money
from tests.reconciliation.oracle_pair import Judgement

Lines = list[tuple[str, str, int]]


def of_rows(total: int, refunded: int | None) -> Lines:
    """Return the bridge lines for the amounts of an order row."""
    return [("captured", "orders", total), ("refunded", "orders", refunded or 0)]


def set_aside(line: str, total: int, refunded: int | None, C: int = 0, R: int = 0) -> Lines:
    """Return the lines of an order that is not compared: order amounts out, payment amounts in."""
    return [
        ("captured", f"{line}_orders", -total),
        ("refunded", f"{line}_orders", -(refunded or 0)),
        ("captured", f"{line}_payments", C),
        ("refunded", f"{line}_payments", R),
    ]


def renamed(lines: Lines, line: str) -> Lines:
    """Return the amounts of an order as lines with another name."""
    return [(leg, line, minor) for leg, _, minor in lines]


def not_judged(line: str, total: int, refunded: int | None, m: Money) -> Lines:
    """Return the lines of a pair that is not judged."""
    return [("captured", line, m.C - total), ("refunded", line, m.R - (refunded or 0))]


def of_pair(judgement: Judgement, m: Money) -> Lines:
    """Return the lines of a pair that was judged."""
    net, captured, refunded = judgement.net, judgement.captured, judgement.refunded
    C, R = m.C, m.R
    if not judgement.captured_compared:
        return not_judged("refunds_unknown", net.O, None, m)
    if captured.outcome == "ignored":
        return set_aside("ignored", net.O, net.Or, C, R)
    if judgement.status == "cancelled":
        lines = [
            ("captured", "cancelled_orders", -net.O),
            ("refunded", "cancelled_orders", -net.Or),
            ("captured", "given_back_on_cancelled", min(R, C)),
            ("refunded", "given_back_on_cancelled", min(R, C)),
        ]
        if captured.kind == "cancellation_fee_kept":
            lines.append(("captured", captured.kind, net.O - net.Or))
        if captured.outcome == "code":
            lines.append(("captured", captured.kind, captured.actual - captured.expected))
        if refunded.outcome == "code":
            lines.append(("refunded", refunded.kind, R - C))
        if not net.known:
            lines.append(("refunded", "refunds_unknown", R - min(R, C)))
        return lines
    lines = [
        (leg, line, minor)
        for leg in ("captured", "refunded")
        for line, minor in (("refunded_before_capture", -net.q), ("excess_given_back", net.p))
    ]
    lines += captured_lines(judgement, m)
    lines.append(("captured", "not_yet_due", -net.not_due))
    lines.append(("refunded", "refunded_beyond_capture", -net.cut))
    if refunded.outcome in {"code", "timing"}:
        lines.append(("refunded", refunded.kind, R - net.Er))
    if not net.known:
        lines.append(("refunded", "refunds_unknown", R))
    return lines


def captured_lines(judgement: Judgement, m: Money) -> Lines:
    """Return the lines that explain the difference between expected and captured."""
    E, C, captured = judgement.net.E, m.C, judgement.captured
    if captured.kind == "payment_not_recorded":
        return [("captured", captured.kind, C - E)]
    if judgement.status == "open":
        lines = [("captured", "not_yet_due", -E)]
        if captured.outcome == "timing":
            lines.append(("captured", captured.kind, C))
        if captured.outcome == "code":
            lines.append(("captured", captured.kind, captured.actual - captured.expected))
        if captured.kind == "rounding_difference":
            lines = [("captured", captured.kind, C - E)]
        return lines
    lost_in_part = captured.kind == "authorization_lost" and captured.expected == C
    if captured.outcome == "timing" or lost_in_part:
        return [("captured", "not_yet_due", C - E)]
    if captured.outcome == "code":
        return [("captured", captured.kind, captured.actual - captured.expected)]
    if captured.outcome == "matched":
        return [("captured", "not_yet_due", C - E)]
    return []
