"""Write the outcome of every order and payment, on the Summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.report import names
from vippsrecon.spreadsheet.cross_checks import to_cell_amount, write_live_total
from vippsrecon.texts import say

if TYPE_CHECKING:
    from vippsrecon.report.figures import BucketTotals
    from vippsrecon.spreadsheet.formats import WorkbookFormats
    from vippsrecon.spreadsheet.layout import SheetLayout
    from vippsrecon.spreadsheet.table import SheetTable

B, C, D, E, F, G, RIGHT_HALF, LAST_COLUMN = 1, 2, 3, 4, 5, 6, 8, 12
"""Columns of the Summary."""


class SummarySheetWriter(Protocol):
    """What this section needs of the writer of the Summary."""

    page: SheetLayout
    formats: WorkbookFormats
    tables: dict[str, SheetTable]
    row: int

    def write_section(self, title: str) -> None: ...  # noqa: D102
    def write_column_heads(self, *titles: str, right_from: int | None = None) -> None: ...  # noqa: D102
    def write_code(self, column: int, kind: str, currency: str) -> None: ...  # noqa: D102
    def add_cross_check(  # noqa: D102
        self, label: str, computed: object, column: int, table: SheetTable, currency: str
    ) -> None: ...


def write_buckets(
    writer: SummarySheetWriter, currency: str, buckets: tuple[BucketTotals, ...]
) -> None:
    """Write one line per bucket and code of one currency; nothing without any."""
    if not buckets:
        return
    page, formats = writer.page, writer.formats
    writer.write_section(names.format_heading("buckets", currency))
    page.merged_text(
        writer.row,
        RIGHT_HALF,
        LAST_COLUMN,
        say("table.what_the_code_means"),
        formats["head"],
    )
    writer.write_column_heads(
        *names.list_table_heads("outcome", "code", "orders", "order_total", "payments", "captured"),
        right_from=D,
    )
    first = writer.row
    orders, payments = writer.tables["orders"], writer.tables["payments"]
    for bucket in buckets:
        name = names.get_bucket_name(bucket.bucket)
        page.text(writer.row, B, name, formats["text"])
        writer.write_code(C, bucket.kind, currency)
        page.text(writer.row, RIGHT_HALF, names.get_code_title(bucket.kind), formats["text"])
        chosen = {"bucket": bucket.bucket, "kind": bucket.kind, "currency": currency}
        for column, table, amount, value in (
            (D, orders, "", bucket.orders),
            (E, orders, "total_minor", bucket.ordered_minor),
            (F, payments, "", bucket.payments),
            (G, payments, "captured_minor", bucket.captured_minor),
        ):
            formula = table.sum_if(amount, **chosen) if amount else table.count_if(**chosen)
            shown = to_cell_amount(value) if amount else value
            cell_format = formats.money() if amount else formats["count"]
            write_live_total(
                page, (writer.row, column), table, formula, shown, cell_format=cell_format
            )
            side = "orders" if table is orders else "payments"
            label = say(
                "checks.of_label",
                label=" ".join(filter(None, (name, bucket.kind))),
                figure=say(f"checks.{side}{'_amount' if amount else ''}"),
                currency=currency,
            )
            writer.add_cross_check(label, shown, column, table, currency if amount else "")
        writer.row += 1
    page.text(writer.row, B, say("words.total", currency=currency), formats["total_text"])
    page.blank(writer.row, range(C, D), formats["total_text"])
    for column, figure in (
        (D, "orders"),
        (E, "ordered_minor"),
        (F, "payments"),
        (G, "captured_minor"),
    ):
        top, end = (xl_rowcol_to_cell(row, column) for row in (first, writer.row - 1))
        total = sum(getattr(bucket, figure) for bucket in buckets)
        money = figure.endswith("_minor")
        cell_format = formats.money(total=True) if money else formats["total_count"]
        page.formula(
            writer.row,
            column,
            f"=SUM({top}:{end})",
            to_cell_amount(total) if money else total,
            cell_format,
        )
    writer.row += 2
