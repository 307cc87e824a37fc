"""Show objects in a notebook: find an object's HTML and frames, hold the styles all HTML shares.

The two functions here are the only ones that import from the packages above theirs. Their imports
are inside the functions, so that an object can show itself without its module depending on reports
or loading pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vippsrecon.spreadsheet.formats import INK, RULE_COLOUR

if TYPE_CHECKING:
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
