"""Names that a report shows for codes, buckets, bridge lines and settings.

The codes themselves never change. Every name is looked up in the catalogue of the report's language
(`vippsrecon.texts`). The sentences of a discrepancy (cause, next step) are columns of the discrepancy.
"""

from __future__ import annotations

from collections.abc import Mapping

from vippsrecon.reconciliation.codes import CODE_BY_NAME, get_code
from vippsrecon.reconciliation.results.groups import LARGE_GROUP_ROWS
from vippsrecon.schemas.results import BRIDGE_LEGS
from vippsrecon.texts import list_section, say

BUCKETS = ("matched", "timing", "discrepancy", "ignored", "not_checked")
"""The buckets, in the order of a report."""

_OUTSIDE_PERIOD = "outside_period"


_PAYOUT_LEGS = ("ledger_payout", "payout_bank")


def find_payout_number(kind: str, discrepancy_id: str) -> str | None:
    """Return the number of the payout that a discrepancy is about; None for any other.

    >>> find_payout_number("payout_not_in_bank", "payout_not_in_bank:123456:2000018")
    '2000018'
    >>> find_payout_number("under_captured", "under_captured:123456:order-1")
    """
    code, parts = CODE_BY_NAME.get(kind), discrepancy_id.split(":")
    if code is None or code.leg not in _PAYOUT_LEGS or len(parts) < 3:
        return None
    return parts[2] or None


def get_sheet_name(sheet: str) -> str:
    """Return what a sheet is called in the workbook.

    >>> get_sheet_name("rejects")
    'Rejects and failures'
    """
    return say(f"sheets.{sheet}")


def get_heading(section: str) -> str:
    """Return the heading of a section or figure, the same on *Summary* and on the page."""
    return say(f"headings.{section}", rows=LARGE_GROUP_ROWS)


def format_heading(section: str, currency: str) -> str:
    """Return the heading of a section that each currency has.

    >>> format_heading("codes", "NOK")
    'Discrepancies by code, NOK'
    """
    return say("headings.in_currency", heading=get_heading(section), currency=currency)


def list_table_heads(*names: str) -> tuple[str, ...]:
    """Return headings of the tables of figures.

    >>> list_table_heads("rows", "at_risk")
    ('Rows', 'At risk')
    """
    return tuple(say(f"table.{name}") for name in names)


def list_age_heads() -> tuple[str, ...]:
    """Return the headings of ages: label, rows, share of the amount at risk, amount at risk."""
    return list_table_heads("since_first_seen", "rows", "share_of_risk", "at_risk")


def list_decision_heads() -> tuple[str, ...]:
    """Return the headings of decisions: label, rows, share of the amount at risk, amount at risk."""
    return list_table_heads("decision", "rows", "share_of_risk", "at_risk")


def list_reservation_heads() -> tuple[str, ...]:
    """Return the headings of reservations: label, payments, share of the amount, amount."""
    return list_table_heads("days_left", "payments", "share", "reserved")


def get_code_title(kind: str) -> str:
    """Return a few words for a code, "" for the empty code of a pair without any.

    Raises:
        KeyError: No code has this name.
    """
    return get_code(kind).title if kind else ""


def list_code_titles() -> Mapping[str, str]:
    """Return code to a few words for it."""
    return {name: code.title for name, code in CODE_BY_NAME.items()}


def get_bucket_name(bucket: str) -> str:
    """Return the name of a bucket; "" is the bucket of a row outside the period.

    >>> get_bucket_name("not_checked"), get_bucket_name("")
    ('Not checked', 'Outside the period')
    """
    return list_section("buckets").get(bucket or _OUTSIDE_PERIOD, bucket)


def get_severity_name(severity: str) -> str:
    """Return the word for a severity; "" for none."""
    return list_section("severities").get(severity, severity)


def list_item_heads() -> tuple[str, ...]:
    """Return the headings of open items by status."""
    return list_table_heads("status", "meaning", "oldest_days", "rows", "left_totals", "at_risk")


def list_item_statuses() -> dict[str, str]:
    """Return status of an open item to its name, in the order of a report."""
    return dict(list_section("item_statuses.words"))


def get_item_meaning(status: str) -> str:
    """Return what a status of an open item means, in one sentence."""
    return say(f"item_statuses.meanings.{status}")


def list_concentration_series() -> tuple[str, ...]:
    """Return the names of the two shares of a concentration: of the code's rows, of all orders."""
    return list_table_heads("share_of_rows", "share_of_orders")


def get_leg_names(leg: str) -> tuple[str, str]:
    """Return the heading of a leg of the bridge and the name of its total."""
    names = list_section(f"legs.{leg}")
    return names.get("heading", leg), names.get("total", leg)


def list_line_places() -> Mapping[str, str]:
    """Return each line of the bridge that is not a code, with the place of its rows.

    Rows of a code are found by the code.
    """
    return list_section("line_places")


def get_fetched_line_name(line: str) -> str:
    """Return the name of a line from a leg's total to the payments' own totals."""
    return say(f"lines_to_fetched.{line}")


def is_code_line(line: str) -> bool:
    """Return whether a line of the bridge is a code, and so has the title of the code."""
    # The amount of some codes' lines is another one than the codes' difference: they have names.
    return line in CODE_BY_NAME and line not in list_section("lines")


_SECTIONS_OF_LINES = {
    "refunded": "lines_of_refunds",
    **dict.fromkeys(("ledger", "payouts", "bank"), "lines_of_ledger"),
}
"""Leg of the bridge to the section with the names that only its own lines have."""


def get_line_name(line: str, leg: str = "captured") -> str:
    """Return the name of a line of the bridge.

    >>> get_line_name("orders"), get_line_name("under_captured")
    ('Order total', 'Less captured than the order says')

    Raises:
        KeyError: It is neither a line nor a code.
    """
    own_lines = _SECTIONS_OF_LINES.get(leg)
    if own_lines is not None and line in list_section(own_lines):
        return say(f"{own_lines}.{line}")
    return get_code_title(line) if is_code_line(line) else say(f"lines.{line}")


def get_statement_line_name(line: str, leg: str) -> str:
    """Return the name of a line in the whole bridge, where a leg begins with the total of another.

    >>> get_statement_line_name("captured", "captured_as_fetched")
    'Captured at Vipps MobilePay'
    """
    if line in BRIDGE_LEGS:
        return get_leg_names(line)[1]
    if leg.endswith("_as_fetched") and line in list_section("lines_to_fetched"):
        return get_fetched_line_name(line)
    return get_line_name(line, leg)


def get_property_value(name: str, value: str) -> str:
    """Return a property in which rows are concentrated, and its value.

    >>> get_property_value("store", "bergen")
    'store bergen'
    """
    return f"{say(f'properties.{name}')} {value}"


def describe_age(from_days: int | None, to_days: int | None) -> str:
    """Return the name of an age band.

    >>> describe_age(8, 30), describe_age(181, None), describe_age(None, None)
    ('8–30 days', 'Over 180 days', 'Unknown age')
    """
    if from_days is None:
        return say("bands.unknown_age")
    if to_days is None:
        return say("bands.over", days=from_days - 1)
    return say("bands.between", first=from_days, last=to_days)


def describe_days_left(from_days: int | None, to_days: int | None) -> str:
    """Return the name of a band of days to the capture deadline.

    >>> describe_days_left(None, -1), describe_days_left(0, 3), describe_days_left(None, None)
    ('Overdue', '0–3 days', 'Unknown deadline')
    """
    if from_days is None:
        return say("bands.unknown_deadline" if to_days is None else "bands.overdue")
    return describe_age(from_days, to_days)


def describe_decision(*, decided: bool) -> str:
    """Return the name of the rows with a decision, or of those without one."""
    return say("bands.decided" if decided else "bands.undecided")


def describe_settings(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return (dotted name, value) rows in words. An unknown name or value is unchanged.

    >>> describe_settings([("sales_units.1.late_capture", "False"), ("rules.new_days", "3"), ("pandas", "3")])
    [('Sales unit 1: late capture agreed', 'no'), ('rules: new days', '3'), ('pandas', '3')]
    """
    values = list_section("setting_values")
    return [(_describe_name(name), values.get(value, value)) for name, value in rows]


def _describe_name(dotted: str) -> str:
    names = list_section("settings")
    if dotted in names:
        return names[dotted]
    label = ""
    for part in dotted.split("."):
        setting_label = names.get(part, part.replace("_", " "))
        # A number belongs to the word before it: "Sales unit 1".
        separator = " " if part.isdigit() else ": " if label else ""
        label += f"{separator}{setting_label}"
    return label
