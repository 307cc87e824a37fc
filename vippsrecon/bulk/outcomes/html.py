"""A run as HTML for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.execution.run_result import RunResult
from vippsrecon.bulk.outcomes.follow_up import describe_outcome
from vippsrecon.bulk.outcomes.frame import (
    ControlTotal,
    compute_control_totals,
    sort_worst_first,
)
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.display.html import MAX_ROWS_SHOWN, HtmlView, Label, TableColumn, Tone
from vippsrecon.money import format_amount, format_count, group_thousands

OUTCOME_TONES: dict[str, Tone] = {
    "done": "good",
    "already_done": "good",
    "would_do": "info",
    "skipped": "low",
    "refused": "medium",
    "unknown": "high",
}
"""Outcome to its colour, as on the report's sheets."""

_RUN_TONES: tuple[Tone, Tone, Tone] = ("good", "medium", "high")
"""Tone by exit code."""

_COLUMNS = (
    TableColumn("Outcome", "code"),
    TableColumn("Row", "number"),
    TableColumn("Order"),
    TableColumn("Reference"),
    TableColumn("Amount", "number"),
    TableColumn("What became of it", "sentence"),
)

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
    changed_by_others = sum(bool(result.flags) for result in run.results)
    if changed_by_others:
        other_counts.append(
            f"{group_thousands(changed_by_others)} on a payment that somebody else changed too"
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
    results = sort_worst_first(run.results)
    view = HtmlView(run.plan.totals)
    view.add_banner(summarize_run(run), _RUN_TONES[run.exit_code])
    for total in compute_control_totals(run.plan, run.results, live=run.live):
        _add_tiles(view, total)
    view.add_sentence(_describe_people(run))
    _add_results_table(view, run.plan.verb, run.plan.rows, results, everything=".outcomes")
    return view.render()


def render_settlement(settled: Any) -> str:
    """Return a `SettleResult` as HTML for a notebook."""
    view = HtmlView(row.currency for row in settled.rows)
    view.add_banner(f"{settled.describe()}.", _RUN_TONES[settled.exit_code])
    if settled.results:
        _add_results_table(view, settled.verb, settled.rows, settled.results, everything=".results")
    view.add_code("Journal head:", f"{settled.head[0]}:{settled.head[1]}")
    return view.render()


def _add_results_table(
    view: HtmlView,
    verb: str,
    rows: Sequence[PlanRow],
    results: Sequence[RowResult],
    *,
    everything: str,
) -> None:
    by_number = {row.row: row for row in rows}
    view.add_table(
        _COLUMNS,
        (
            _build_cells(verb, by_number[result.row], result, view)
            for result in results[:MAX_ROWS_SHOWN]
        ),
        count=len(results),
        everything=everything,
    )


def _add_tiles(view: HtmlView, total: ControlTotal) -> None:
    shown = [("planned", total.planned), *total.by_outcome.items()]
    view.add_tiles(
        (name.replace("_", " "), group_thousands(rows), format_amount(minor, total.currency))
        for name, (rows, minor) in shown
        if rows or name == "planned"
    )


def _describe_people(run: RunResult) -> str:
    people = [f"planned by {run.plan.planner}"]
    people.append(f"approved by {run.approver}" if run.approver else "not approved")
    if run.head is not None:
        people.append(f"journal head {run.head[0]}:{run.head[1]}")
    return ", ".join(people)


def _build_cells(verb: str, row: PlanRow, result: RowResult, view: HtmlView) -> list[object]:
    return [
        Label(result.outcome.replace("_", " "), OUTCOME_TONES[result.outcome]),
        row.row,
        row.order_number,
        row.reference,
        view.amounts.format(row.amount_minor, row.currency),
        describe_outcome(verb, row, result),
    ]
