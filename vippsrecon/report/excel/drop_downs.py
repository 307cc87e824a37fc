"""Write the lists behind the drop-downs: owners, decisions and notes, on Controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xlsxwriter.utility import xl_range_abs

from vippsrecon.report.changes import IN_PROGRESS

if TYPE_CHECKING:
    from vippsrecon.spreadsheet.formats import WorkbookFormats
    from vippsrecon.spreadsheet.layout import SheetLayout

CONTROLS_SHEET_NAME = "Controls"
OWNER_LIST_COLUMN, DECISION_LIST_COLUMN, NOTE_LIST_COLUMN = 7, 8, 9
LIST_ROW, LIST_ROWS = 4, 12

DECISION_LIST = (
    IN_PROGRESS,
    "accept",
    "refund",
    "capture",
    "cancel",
    "book",
    "ask shop",
    "ask Vipps",
    "waive",
)
"""Decisions offered for a discrepancy."""

NOTE_LIST = (
    "Agreed with the customer",
    "Corrected in the shop",
    "Corrected at Vipps MobilePay",
    "Sent to the shop",
    "Paid by bank transfer",
    "Seen earlier, nothing new",
)


def format_list_range(column: int) -> str:
    """Return the range of one of the lists for drop-downs."""
    return (
        f"={CONTROLS_SHEET_NAME}!{xl_range_abs(LIST_ROW, column, LIST_ROW + LIST_ROWS - 1, column)}"
    )


def write_drop_down_lists(
    page: SheetLayout, formats: WorkbookFormats, manifest: Mapping[str, Any]
) -> None:
    """Write the three lists on Controls; the owners are those of the settings."""
    settings = manifest.get("settings")
    owners = settings.get("owners") if isinstance(settings, Mapping) else None
    lists = (
        (OWNER_LIST_COLUMN, "Owners", [str(owner) for owner in owners or ()]),
        (DECISION_LIST_COLUMN, "Decisions", list(DECISION_LIST)),
        (NOTE_LIST_COLUMN, "Notes", list(NOTE_LIST)),
    )
    page.text(
        LIST_ROW - 2,
        OWNER_LIST_COLUMN,
        "Lists for the drop-downs. You can change them.",
        formats["section"],
    )
    page.blank(LIST_ROW - 2, range(OWNER_LIST_COLUMN, NOTE_LIST_COLUMN + 1), formats["section"])
    for column, title, values in lists:
        page.text(LIST_ROW - 1, column, title, formats["head"])
        for place in range(LIST_ROWS):
            value = values[place] if place < len(values) else ""
            page.text(LIST_ROW + place, column, value, formats["input"])
