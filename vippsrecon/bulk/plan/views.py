"""Show a plan as frames, and as an HTML table in a notebook.

`display` imports this module when a view of a plan is used: carrying out a plan needs no frames.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pyarrow as pa

from vippsrecon.bulk.plan.file import compute_digest
from vippsrecon.bulk.plan.model import Plan, PlanRow
from vippsrecon.display.views import AMOUNT_STYLE, CELL_STYLE, PAGE_STYLE, render_table
from vippsrecon.money import format_amount, format_count, group_thousands, to_major
from vippsrecon.schemas import REJECTS, to_pandas
from vippsrecon.spreadsheet.formats import MUTED, NAVY

if TYPE_CHECKING:
    import pandas as pd

MAX_PLAN_ROWS_SHOWN = 20

_INTEGER_COLUMNS = ("row", "vat_minor", "amount_minor", *PlanRow._fields[-5:-1])
_ROW_SCHEMA = pa.schema(
    [
        (
            name,
            pa.bool_()
            if name == "duplicate"
            else pa.int64()
            if name in _INTEGER_COLUMNS
            else pa.large_string(),
        )
        for name in PlanRow._fields
    ]
)
_SUMMARY_SCHEMA = pa.schema(
    [
        ("verb", pa.large_string()),
        ("msn", pa.large_string()),
        ("currency", pa.large_string()),
        ("reason", pa.large_string()),
        ("rows", pa.int64()),
        ("amount_minor", pa.int64()),
    ]
)


def build_plan_summary(plan: Plan) -> pd.DataFrame:
    """Return one row per sales unit, currency and reason: number of rows, and sum in minor units."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for row in plan.rows:
        group = sums.setdefault((row.msn, row.currency, row.reason), [0, 0])
        group[0] += 1
        group[1] += row.amount_minor
    rows = [
        dict(zip(_SUMMARY_SCHEMA.names, (plan.verb, *key, *group), strict=True))
        for key, group in sorted(sums.items())
    ]
    return to_pandas(pa.Table.from_pylist(rows, schema=_SUMMARY_SCHEMA))


def build_plan_frame(plan: Plan) -> pd.DataFrame:
    """Return the plan's rows, one per payment. Amounts are in minor units."""
    rows = [row._asdict() for row in plan.rows]
    return to_pandas(pa.Table.from_pylist(rows, schema=_ROW_SCHEMA))


def build_plan_rejects(plan: Plan) -> pd.DataFrame:
    """Return the requests that are not in the plan, as a frame of `schemas.REJECTS`."""
    rows = [reject._asdict() for reject in plan.refused]
    return to_pandas(pa.Table.from_pylist(rows, schema=REJECTS.arrow_schema()))


PLAN_VIEWS = {
    "rows": build_plan_frame,
    "summary": build_plan_summary,
    "rejects": build_plan_rejects,
}
"""Name to the function that builds the frame."""


def render_plan_html(plan: Plan) -> str:
    """Render the plan as HTML: its sums, its first rows, and the refused requests."""
    sums = " and ".join(format_amount(total, currency) for currency, total in plan.totals.items())
    facts = (
        f"{escape(plan.environment)} · planned by {escape(plan.planner)} at {plan.made_at}, "
        f"expires {plan.expires_at} · digest {compute_digest(plan)[:16]}…"
    )
    return (
        f'<div style="{PAGE_STYLE}"><b style="color:{NAVY};font-size:15px">'
        f"{format_count(plan.count, plan.verb)}, {escape(sums)}</b><br>"
        f'<span style="color:{MUTED}">{facts}. No money has been moved.</span>'
        f"{_render_rows_table(plan)}{_render_rejects(plan)}</div>"
    )


def _render_rows_table(plan: Plan) -> str:
    headings = (
        "Row", "Sales unit", "Reference", "Order", "Amount", "", "Reason", "Document", "Note"
    )  # fmt: skip
    table = render_table(headings, map(_build_cells, plan.rows[:MAX_PLAN_ROWS_SHOWN]))
    more = plan.count - MAX_PLAN_ROWS_SHOWN
    remark = (
        f"… and {format_count(more, 'more row')}: plan.to_frame() has them all" if more > 0 else ""
    )
    return f'{table}<span style="color:{MUTED}">{remark}</span>'


def _build_cells(row: PlanRow) -> list[tuple[object, str]]:
    return [
        (row.row, AMOUNT_STYLE),
        (row.msn, CELL_STYLE),
        (row.reference, CELL_STYLE),
        (row.order_number or "", CELL_STYLE),
        (group_thousands(to_major(row.amount_minor, row.currency)), AMOUNT_STYLE),
        (row.currency, CELL_STYLE),
        (row.reason, CELL_STYLE),
        (row.document_ref, CELL_STYLE),
        (row.note + (" (deliberate duplicate)" if row.duplicate else ""), CELL_STYLE),
    ]


def _render_rejects(plan: Plan) -> str:
    lines = [reject.describe() for reject in plan.refused[:MAX_PLAN_ROWS_SHOWN]]
    lines += list(plan.notes)
    if not lines:
        return ""
    title = f"{format_count(len(plan.refused), 'row')} refused" if plan.refused else "Notes"
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div style="color:{MUTED}"><b>{title}</b><ul style="margin:2px 0">{items}</ul></div>'
