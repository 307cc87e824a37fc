"""Write the sign-off: name, date and initials of those who prepared, reviewed and approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xlsxwriter.utility import xl_range_abs

from vippsrecon.report.excel.existing_report import SIGN_OFF_RANGE_NAME
from vippsrecon.texts import say

if TYPE_CHECKING:
    from xlsxwriter import Workbook

    from vippsrecon.spreadsheet.formats import WorkbookFormats
    from vippsrecon.spreadsheet.layout import SheetLayout

SIGN_OFF_ROLES = ("prepared", "reviewed", "approved")

SIGN_OFF_ROW_POINTS = 20
"""A row has room for a name written by hand."""

SIGN_OFF_ROWS = 1 + len(SIGN_OFF_ROLES)
"""Rows of the block: its heading and one per role."""


def write_sign_off(
    workbook: Workbook, page: SheetLayout, formats: WorkbookFormats, row: int, first: int
) -> None:
    """Add the block in five columns from `first`: role, name in two columns, date, initials."""
    name, date, initials = first + 1, first + 3, first + 4
    page.text(row, first, say("sign_off.heading"), formats["head"])
    page.merged_text(row, name, name + 1, say("sign_off.name"), formats["head"])
    page.text(row, date, say("sign_off.date"), formats["head"])
    page.text(row, initials, say("sign_off.initials"), formats["head"])
    for place, role in enumerate(SIGN_OFF_ROLES, start=row + 1):
        page.height(place, SIGN_OFF_ROW_POINTS)
        page.text(place, first, say(f"sign_off.{role}"), formats["text"])
        page.merged_text(place, name, name + 1, "", formats["signature"])
        page.blank(place, range(date, date + 1), formats["input_date"])
        page.blank(place, range(initials, initials + 1), formats["signature"])
    cells = xl_range_abs(row + 1, name, row + len(SIGN_OFF_ROLES), initials)
    sheet = page.worksheet.get_name()
    workbook.define_name(SIGN_OFF_RANGE_NAME, f"='{sheet}'!{cells}")
