"""A run as HTML for a notebook. All text from outside the package is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from zoneinfo import ZoneInfo

from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.execution.run_result import RunResult
from vippsrecon.bulk.outcomes.follow_up import describe_outcome
from vippsrecon.bulk.outcomes.frame import (
    ControlTotal,
    compute_control_totals,
    sort_worst_first,
)
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.display.views import AMOUNT_STYLE, CELL_STYLE, PAGE_STYLE, TILE_STYLE, render_table
from vippsrecon.money import format_amount, format_count, group_thousands, to_major
from vippsrecon.spreadsheet.formats import MUTED, NAVY, VERDICT_COLOURS

MAX_RESULTS_SHOWN = 10

OUTCOME_COLOURS = {
    "done": VERDICT_COLOURS["clean"],
    "already_done": VERDICT_COLOURS["clean"],
    "would_do": ("#E6EBF0", "#46525E"),
    "skipped": ("#FBF3D0", "#5F5200"),
    "refused": VERDICT_COLOURS["discrepancies"],
    "unknown": VERDICT_COLOURS["incomplete"],
}
"""Fill and text colour for each outcome, as on the report's sheets."""

_NOT_DONE = ("unknown", "refused", "skipped")


def summarize_run(run: RunResult) -> str:
    """Summarize a run in one sentence."""
    if run.stopped:
        return f"Stopped before its end: {run.stopped}"
    counts, planned = run.counts, format_count(run.plan.count, run.plan.verb)
    other_counts = [
        f"{group_thousands(counts[name])} {name}" for name in _NOT_DONE if counts.get(name)
    ]
    finished = counts.get("done", 0) + counts["already_done"]
    if len(run.earlier) == run.plan.count:
        count_text = {1: "it was", 2: "both were"}.get(
            finished, f"all {group_thousands(finished)} were"
        )
        rows_text = f"{count_text} done" if not other_counts else "every row ended"
        other_counts = [f"{group_thousands(finished)} done", *other_counts] if other_counts else []
        return ", ".join(
            [f"Nothing was sent: {rows_text} {_describe_earlier_days(run)}", *other_counts]
        )
    if not run.live:
        would_be_sent = f"{group_thousands(counts['would_do'])} of {planned} would be sent"
        return f"Dry run: {', '.join([would_be_sent, *other_counts])}. Nothing was sent"
    beside = sum(bool(result.flags) for result in run.results)
    if beside:
        other_counts.append(
            f"{group_thousands(beside)} on a payment that somebody else changed too"
        )
    if run.earlier:
        other_counts.append(f"{group_thousands(len(run.earlier))} of them in an earlier run")
    if finished == run.plan.count:
        return ", ".join([f"Done: {planned}", *other_counts])
    return f"{group_thousands(finished)} of {planned} done, {', '.join(other_counts)}"


def _describe_earlier_days(run: RunResult) -> str:
    """Return on which local days the rows of earlier runs ended, such as "on 2026-01-31"."""
    zone = ZoneInfo(run.units[0].zone if run.units else "UTC")
    first, last = (
        parse_timestamp(at).astimezone(zone).date().isoformat()
        for at in (run.earlier[0], run.earlier[-1])
    )
    return f"on {first}" if first == last else f"from {first} to {last}"


def render_run(run: RunResult) -> str:
    """Return a run as HTML for a notebook: summary, control totals, the rows to check first."""
    totals = compute_control_totals(run.plan, run.results, live=run.live)
    results = sort_worst_first(run.results)
    verdict = ("clean", "discrepancies", "incomplete")[run.exit_code]
    fill, ink = VERDICT_COLOURS[verdict]
    return (
        f'<div style="{PAGE_STYLE}">'
        f'<div style="background:{fill};color:{ink};padding:8px 14px;border-radius:6px;'
        f'font-weight:bold;margin-bottom:8px">{escape(summarize_run(run))}</div>'
        f"{''.join(_render_tiles(total) for total in totals)}"
        f'<div style="color:{MUTED}">{escape(_describe_people(run))}</div></div>'
        f"{_render_results_table(run, results[:MAX_RESULTS_SHOWN])}{_render_remainder(len(results) - MAX_RESULTS_SHOWN)}"
    )


def _render_tiles(total: ControlTotal) -> str:
    shown = [("planned", total.planned), *total.by_outcome.items()]
    tiles = "".join(
        f'<div style="{TILE_STYLE}"><div style="color:{MUTED};font-size:11px">'
        f"{escape(name.replace('_', ' '))}</div>"
        f'<div style="color:{NAVY};font-size:16px;font-weight:bold">{group_thousands(rows)}</div>'
        f'<div style="white-space:nowrap">{escape(format_amount(minor, total.currency))}</div></div>'
        for name, (rows, minor) in shown
        if rows or name == "planned"
    )
    return f'<div style="display:flex;flex-wrap:wrap">{tiles}</div>'


def _describe_people(run: RunResult) -> str:
    people = [f"planned by {run.plan.planner}"]
    people.append(f"approved by {run.approver}" if run.approver else "not approved")
    if run.head is not None:
        people.append(f"journal head {run.head[0]}:{run.head[1]}")
    return ", ".join(people)


def _render_results_table(run: RunResult, results: Sequence[RowResult]) -> str:
    headings = ("Outcome", "Row", "Order", "Reference", "Amount", "What became of it")
    return render_table(headings, (_build_cells(run, result) for result in results))


def _build_cells(run: RunResult, result: RowResult) -> list[tuple[object, str]]:
    row = run.plan.rows[result.row - 1]
    fill, ink = OUTCOME_COLOURS[result.outcome]
    amount = f"{group_thousands(to_major(row.amount_minor, row.currency))} {row.currency}"
    return [
        (
            result.outcome.replace("_", " "),
            f"{CELL_STYLE};background:{fill};color:{ink};white-space:nowrap",
        ),
        (row.row, AMOUNT_STYLE),
        (row.order_number, CELL_STYLE),
        (row.reference, CELL_STYLE),
        (amount, AMOUNT_STYLE),
        (describe_outcome(run.plan.verb, row, result), CELL_STYLE),
    ]


def _render_remainder(left_out: int) -> str:
    if left_out <= 0:
        return ""
    return (
        f'<div style="{PAGE_STYLE};color:{MUTED}">and {group_thousands(left_out)} more, in '
        "<code>.outcomes</code></div>"
    )
