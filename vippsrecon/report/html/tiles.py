"""The report as a notebook shows it: tiles, and the worst discrepancies as a table.

Everything that came from outside is escaped: an order number may hold markup.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from vippsrecon.display import AMOUNT, CELL, PAGE, TILE
from vippsrecon.report import sentences
from vippsrecon.report.figures import tally
from vippsrecon.report.frames import take_in
from vippsrecon.report.names import grouped
from vippsrecon.report.sentences import money
from vippsrecon.spreadsheet.formats import MUTED, NAVY, PALE, SEVERITY_COLOURS, VERDICT_COLOURS

if TYPE_CHECKING:
    from vippsrecon.report.figures import Glance, Tally
    from vippsrecon.report.frames import Reconciled

ROWS_SHOWN = 10


def to_html(reconciliation: Reconciled, rows: int = ROWS_SHOWN) -> str:
    """Return a Reconciliation as HTML: the tiles, then the worst discrepancies.

    Args:
        reconciliation: What `vippsrecon.reconcile` returned.
        rows: Discrepancies to show.
    """
    return tiles(reconciliation) + worst(reconciliation, rows)


def tiles(reconciliation: Reconciled) -> str:
    """Return the verdict and one row of tiles per currency, as HTML."""
    figures = tally(take_in(reconciliation))
    fill, ink = VERDICT_COLOURS[reconciliation.verdict]
    said = escape(sentences.headline(reconciliation, figures))
    notices = "".join(
        f'<div style="border-left:4px solid #E08E0B;padding:2px 10px;margin:4px 0">'
        f"{escape(notice)}</div>"
        for notice in reconciliation.notices
    )
    return (
        f'<div style="{PAGE}">'
        f'<div style="background:{fill};color:{ink};padding:8px 14px;border-radius:6px;'
        f'font-weight:bold;margin-bottom:8px">{said}</div>'
        f"{notices}"
        f"{''.join(_currency(glance, figures) for glance in figures.glances)}"
        f'<div style="color:{MUTED}">'
        f"{escape(sentences.completeness(reconciliation, figures))}</div></div>"
    )


def _currency(glance: Glance, figures: Tally) -> str:
    currency = glance.currency
    shown = (
        ("Orders", grouped(glance.orders)),
        ("Order total", money(glance.ordered_minor, currency)),
        ("Captured", sentences.moved("captured", glance, figures)),
        ("Refunded", sentences.moved("refunded", glance, figures)),
        ("Discrepancies", grouped(glance.discrepancies)),
        ("At risk", money(glance.at_risk_minor, currency)),
    )
    made = "".join(
        f'<div style="{TILE}"><div style="color:{MUTED};font-size:11px">{escape(name)}</div>'
        f'<div style="color:{NAVY};font-size:16px;font-weight:bold;white-space:nowrap">'
        f"{escape(value)}</div></div>"
        for name, value in shown
    )
    return f'<div style="display:flex;flex-wrap:wrap">{made}</div>'


def worst(reconciliation: Reconciled, rows: int = ROWS_SHOWN) -> str:
    """Return the worst discrepancies as an HTML table, "" where there are none."""
    found = take_in(reconciliation).discrepancies
    if found.is_empty():
        return ""
    heads = ("Severity", "Code", "Order", "Reference", "Expected", "Actual", "At risk", "Next step")
    head = "".join(
        f'<th style="{CELL};background:{PALE};color:{NAVY}">{name}</th>' for name in heads
    )
    body = "".join(_row(row) for row in found.head(rows).iter_rows(named=True))
    rest = found.height - rows
    more = (
        f'<div style="{PAGE};color:{MUTED}">and {grouped(rest)} more, in <code>.discrepancies</code></div>'
        if rest > 0
        else ""
    )
    return (
        f'<table style="{PAGE};border-collapse:collapse;margin-top:8px"><thead><tr>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table>{more}"
    )


def _row(row: dict[str, object]) -> str:
    fill, ink = SEVERITY_COLOURS[str(row["severity"])]
    texts = "".join(
        f'<td style="{CELL}">{escape(str(row[name] or ""))}</td>'
        for name in ("kind", "order_number", "reference")
    )
    amounts = "".join(
        f'<td style="{AMOUNT}">{_amount(row[name], str(row["currency"]))}</td>'
        for name in ("expected_minor", "actual_minor", "at_risk_minor")
    )
    return (
        f'<tr><td style="{CELL};background:{fill};color:{ink}">{row["severity"]}</td>{texts}'
        f'{amounts}<td style="{CELL}">{escape(str(row["next_step"]))}</td></tr>'
    )


def _amount(minor: object, currency: str) -> str:
    return escape(money(minor, currency)) if isinstance(minor, int) else ""
