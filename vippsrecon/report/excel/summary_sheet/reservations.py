"""Write what is still reserved by days to the capture deadline, on the Summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.report import names
from vippsrecon.report.excel.summary_sheet.chart import insert_bar_chart
from vippsrecon.spreadsheet.cross_checks import CrossChecks, to_cell_amount
from vippsrecon.spreadsheet.ranges import format_criterion
from vippsrecon.texts import say

if TYPE_CHECKING:
    from vippsrecon.report.totals.reservations import ReservationTotals
    from vippsrecon.spreadsheet.sections import SectionWriter
    from vippsrecon.spreadsheet.table import SheetTable

LABEL, PAYMENTS, SHARE, RESERVED = 1, 4, 5, 6
"""Columns of the Summary."""


def write_reservations(
    writer: SectionWriter,
    payments: SheetTable,
    checks: CrossChecks,
    reservations: tuple[ReservationTotals, ...],
) -> None:
    """Write one line per band of days left of one currency, and a chart beside them.

    Days are counted when the report is made, so the lines are figures; their total is checked
    against *Payments*.

    Args:
        writer: The Summary, at the row of the new section.
        payments: The sheet *Payments*.
        checks: Receives the total, for Controls.
        reservations: The bands of one currency; nothing is written without any.
    """
    if not reservations:
        return
    page, formats, currency = writer.page, writer.formats, reservations[0].currency
    total = sum(each.reserved_minor for each in reservations)
    heading = names.format_heading("reservations", currency)
    writer.write_section(heading)
    page.text(writer.row, LABEL, say("about.reservations"), formats["muted"])
    writer.row += 1
    label, *heads = names.list_reservation_heads()
    writer.write_column_heads(label, "", "", *heads, right_from=PAYMENTS)
    first = writer.row
    end = first + len(reservations)
    labels = [names.describe_days_left(each.from_days, each.to_days) for each in reservations]
    for row, (text, each) in enumerate(zip(labels, reservations, strict=True), first):
        page.text(row, LABEL, text, formats["text"])
        page.number(row, PAYMENTS, each.payments, formats["count"])
        part, whole = (xl_rowcol_to_cell(at, RESERVED) for at in (row, end))
        share = each.reserved_minor / total
        page.formula(row, SHARE, f"=IF({whole}=0,0,{part}/{whole})", share, formats["share"])
        page.number(row, RESERVED, to_cell_amount(each.reserved_minor), formats.money())
    page.text(end, LABEL, say("words.total", currency=currency), formats["total_text"])
    page.blank(end, range(LABEL + 1, RESERVED), formats["total_text"])
    for column, value, cell_format in (
        (PAYMENTS, sum(each.payments for each in reservations), formats["total_count"]),
        (RESERVED, to_cell_amount(total), formats.money(total=True)),
    ):
        top, bottom = (xl_rowcol_to_cell(row, column) for row in (first, end - 1))
        page.formula(end, column, f"=SUM({top}:{bottom})", value, cell_format)
    checks.add(
        say("checks.figure", name=say("checks.still_reserved"), currency=currency),
        to_cell_amount(total),
        _format_total_formula(payments, currency),
        currency,
    )
    writer.row = insert_bar_chart(
        writer,
        heading,
        [
            (text, each.reserved_minor, each.urgency)
            for text, each in zip(labels, reservations, strict=True)
        ],
        rows=(first, end + 1),
        columns=(LABEL, RESERVED),
    )
    writer.row += 1


def _format_total_formula(payments: SheetTable, currency: str) -> str:
    """Return the formula of the total over *Payments*, or "" if the sheet cannot give it.

    A payment that has more captured and cancelled than authorized would lower the sum of the sheet,
    but reserves nothing.
    """
    columns = ("authorized_minor", "captured_minor", "cancelled_minor")
    authorized, captured, cancelled = (pl.col(column) for column in columns)
    chosen = [("state", "AUTHORIZED"), ("currency", currency)]
    rows = payments.data.filter(*(pl.col(name) == value for name, value in chosen))
    if payments.overflow_file or not rows.filter(authorized < captured + cancelled).is_empty():
        return ""
    criteria = [(name, format_criterion(value)) for name, value in chosen]
    return "-".join(payments.sum_where(column, criteria) for column in columns)
