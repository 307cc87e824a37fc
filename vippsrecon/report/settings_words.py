"""What settings, counts and facts of a run are called on Controls, in a controller's words."""

from __future__ import annotations

SETTING_NAMES = {
    # Settings and tolerances.
    "msn": "number",
    "late_capture": "late capture agreed",
    "capture": "captures",
    "rules.tolerance_minor": "Rounding allowed per order, in minor units",
    "rules.rounding_cap_minor": "Rounding allowed per currency, in minor units",
    "rules.delivery_grace_days": "Days from capture to delivery",
    "rules.capture_grace_hours": "Hours from delivery to capture",
    "rules.refund_grace_hours": "Hours from the shop's refund to the payment's",
    # Counts.
    "pairs": "Orders and payments compared, as pairs",
    "discrepancies": "Discrepancies",
    "above_info": "Discrepancies that are more than information",
    "holes": "References that could not be read",
    "rejects": "Input rows rejected",
    # Facts of the run.
    "ledger_read": "Funds ledger read",
    "notes": "Note",
    "sales_units": "Sales unit",
    "closed_by_receipts": "Discrepancies closed by receipts of plans",
    "open_despite_receipts": "Discrepancies still open although a plan's row was done",
}
"""Dotted name, or one part of it, to words."""

SETTING_VALUES = {"True": "yes", "False": "no", "on_fulfilment": "on fulfilment"}


def describe_settings(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return (dotted name, value) rows in words; what is not known keeps its own name.

    >>> describe_settings([("sales_units.1.late_capture", "False"), ("rules.new_days", "3"), ("pandas", "3")])
    [('Sales unit 1: late capture agreed', 'no'), ('rules: new days', '3'), ('pandas', '3')]
    """
    return [(_describe_name(name), SETTING_VALUES.get(value, value)) for name, value in rows]


def _describe_name(dotted: str) -> str:
    if dotted in SETTING_NAMES:
        return SETTING_NAMES[dotted]
    said = ""
    for part in dotted.split("."):
        word = SETTING_NAMES.get(part, part.replace("_", " "))
        said += f" {word}" if part.isdigit() else f": {word}" if said else word
    return said
