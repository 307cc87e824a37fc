"""What the codes, outcomes and lines are called in a report. The codes themselves never change.

The sentences of a discrepancy (cause, next step) are its own; here are the few words that
stand beside a code in a table of totals.
"""

from __future__ import annotations

from vippsrecon.reconciliation.codes import CODES

CODE_TITLES = {code.name: code.title for code in CODES}
"""Code to a few words for it."""

BUCKET_NAMES = {
    "matched": "Matched",
    "timing": "Timing: not here yet",
    "discrepancy": "Discrepancy",
    "ignored": "Ignored, by rule",
    "not_checked": "Not checked",
}
"""Bucket to the outcome it is called, in the order of a report."""

BRIDGE_LEG_NAMES = {
    "captured": ("From orders to captured", "Captured at Vipps MobilePay"),
    "refunded": ("From shop refunds to refunded", "Refunded at Vipps MobilePay"),
}
"""Leg of the bridge to its heading and the name of its foot."""

BRIDGE_LINE_NAMES = {
    "orders": "Order total",
    "ignored": "Ignored orders",
    "not_checked": "Not checked",
    "cancelled": "Cancelled orders",
    "not_compared": "Orders not compared",
    "not_yet_due": "Not yet due for capture",
    "refunded_before_capture": "Refunded before capture",
    "excess_given_back": "Excess given back",
    "given_back_on_cancelled": "Given back on cancelled",
    "cancellation_fees": "Cancellation fees kept",
    "superseded_attempts": "Earlier attempts",
    "other_currency": "In another currency",
    "outside_export": "Outside the export",
    "without_order": "Without an order",
}
"""Line of the bridge to its name; a code is itself."""

BLIND_SPOT = (
    "What no list can show: a payment that was authorized and never captured, and that the shop "
    "does not know. Vipps MobilePay offers no list of payments, and an uncaptured one is on no "
    "ledger."
)


def get_line_name(line: str, leg: str = "captured") -> str:
    """Return the name of a line of the bridge.

    >>> get_line_name("orders"), get_line_name("under_captured")
    ('Order total', 'Less captured than the order says')

    Raises:
        KeyError: It is neither a line nor a code.
    """
    if (leg, line) == ("refunded", "orders"):
        return "Refunds recorded by the shop"
    if line in BRIDGE_LINE_NAMES:
        return BRIDGE_LINE_NAMES[line]
    return CODE_TITLES[line]


def get_code_title(kind: str) -> str:
    """Return a few words for a code, "" for the empty code of a pair without any.

    Raises:
        KeyError: No code has this name.
    """
    return CODE_TITLES[kind] if kind else ""


def format_number(number: float, decimals: int = 0) -> str:
    """Return a number with a space between thousands, the one way texts write it.

    >>> format_number(-1234567), format_number(1234.5, 2)
    ('-1 234 567', '1 234.50')
    """
    return f"{number:,.{decimals}f}".replace(",", " ")
