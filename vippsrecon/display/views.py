"""Show objects in a notebook: find an object's HTML and frames, and the table and styles all HTML shares.

`html_of` and `frame_of` are the only functions that import from the packages above theirs. Their
imports are inside the functions, so that an object can show itself without its module depending on reports
or loading pandas.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from vippsrecon.spreadsheet.formats import INK, NAVY, PALE, RULE_COLOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

PAGE_STYLE = f"font-family:Arial,Helvetica,sans-serif;font-size:13px;line-height:1.4;color:{INK}"
TILE_STYLE = (
    f"border:1px solid {RULE_COLOUR};border-radius:6px;padding:8px 14px;margin:0 8px 8px 0;"
    "min-width:110px;background:#fff"
)
CELL_STYLE = (
    f"padding:3px 10px;border-bottom:1px solid {RULE_COLOUR};text-align:left;vertical-align:top"
)
AMOUNT_STYLE = f"{CELL_STYLE};text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums"


def render_table(headings: Sequence[str], rows: Iterable[Sequence[tuple[object, str]]]) -> str:
    """Return an HTML table. All text is escaped, because an order number may contain markup.

    Args:
        headings: One per column.
        rows: The cells of each row: value and style. None is an empty cell.

    >>> row = [("<b>", CELL_STYLE), (None, AMOUNT_STYLE)]
    >>> "&lt;b&gt;</td>" in render_table(["Order", "Amount"], [row])
    True
    """
    head = "".join(
        f'<th style="{CELL_STYLE};background:{PALE};color:{NAVY}">{escape(heading)}</th>'
        for heading in headings
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="{style}">{"" if value is None else escape(str(value))}</td>'
            for value, style in cells
        )
        + "</tr>"
        for cells in rows
    )
    return (
        f'<table style="{PAGE_STYLE};border-collapse:collapse;margin-top:8px">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def html_of(shown: Any) -> str:
    """Return the HTML of a `Reconciliation`, a `Plan` or the result of a run.

    Raises:
        TypeError: The object is of another class.
    """
    # By name: asking isinstance would import reconciliation and bulk to show either of them.
    name = type(shown).__name__
    if name == "Reconciliation":
        from vippsrecon.report.html.tiles import render_summary_tiles

        return render_summary_tiles(shown.collect())
    if name == "Plan":
        from vippsrecon.bulk.plan.views import render_plan_html

        return render_plan_html(shown)
    if name == "RunResult":
        from vippsrecon.bulk.outcomes.html import render_run

        return render_run(shown)
    raise TypeError(f"{name} has no HTML")


def frame_of(shown: Any, view: str) -> pd.DataFrame:
    """Return one view of a `Plan` or of the result of a run as a frame.

    Args:
        shown: The object.
        view: "rows", "summary" or "rejects" of a plan; "outcomes" of a run.

    Raises:
        TypeError: There is no such view.
    """
    name = type(shown).__name__
    if name == "Plan":
        from vippsrecon.bulk.plan.views import PLAN_VIEWS

        if view in PLAN_VIEWS:
            return PLAN_VIEWS[view](shown)
    if name == "RunResult" and view == "outcomes":
        from vippsrecon.bulk.outcomes.frame import build_outcomes

        return build_outcomes(shown)
    raise TypeError(f"{name} has no frame {view!r}")
