"""Add the bar charts of the Summary, each beside the table of its amounts, in one currency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vippsrecon.report.sentences import describe_bars
from vippsrecon.spreadsheet.cross_checks import to_cell_amount
from vippsrecon.spreadsheet.formats import BAR_COLOURS, FONT, INK, RULE_COLOUR, add_locale
from vippsrecon.texts import format_money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vippsrecon.spreadsheet.sections import SectionWriter

MAX_BARS = 12
WIDTH_PIXELS = 492
BAR_PIXELS, ROW_PIXELS = 22, 20
CHART_COLUMN = 8
"""The first column of the right half of the Summary."""


def insert_bar_chart(
    writer: SectionWriter,
    title: str,
    bars: Sequence[tuple[str, int, str]],
    *,
    rows: tuple[int, int],
    columns: tuple[int, int],
    top: int | None = None,
) -> int:
    """Insert a bar chart of a table to its right, and return the first row below both.

    Args:
        writer: The Summary.
        title: Title of the chart, which ends in the currency of all amounts.
        bars: Label, amount in minor units and tone of each row of the table that is drawn. The tone
            is a severity, or "total".
        rows: First row of the table, and the row below it, from 0.
        columns: Columns of the labels and of the amounts.
        top: First row of the chart; None: that of the table's headings.
    """
    shown = bars[:MAX_BARS]
    if not any(minor for _, minor, _ in shown):
        return rows[1]
    sheet = writer.page.worksheet.get_name()
    first, last = rows[0], rows[0] + len(shown) - 1
    chart = writer.workbook.add_chart({"type": "bar"})
    chart.add_series(
        {
            "name": title,
            "categories": [sheet, first, columns[0], last, columns[0]],
            "values": [sheet, first, columns[1], last, columns[1]],
            # In constant-memory mode XlsxWriter cannot read back the cells it has written.
            "categories_data": [label for label, _, _ in shown],
            "values_data": [to_cell_amount(minor) for _, minor, _ in shown],
            "points": [{"fill": {"color": BAR_COLOURS[tone]}} for _, _, tone in shown],
            "fill": {"color": BAR_COLOURS["total"]},
            "gap": 45,
            "data_labels": {
                "value": True,
                "num_format": add_locale("#,##0"),
                "font": {"name": FONT["font_name"], "size": 8, "color": INK},
            },
        }
    )
    font = {"name": FONT["font_name"], "size": 8, "color": INK}
    chart.set_title(
        {
            "name": title,
            "name_font": {**font, "size": 10, "bold": True},
            "overlay": False,
        }
    )
    chart.set_legend({"none": True})
    chart.set_y_axis(
        {
            "reverse": True,
            "num_font": font,
            "line": {"color": RULE_COLOUR},
            "major_tick_mark": "none",
        }
    )
    # The bars have labels with their amounts, so an axis of amounts is not needed.
    chart.set_x_axis(
        {
            "major_gridlines": {"visible": False},
            "line": {"none": True},
            "major_tick_mark": "none",
            "label_position": "none",
            "min": 0,
        }
    )
    chart.set_chartarea({"border": {"none": True}, "fill": {"color": "#FFFFFF"}})
    chart.set_plotarea({"fill": {"none": True}})
    height = 58 + max(len(shown), 3) * BAR_PIXELS
    chart.set_size({"width": WIDTH_PIXELS, "height": height})
    start = rows[0] - 1 if top is None else top
    writer.page.worksheet.insert_chart(
        start,
        CHART_COLUMN,
        chart,
        {"x_offset": 2, "y_offset": 2, "description": _describe(title, shown)},
    )
    return max(rows[1], start + 1 + height // ROW_PIXELS)


def _describe(title: str, bars: Sequence[tuple[str, int, str]]) -> str:
    currency = title.rpartition(" ")[2]
    amounts = ", ".join(f"{label} {format_money(minor, currency)}" for label, minor, _ in bars)
    return describe_bars(title, amounts)
