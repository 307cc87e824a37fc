"""Render a Reconciliation as HTML for a notebook: tiles, and a table of the worst discrepancies.

All text from outside is escaped, because an order number may contain markup.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from vippsrecon.display.views import AMOUNT_STYLE, CELL_STYLE, PAGE_STYLE, TILE_STYLE, render_table
from vippsrecon.report import sentences
from vippsrecon.report.figures import compute_figures
from vippsrecon.report.frames import build_report_frames
from vippsrecon.report.names import format_number
from vippsrecon.report.sentences import format_money
from vippsrecon.spreadsheet.formats import MUTED, NAVY, SEVERITY_COLOURS, VERDICT_COLOURS

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.figures import CurrencyTotals, ReportFigures

MAX_DISCREPANCIES_SHOWN = 10


def render_reconciliation(
    reconciliation: Reconciliation, rows: int = MAX_DISCREPANCIES_SHOWN
) -> str:
    """Return a Reconciliation as HTML: the tiles, then the worst `rows` discrepancies."""
    return render_summary_tiles(reconciliation) + render_worst_discrepancies(reconciliation, rows)


def render_summary_tiles(reconciliation: Reconciliation) -> str:
    """Return the verdict and one row of tiles per currency, as HTML."""
    figures = compute_figures(build_report_frames(reconciliation))
    fill, ink = VERDICT_COLOURS[reconciliation.verdict]
    headline = escape(sentences.format_headline(reconciliation, figures))
    notices = "".join(
        f'<div style="border-left:4px solid #E08E0B;padding:2px 10px;margin:4px 0">'
        f"{escape(notice)}</div>"
        for notice in reconciliation.notices
    )
    return (
        f'<div style="{PAGE_STYLE}">'
        f'<div style="background:{fill};color:{ink};padding:8px 14px;border-radius:6px;'
        f'font-weight:bold;margin-bottom:8px">{headline}</div>'
        f"{notices}"
        f"{''.join(_render_currency_tiles(totals, figures) for totals in figures.currency_totals)}"
        f'<div style="color:{MUTED}">'
        f"{escape(sentences.describe_completeness(reconciliation, figures))}</div></div>"
    )


def _render_currency_tiles(totals: CurrencyTotals, figures: ReportFigures) -> str:
    currency = totals.currency
    shown = (
        ("Orders", format_number(totals.orders)),
        ("Order total", format_money(totals.ordered_minor, currency)),
        ("Captured", sentences.format_moved_amount("captured", totals, figures)),
        ("Refunded", sentences.format_moved_amount("refunded", totals, figures)),
        ("Discrepancies", format_number(totals.discrepancies)),
        ("At risk", format_money(totals.at_risk_minor, currency)),
    )
    tiles = "".join(
        f'<div style="{TILE_STYLE}"><div style="color:{MUTED};font-size:11px">{escape(name)}</div>'
        f'<div style="color:{NAVY};font-size:16px;font-weight:bold;white-space:nowrap">'
        f"{escape(value)}</div></div>"
        for name, value in shown
    )
    return f'<div style="display:flex;flex-wrap:wrap">{tiles}</div>'


def render_worst_discrepancies(
    reconciliation: Reconciliation, rows: int = MAX_DISCREPANCIES_SHOWN
) -> str:
    """Return the worst discrepancies as an HTML table, or "" if there are none."""
    discrepancies = build_report_frames(reconciliation).discrepancies
    if discrepancies.is_empty():
        return ""
    headings = (
        "Severity", "Code", "Order", "Reference", "Expected", "Actual", "At risk", "Next step"
    )  # fmt: skip
    table = render_table(
        headings, map(_build_cells, discrepancies.head(rows).iter_rows(named=True))
    )
    left_out = discrepancies.height - rows
    more = (
        f'<div style="{PAGE_STYLE};color:{MUTED}">and {format_number(left_out)} more, in <code>.discrepancies</code></div>'
        if left_out > 0
        else ""
    )
    return table + more


def _build_cells(row: dict[str, Any]) -> list[tuple[object, str]]:
    fill, ink = SEVERITY_COLOURS[row["severity"]]
    amounts = (row[name] for name in ("expected_minor", "actual_minor", "at_risk_minor"))
    return [
        (row["severity"], f"{CELL_STYLE};background:{fill};color:{ink}"),
        *((row[name], CELL_STYLE) for name in ("kind", "order_number", "reference")),
        *(
            (None if minor is None else format_money(minor, row["currency"]), AMOUNT_STYLE)
            for minor in amounts
        ),
        (row["next_step"], CELL_STYLE),
    ]
