"""Write what is concentrated where, on the Summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vippsrecon.report import names

if TYPE_CHECKING:
    from vippsrecon.report.totals.concentration import Concentration
    from vippsrecon.spreadsheet.sections import SectionWriter

CODE, WHERE, CURRENCY, ROWS, SHARE, SHARE_OF_ORDERS = range(1, 7)
"""Columns of the Summary."""


def write_concentrations(writer: SectionWriter, found: tuple[Concentration, ...]) -> None:
    """Write one line per concentration; nothing without any."""
    if not found:
        return
    page, formats = writer.page, writer.formats
    writer.write_section(names.SECTION_HEADINGS["concentration"])
    writer.write_column_heads(*names.CONCENTRATION_HEADINGS, right_from=ROWS)
    for each in found:
        where = f"{names.PROPERTY_NAMES[each.name]} {each.value}"
        page.text(writer.row, CODE, each.kind, formats["code"])
        page.text(writer.row, WHERE, where, formats["text"])
        page.text(writer.row, CURRENCY, each.currency, formats["text"])
        page.number(writer.row, ROWS, each.value_rows, formats["count"])
        page.number(writer.row, SHARE, each.share, formats["share"])
        page.number(writer.row, SHARE_OF_ORDERS, each.of_orders, formats["share"])
        writer.row += 1
    writer.row += 1
