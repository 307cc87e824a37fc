"""The chart of the Summary: what is at risk, by code, in one currency."""

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
    """Return a bar chart over the table of codes, or None where nothing is at risk.

    Args:
        workbook: The chart's.
        sheet: Where the table stands.
        currency: Of all amounts.
        codes: The table's rows in order, most at risk first.
        first_row: The table's first row, from 0.
        columns: Its columns of code and of amount at risk.
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
            # In constant-memory mode XlsxWriter cannot look the cells up any more.
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
    # The bars carry their amounts, so an axis of amounts would say it twice.
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
    """Return how high the chart of these codes is; 0 where there is none."""
    bars = min(sum(code.at_risk_minor > 0 for code in codes), MAX_BARS)
    return 58 + max(bars, 3) * BAR_PIXELS if bars else 0
