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
from vippsrecon.bulk.wording import count_operations, describe_card_refunds
from vippsrecon.display.html import MAX_ROWS_SHOWN, HtmlView, Label, TableColumn, Tone
from vippsrecon.texts import (
    format_spaced_money,
    format_spaced_number,
    in_language_of_result,
    say,
    say_number,
)

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

_NOT_DONE = ("unknown", "refused", "skipped")


def summarize_run(run: RunResult) -> str:
    """Summarize a run in one sentence."""
    if run.stopped:
        return say("run.stopped", reason=run.stopped)
    counts, planned = run.counts, count_operations(run.plan.verb, run.plan.count)
    other_counts = [
        say_number(f"outcome_counts.{name}", counts[name]) for name in _NOT_DONE if counts.get(name)
    ]
    finished = counts.get("done", 0) + counts["already_done"]
    if len(run.earlier) == run.plan.count:
        days = _describe_earlier_days(run)
        if not other_counts:
            key = {1: "one_done_before", 2: "both_done_before"}.get(finished, "all_done_before")
            return say(f"run.{key}", number=format_spaced_number(finished), days=days)
        other_counts = [say_number("outcome_counts.done", finished), *other_counts]
        return ", ".join([say("run.all_ended_before", days=days), *other_counts])
    if not run.live:
        would = format_spaced_number(counts["would_do"])
        would_be_sent = say("run.would_be_sent", would=would, planned=planned)
        return say("run.dry", counts=", ".join([would_be_sent, *other_counts]))
    changed_by_others = sum(bool(result.flags) for result in run.results)
    if changed_by_others:
        other_counts.append(say_number("run.changed_by_others", changed_by_others))
    if run.earlier:
        other_counts.append(say_number("run.in_earlier_run", len(run.earlier)))
    if finished == run.plan.count:
        return ", ".join([say("run.all_done", planned=planned), *other_counts])
    return say(
        "run.some_done",
        finished=format_spaced_number(finished),
        planned=planned,
        counts=", ".join(other_counts),
    )


def _describe_earlier_days(run: RunResult) -> str:
    """Return on which local days the rows of earlier runs ended, such as "on 2026-01-31"."""
    zone = ZoneInfo(run.units[0].zone if run.units else "UTC")
    first, last = (
        parse_timestamp(at).astimezone(zone).date().isoformat()
        for at in (run.earlier[0], run.earlier[-1])
    )
    if first == last:
        return say("run.on_day", day=first)
    return say("run.on_days", first=first, last=last)


@in_language_of_result
def render_run(run: RunResult) -> str:
    """Return a run as HTML for a notebook: summary, control totals, the rows to check first."""
    results = sort_worst_first(run.results)
    view = HtmlView(run.plan.totals)
    view.add_banner(summarize_run(run), _RUN_TONES[run.exit_code])
    for total in compute_control_totals(run.plan, run.results, live=run.live):
        _add_tiles(view, total)
    view.add_sentence(_describe_people(run))
    if card_notice := describe_card_refunds(run.plan.verb, run.plan.totals):
        view.add_sentence(card_notice)
    _add_results_table(view, run.plan.verb, run.plan.rows, results, everything=".outcomes")
    return view.render()


@in_language_of_result
def render_settlement(settled: Any) -> str:
    """Return a `SettleResult` as HTML for a notebook."""
    view = HtmlView(row.currency for row in settled.rows)
    view.add_banner(f"{settled.describe()}.", _RUN_TONES[settled.exit_code])
    if settled.results:
        _add_results_table(view, settled.verb, settled.rows, settled.results, everything=".results")
    view.add_code(say("run.journal_head_label"), f"{settled.head[0]}:{settled.head[1]}")
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
        _list_columns(),
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
        (
            say(f"outcomes.{name}"),
            format_spaced_number(rows),
            format_spaced_money(minor, total.currency),
        )
        for name, (rows, minor) in shown
        if rows or name == "planned"
    )


def _describe_people(run: RunResult) -> str:
    people = [say("run.planned_by", name=run.plan.planner)]
    people.append(
        say("run.approved_by", name=run.approver) if run.approver else say("run.not_approved")
    )
    if run.head is not None:
        people.append(say("run.journal_head", head=f"{run.head[0]}:{run.head[1]}"))
    return ", ".join(people)


def _list_columns() -> list[TableColumn]:
    return [
        TableColumn(say("table.outcome"), "code"),
        TableColumn(say("plan.row"), "number"),
        TableColumn(say("table.order")),
        TableColumn(say("table.reference")),
        TableColumn(say("table.amount"), "number"),
        TableColumn(say("run.what_became"), "sentence"),
    ]


def _build_cells(verb: str, row: PlanRow, result: RowResult, view: HtmlView) -> list[object]:
    return [
        Label(say(f"outcomes.{result.outcome}"), OUTCOME_TONES[result.outcome]),
        row.row,
        row.order_number,
        row.reference,
        view.amounts.format(row.amount_minor, row.currency),
        describe_outcome(verb, row, result),
    ]
