"""Add the bar chart of the Summary: amount at risk by code, in one currency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vippsrecon.spreadsheet.cross_checks import to_cell_amount
from vippsrecon.spreadsheet.formats import BAR_COLOUR, FONT, INK, RULE_COLOUR

if TYPE_CHECKING:
    from xlsxwriter import Workbook

    from vippsrecon.report.figures import CodeTotals

MAX_BARS = 12
WIDTH_PIXELS = 492
BAR_PIXELS = 22


def add_at_risk_chart(
    workbook: Workbook,
    sheet: str,
    currency: str,
    codes: tuple[CodeTotals, ...],
    *,
    first_row: int,
    columns: tuple[int, int],
) -> Any | None:
    """Return a bar chart of the table of codes, or None if nothing is at risk.

    Args:
        workbook: The workbook that gets the chart.
        sheet: Name of the sheet with the table.
        currency: Currency of all amounts.
        codes: The rows of the table in order, highest amount at risk first.
        first_row: First row of the table, from 0.
        columns: Columns of the code and of the amount at risk.
    """
    shown = [code for code in codes if code.at_risk_minor > 0][:MAX_BARS]
    if not shown:
        return None
    last_row = first_row + len(shown) - 1
    chart = workbook.add_chart({"type": "bar"})
    chart.add_series(
        {
            "name": f"At risk, {currency}",
            "categories": [sheet, first_row, columns[0], last_row, columns[0]],
            "values": [sheet, first_row, columns[1], last_row, columns[1]],
            # In constant-memory mode XlsxWriter cannot read back the cells it has written.
            "categories_data": [code.kind for code in shown],
            "values_data": [to_cell_amount(code.at_risk_minor) for code in shown],
            "fill": {"color": BAR_COLOUR},
            "gap": 45,
            "data_labels": {
                "value": True,
                "num_format": "#,##0",
                "font": {"name": FONT["font_name"], "size": 8, "color": INK},
            },
        }
    )
    font = {"name": FONT["font_name"], "size": 8, "color": INK}
    chart.set_title(
        {
            "name": f"At risk by code, {currency}",
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
    chart.set_size({"width": WIDTH_PIXELS, "height": compute_chart_height(codes)})
    return chart


def compute_chart_height(codes: tuple[CodeTotals, ...]) -> int:
    """Return the height of the chart in pixels, or 0 if there is no chart."""
    bars = min(sum(code.at_risk_minor > 0 for code in codes), MAX_BARS)
    return 58 + max(bars, 3) * BAR_PIXELS if bars else 0
