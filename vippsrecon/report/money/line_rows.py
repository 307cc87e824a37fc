"""Say where the rows of each line of the bridge are, from the payments to the money in the bank."""

from __future__ import annotations

from typing import NamedTuple

from vippsrecon.report.columns import list_headings
from vippsrecon.texts import say


class LineRows(NamedTuple):
    """Where the rows of a line are.

    Attributes:
        sheet: Such as "ledger".
        column: Its column that tells the rows.
        how: The sentence: which values of the column, see `line_rows` in the catalogue.
        value: The value that the column has; "" where it is not one value.
    """

    sheet: str
    column: str
    how: str = "value"
    value: str = ""


ENTRY_TYPES = {
    "fees_retained": "fees-retained",
    "disputes_retained": "retained-disputed-capture",
    "disputes_returned": "returned-disputed-capture",
    "corrections": "correction",
    "top_ups": "top-up",
    "credit_notes": "credit-note",
    "payouts_returned": "payout-aborted",
}
"""Line of the leg *payouts* to the type of its ledger entries."""

ROWS = {
    "captured_as_fetched": LineRows("payments", "captured_minor", "column"),
    "refunded_as_fetched": LineRows("payments", "refunded_minor", "column"),
    "moved_in_another_period": LineRows("events", "event_day", "outside"),
    "timing_not_on_ledger": LineRows("events", "event_day", "late"),
    "other_days": LineRows("ledger", "ledger_date", "outside"),
    "ledger": LineRows("ledger", "funds_minor", "column"),
    **{line: LineRows("ledger", "entry_type", value=name) for line, name in ENTRY_TYPES.items()},
    "unknown_types": LineRows("ledger", "kind", value="unknown_entry_type"),
    "balance_change": LineRows("ledger", "balance_after_minor", "ends"),
    "payouts": LineRows("payouts_bank", "amount_minor", "column"),
    "aborted_earlier": LineRows("payouts_bank", "kind", value="payout_aborted"),
    "timing_payout_in_transit": LineRows("payouts_bank", "booked_date", "later"),
    "brought_forward": LineRows("payouts_bank", "ledger_date", "earlier"),
}
"""Line of the bridge after the shop's legs, other than codes, to its rows."""


def describe_line_rows(line: str) -> str:
    """Return on which sheet the rows of a line are; "" for a line that has none of its own."""
    rows = ROWS.get(line)
    if rows is None:
        return ""
    return say(
        f"line_rows.{rows.how}",
        sheet=say(f"sheets.{rows.sheet}"),
        column=list_headings(rows.sheet)[rows.column],
        value=rows.value,
    )
