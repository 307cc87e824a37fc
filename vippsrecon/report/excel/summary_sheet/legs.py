"""Write the verdict of each leg from the order to the bank, on the Summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vippsrecon.report.money.verdicts import list_leg_heads
from vippsrecon.spreadsheet.cross_checks import to_cell_amount
from vippsrecon.spreadsheet.layout import count_text_lines
from vippsrecon.spreadsheet.table import HEADER_HEIGHT
from vippsrecon.texts import say

if TYPE_CHECKING:
    from vippsrecon.report.money.verdicts import LegVerdict
    from vippsrecon.spreadsheet.sections import SectionWriter

NAME, VERDICT, AGREED, LATER, DISCREPANCIES, AT_RISK = 1, 2, 3, 4, 5, 6
"""Columns of the Summary."""

NOT_CHECKED = 8
NAME_CHARACTERS = 27
"""Of the column with the name of the leg."""


def write_leg_verdicts(writer: SectionWriter, verdicts: tuple[LegVerdict, ...]) -> None:
    """Write one line per leg and currency; nothing where only orders and payments were given."""
    if not verdicts:
        return
    page, formats = writer.page, writer.formats
    writer.write_section(say("money_legs.heading"))
    leg, verdict, agreed, later, not_checked, discrepancies, at_risk = list_leg_heads()
    page.height(writer.row, HEADER_HEIGHT)
    writer.write_column_heads(
        leg, verdict, agreed, later, discrepancies, at_risk, "", not_checked, right_from=AGREED
    )
    for each in verdicts:
        row = writer.row
        name = f"{each.name}, {each.currency}".rstrip(", ")
        page.text(row, NAME, name, formats["wrapped_flush"])
        if (lines := count_text_lines(name, NAME_CHARACTERS)) > 1:
            page.height(row, 4 + 12 * lines)
        page.text(row, VERDICT, each.explanation, formats["text"])
        if each.currency:
            for column, value in (
                (AGREED, each.agreed),
                (LATER, each.expected_later),
                (DISCREPANCIES, each.discrepancies),
                (NOT_CHECKED, each.not_checked),
            ):
                page.number(row, column, value, formats["count"])
            page.number(
                row, AT_RISK, to_cell_amount(each.at_risk_minor), formats.money(each.currency)
            )
        writer.row += 1
    writer.row += 1
