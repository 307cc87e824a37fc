"""Find an object's HTML and frames.

`html_of` and `frame_of` are the only functions that import from the packages above theirs. Their
imports are inside the functions, so that an object can show itself without its module depending on reports
or loading pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def html_of(shown: Any) -> str:
    """Return the HTML of a `Reconciliation`, a `Plan`, the result of a run or of `settle`.

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
    if name == "SettleResult":
        from vippsrecon.bulk.outcomes.html import render_settlement

        return render_settlement(shown)
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
