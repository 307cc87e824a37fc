"""Names that a report shows for codes, buckets, bridge lines and settings.

The codes themselves never change. The sentences of a discrepancy (cause, next step) are columns of
the discrepancy; this module holds the few words shown beside a code in a table of totals.
"""

from __future__ import annotations

from vippsrecon.reconciliation.codes import CODES
from vippsrecon.reconciliation.results.groups import LARGE_GROUP_ROWS

REPORT_TITLE = "Reconciliation of orders and payments"

SHEET_DESCRIPTIONS = {
    "Discrepancies": "One row per discrepancy, worst first.",
    "Open items": "One row per discrepancy of this run and of runs before it, until it is closed.",
    "Timing": "Expected later and not overdue. Nothing to do unless a row is still here next time.",
    "Rejects and failures": "Input rows that could not be used, and references that could not be read.",
}
"""Sheet to one sentence about its rows, the same in the workbook and on the page."""

SECTION_HEADINGS = {
    "completeness": "Completeness",
    "ages": "Age of the discrepancies, and decisions",
    "open_items": "Open items over several runs",
    "reservations": "Still reserved, by days to the capture deadline",
    "codes": "Discrepancies by code",
    "groups": f"Large groups: more than {LARGE_GROUP_ROWS} rows of one code and cause",
    "buckets": "Outcome of every order and payment",
    "concentration": "What is concentrated where",
    "risk_by_code": "At risk by code",
    "risk_by_age": "At risk by days since first seen",
    "bridge": "Bridge, per sales unit and currency",
}
"""Section or figure to its heading, the same on *Summary* and on the page."""

AGE_HEADINGS = ("Days since first seen", "Rows", "Share of risk", "At risk")
DECISION_HEADINGS = ("Decision", "Rows", "Share of risk", "At risk")
"""Headings of label, rows, share of the amount at risk, and amount at risk."""

ITEM_STATUS_NAMES = {
    "reopened": "reopened",
    "open": "open",
    "in_progress": "in progress",
    "waived": "waived",
    "closed_by_evidence": "closed by evidence",
}
"""Status of an open item to its name, in the order of a report."""

ITEM_STATUS_MEANINGS = {
    "reopened": "Closed by an earlier run, and reported again.",
    "open": "Reported, and nobody works on it.",
    "in_progress": "Somebody works on it.",
    "waived": "In the ignore file, so in no total.",
    "closed_by_evidence": "This run checked it, and it is gone.",
}

ITEM_HEADINGS = ("Status", "Meaning", "Oldest, days", "Rows", "Left the totals", "At risk")
OPEN_ITEMS_ABOUT = "At risk is what the latest run that reported an item said. Waived and closed items are not in the total."

RESERVATION_HEADINGS = ("Days left", "Payments", "Share", "Reserved")
RESERVATIONS_ABOUT = (
    "What customers have reserved and what is neither captured nor cancelled, as fetched. Days count "
    "from the cut-off time. Overdue: the deadline has passed, and a capture is refused."
)

PROPERTY_NAMES = {
    "store": "store",
    "week": "week",
    "payment_method": "payment method",
    "msn": "sales unit",
}
"""Property in which the rows of a code are concentrated, to its name."""

CONCENTRATION_HEADINGS = ("Code", "Where", "Currency", "Rows", "Share", "Of all orders")

CONCENTRATION_SERIES = ("Share of the code's rows", "Share of all orders")

WATERFALL_HEADINGS = ("Line", "Rows", "Amount", "Base, not drawn", "Total", "Increase", "Decrease")
BELOW_ZERO_HEADING = "below zero"
DAY_HEADINGS = ("Day or month", "Captured", "Refunded")
FIGURES_ABOUT = (
    "Figures of this report, each with its amounts below it. The charts of codes, ages and reservations "
    "are on Summary."
)

CURRENCIES_APART = "Amounts in major units, per currency; two currencies are never added."
CONTROLS_ABOUT = "Inputs and settings of this report, and counts of what was compared."
BRIDGE_ABOUT = (
    "From the orders to what was captured, and from the shop's refunds to what was refunded: the lines "
    "add up to the total. A sheet is a sheet of the workbook."
)
FETCHED_TOTAL_NAME = "Payments' totals as fetched"
PAGE_ABOUT = "Made by vippsrecon. This page loads nothing from the internet and sends nothing."

CODE_TITLES = {code.name: code.title for code in CODES}
"""Code to a few words for it."""

BUCKET_NAMES = {
    "matched": "Matched",
    "timing": "Timing: not here yet",
    "discrepancy": "Discrepancy",
    "ignored": "Ignored, by rule",
    "not_checked": "Not checked",
}
"""Bucket to its name, in the order of a report."""

BRIDGE_LEG_NAMES = {
    "captured": ("From orders to captured", "Captured at Vipps MobilePay"),
    "refunded": ("From shop refunds to refunded", "Refunded at Vipps MobilePay"),
}
"""Leg of the bridge to its heading and the name of its total."""

BRIDGE_LINE_NAMES = {
    "orders": "Order total",
    "ignored": "Ignored orders",
    "not_checked": "Not checked",
    "other_tender": "Paid another way",
    "cancelled": "Cancelled orders",
    "not_compared": "Orders not compared",
    "not_yet_due": "Not yet due for capture",
    "timing_awaiting_fulfilment": "Captured, not yet delivered",
    "refunded_before_capture": "Refunded before capture",
    "excess_given_back": "Excess refunded",
    "given_back_on_cancelled": "Refunded on cancelled orders",
    "cancellation_fees": "Cancellation fees kept",
    "refunded_beyond_capture": "Refunded in the shop, never captured",
    "refunds_unknown": "Refunds unknown, not compared",
    "superseded_attempts": "Earlier attempts",
    "other_currency": "In another currency",
    "outside_export": "Outside the export",
    "without_order": "Without an order",
    "outside_period": "Outside the period",
    "moved_in_another_period": "Moved in another period",
    # A code, but its amount is another one than the code's difference.
    "payment_not_recorded": "Paid, shop does not know (not captured)",
}
"""Line of the bridge to its name. Any other line is a code and has the title of the code."""

BRIDGE_LINE_PLACES = {
    "ignored": (
        "sheet Orders, Outcome = ignored; and orders paid with another method whose reservation is "
        "still open: their Outcome is discrepancy, Code = remainder_open"
    ),
    "not_checked": "sheet Orders, Outcome = not_checked",
    "other_tender": "sheet Discrepancies, Code = paid_twice",
    "cancelled": "sheet Orders, Status = cancelled",
    "not_compared": "sheet Discrepancies, Code = missing_in_vipps or duplicate_order_row",
    "not_yet_due": "sheet Timing; and sheet Orders, Status = open or partial",
    "refunded_before_capture": "sheet Orders, Flags contains refunded_before_capture",
    "excess_given_back": "sheet Orders, Flags contains excess_refunded",
    "given_back_on_cancelled": "sheet Orders, Status = cancelled; the amounts are on sheet Payments",
    "cancellation_fees": "sheet Matched, Code = cancellation_fee_kept",
    "refunded_beyond_capture": "sheet Orders, where Shop refunded is more than was captured",
    "refunds_unknown": "sheet Orders, Flags contains refunds_unknown",
    "superseded_attempts": "sheet Matched, Code = superseded_attempt",
    "other_currency": "sheet Discrepancies, Code = currency_mismatch",
    "outside_export": "sheet Timing, Code = timing_outside_export",
    "without_order": "sheet Discrepancies, Code = missing_in_orders or duplicate_payment",
    "outside_period": "sheet Orders, Code = outside_period",
    "moved_in_another_period": "sheet Events, where Day is outside the period",
    "payment_not_recorded": (
        "sheet Discrepancies, Code = payment_not_recorded. The amount here is the order total that "
        "was not captured; At risk is what is reserved or captured and may be lost"
    ),
}
"""Line of the bridge that is not a code, to the place of its rows. Rows of a code are found by the
code."""

LINE_TO_FETCHED_NAMES = {
    "after_cut": "Events after the cut-off time",
    "moved_in_another_period": "Moved in another period",
    "aggregate_mismatch": "Totals that disagree with events",
}
"""Line from a leg's total to the payments' own totals, to its name."""

SETTING_NAMES = {
    # Settings and tolerances.
    "msn": "number",
    "late_capture": "late capture agreed",
    "capture": "captures",
    "rules.tolerance_minor": "Rounding allowed per order, in minor units",
    "rules.rounding_cap_minor": "Rounding allowed per currency, in minor units",
    "rules.delivery_grace_days": "Days from capture to fulfilment",
    "rules.capture_grace_hours": "Hours from fulfilment to capture",
    "rules.refund_grace_hours": "Hours between a refund in the shop and at Vipps MobilePay",
    "rules.callback_grace_hours": "Hours from authorization until the shop must know of it",
    # Counts.
    "pairs": "Orders and payments compared, as pairs",
    "discrepancies": "Discrepancies",
    "above_info": "Discrepancies that are more than information",
    "holes": "References that could not be read",
    "not_found": "References that Vipps MobilePay does not know",
    "not_sent": "References that cannot be a payment's, and were not sent",
    "rejects": "Input rows rejected",
    # Facts of the run.
    "ledger_read": "Funds ledger read",
    "notes": "Note",
    "sales_units": "Sales unit",
    "run_id": "ID of this run",
    "closed_by_receipts": "Discrepancies closed by receipts of plans",
    "open_despite_receipts": "Discrepancies still open although a plan's row was done",
}
"""Dotted name of a setting, count or fact of a run, or one part of it, to its name on Controls."""

SETTING_VALUES = {"True": "yes", "False": "no", "on_fulfilment": "on fulfilment"}

BLIND_SPOT = (
    "Limit of every run: a payment that was authorized but never captured, and that the shop does "
    "not know, cannot be found. Vipps MobilePay offers no list of payments, and the funds ledger "
    "contains no uncaptured payment."
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


def describe_age(from_days: int | None, to_days: int | None) -> str:
    """Return the name of an age band.

    >>> describe_age(8, 30), describe_age(181, None), describe_age(None, None)
    ('8–30 days', 'Over 180 days', 'Unknown age')
    """
    if from_days is None:
        return "Unknown age"
    return f"Over {from_days - 1} days" if to_days is None else f"{from_days}–{to_days} days"


def describe_days_left(from_days: int | None, to_days: int | None) -> str:
    """Return the name of a band of days to the capture deadline.

    >>> describe_days_left(None, -1), describe_days_left(0, 3), describe_days_left(None, None)
    ('Overdue', '0–3 days', 'Unknown deadline')
    """
    if from_days is None:
        return "Unknown deadline" if to_days is None else "Overdue"
    return describe_age(from_days, to_days)


def describe_decision(*, decided: bool) -> str:
    """Return the name of the rows with a decision, or of those without one."""
    return "Decided" if decided else "Undecided"


def format_heading(section: str, currency: str) -> str:
    """Return the heading of a section that each currency has.

    >>> format_heading("codes", "NOK")
    'Discrepancies by code, NOK'
    """
    return f"{SECTION_HEADINGS[section]}, {currency}"


def describe_settings(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return (dotted name, value) rows in words. An unknown name or value is unchanged.

    >>> describe_settings([("sales_units.1.late_capture", "False"), ("rules.new_days", "3"), ("pandas", "3")])
    [('Sales unit 1: late capture agreed', 'no'), ('rules: new days', '3'), ('pandas', '3')]
    """
    return [(_describe_name(name), SETTING_VALUES.get(value, value)) for name, value in rows]


def _describe_name(dotted: str) -> str:
    if dotted in SETTING_NAMES:
        return SETTING_NAMES[dotted]
    label = ""
    for part in dotted.split("."):
        setting_label = SETTING_NAMES.get(part, part.replace("_", " "))
        # A number belongs to the word before it: "Sales unit 1".
        separator = " " if part.isdigit() else ": " if label else ""
        label += f"{separator}{setting_label}"
    return label
