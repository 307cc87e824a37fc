"""`journal`: show what was planned, approved and done, and verify that no entry was changed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vippsrecon.cli.bulk.settle import resolve_plan_id, settle
from vippsrecon.cli.preview import JsonOption
from vippsrecon.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vippsrecon.bulk.outcomes.from_journal import PlanHistory, PlanOverview
    from vippsrecon.store import PlanSummary, Store, VerificationResult

MAX_JOURNAL_ROWS_LISTED = 20

app = typer.Typer(rich_markup_mode=None)

PlanNameOption = Annotated[
    str | None, typer.Option("--plan", metavar="ID", help="One plan: its id or its file.")
]


@app.callback(invoke_without_command=True)
def journal(
    context: typer.Context,
    plan: PlanNameOption = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Verify every entry of the hash chain. Exit code 1 if it is broken."
        ),
    ] = False,
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            metavar="SEQ:HASH",
            help="The journal head you saved elsewhere, to compare with.",
        ),
    ] = None,
    backup: Annotated[
        Path | None,
        typer.Option(
            "--backup",
            metavar="FILE.db",
            help="Copy the whole workspace database into one new file (SQLite).",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE.xlsx", help="Write the journal as a workbook for the auditor."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what was planned, approved and done. Reads the workspace database; makes no calls.

    --verify finds every entry that was changed, removed or replaced, a whole plan that was
    removed, and caps that do not follow from the journal. Only a journal head saved elsewhere
    shows that the end of a plan, or the last plan, was cut off, or that the whole journal was
    rewritten: give it with --head.

    \b
    Example:
      vippsrecon journal
      vippsrecon journal --verify
      vippsrecon journal --plan plan.json --verify --head 80:9f86d081…
      vippsrecon journal --backup backup-2026-01-31.db
      vippsrecon journal --out journal.xlsx
      vippsrecon journal settle plan.json
    """
    if context.invoked_subcommand is not None:
        return
    from vippsrecon.config.load import load_settings
    from vippsrecon.store import back_up, open_store

    saved_head = _parse_head(head)
    if saved_head is not None and not verify:
        raise typer.BadParameter("--head needs --verify.")
    settings = load_settings(offline=True)
    plan_id = None if plan is None else resolve_plan_id(plan)
    with open_store(settings.database_url, create=False) as store:
        if backup is not None:
            copy = printable(str(back_up(store, backup)))
            print(f"wrote {copy}", file=sys.stderr if json else sys.stdout)
            if not verify and out is None:
                raise typer.Exit(0)
        if verify:
            code = _verify_plans(store, plan_id, saved_head, json)
        else:
            code = _show_plans(store, plan_id, json)
        if out is not None:
            from vippsrecon.bulk.outcomes.audit_workbook import write_extract

            chosen = () if plan_id is None else (plan_id,)
            write_extract(store, out, plan_ids=chosen, units=settings.units)
            if not json:
                print(f"wrote {printable(str(out))}")
            code = max(code, _report_broken_chains(store, chosen))
    raise typer.Exit(code)


app.command()(settle)


def _report_broken_chains(store: Store, chosen: Sequence[str]) -> int:
    """Print each extracted plan whose hash chain is broken; return 1 if there is one, else 0."""
    from vippsrecon.cli.errors import print_error
    from vippsrecon.store import list_plan_ids, verify_journal

    broken = [
        plan_id
        for plan_id in chosen or list_plan_ids(store)
        if not verify_journal(store, plan_id).ok
    ]
    for plan_id in broken:
        print_error(f"The journal of plan {plan_id} was modified. The sheet Control shows where.")
    return int(bool(broken))


def _parse_head(head: str | None) -> tuple[int, str] | None:
    import re

    if head is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,17}):([0-9a-f]{64})", head.strip())
    if match is None:
        raise typer.BadParameter(
            f"{head!r} is not a journal head. Expected SEQ:HASH, where HASH is 64 hexadecimal digits, "
            "as printed at the end of a run."
        )
    return int(match[1]), match[2]


def _verify_plans(
    store: Store, plan_id: str | None, head: tuple[int, str] | None, json: bool
) -> int:
    from vippsrecon.cli import output
    from vippsrecon.store import (
        find_plan_of_head,
        list_plan_ids,
        verify_database,
        verify_journal,
    )

    faults = verify_database(store)
    head_plan_id = plan_id
    if plan_id is None:
        ids = list_plan_ids(store)
        if head is not None:
            head_plan_id = find_plan_of_head(store, head)
        if head is not None and head_plan_id is None:
            raise typer.BadParameter(
                f"No plan here has an entry {head[0]} with the hash of this head. The plan or its end "
                "was removed, its chain was rewritten, or the head is of another database. Name its "
                "plan with --plan to see which."
            )
    else:
        ids = [_require_known_plan(store, plan_id)]
    verdicts = {
        checked_id: verify_journal(store, checked_id, head if checked_id == head_plan_id else None)
        for checked_id in ids
    }
    if json:
        plans = [_build_verdict_json(*item) for item in verdicts.items()]
        print(
            output.format_json({"plans": plans, "database": {"ok": not faults, "faults": faults}})
        )
    else:
        print("\n".join(_format_verdicts(verdicts, head_plan_id if head else None, faults)))
    return int(bool(faults) or not all(verdict.ok for verdict in verdicts.values()))


def _format_verdicts(
    verdicts: Mapping[str, VerificationResult], head_plan_id: str | None, faults: Sequence[str]
) -> Iterator[str]:
    from vippsrecon.money import format_count

    for checked_id, verdict in verdicts.items():
        entries = format_count(verdict.rows, "entry", "entries")
        state = f"intact, {entries}" if verdict.ok else f"BROKEN: {verdict.fault}"
        yield f"{checked_id}: {state}"
        if verdict.ok:
            yield f"  first hash  {verdict.first_hash}"
            yield f"  head        {verdict.rows}:{verdict.last_hash}"
        if verdict.ok and checked_id == head_plan_id:
            yield "  The saved head is an entry of this plan, and the chain up to it is unchanged."
    if not verdicts:
        yield "No plan is registered in this database yet."
    for fault in faults:
        yield f"database: BROKEN: {fault}"
    if not faults:
        yield "database: intact: no plan is missing, caps and reservations follow from the journal"


def _require_known_plan(store: Store, plan_id: str) -> str:
    from vippsrecon.store import read_head

    read_head(store, plan_id)  # raises where the plan is not registered in this database
    return plan_id


def _build_verdict_json(plan_id: str, verdict: VerificationResult) -> dict[str, Any]:
    return {
        "plan_id": plan_id,
        "ok": verdict.ok,
        "entries": verdict.rows,
        "first_hash": verdict.first_hash,
        "last_hash": verdict.last_hash,
        "head": f"{verdict.rows}:{verdict.last_hash}" if verdict.ok else None,
        "fault": verdict.fault,
        "at_seq": verdict.at_seq,
    }


def _show_plans(store: Store, plan_id: str | None, json: bool) -> int:
    from vippsrecon.bulk.outcomes.from_journal import (
        PlanHistory,
        list_plan_overviews,
        read_plan_history,
    )
    from vippsrecon.cli import output
    from vippsrecon.store import list_plans

    plans: list[tuple[PlanSummary, PlanHistory | PlanOverview]]
    if plan_id is None:
        plans = [(overview.known, overview) for overview in list_plan_overviews(store)]
    else:
        _require_known_plan(store, plan_id)
        summary = next(plan for plan in list_plans(store) if plan.plan_id == plan_id)
        plans = [(summary, read_plan_history(store, plan_id))]
    if json:
        content: dict[str, Any] = {"plans": [_build_journal_plan_json(*pair) for pair in plans]}
        if plan_id is not None:
            content["entries"] = _build_entries_json(store, plan_id)
        print(output.format_json(content))
    else:
        for summary, history in plans:
            print("\n".join(_format_journal_plan(summary, history)))
            if isinstance(history, PlanHistory):
                print("\n".join(_format_plan_details(history)))
        if not plans:
            print("No plan is registered in this database yet. vippsrecon approve registers one.")
    return 0


def _build_journal_plan_json(
    summary: PlanSummary, history: PlanHistory | PlanOverview
) -> dict[str, Any]:
    from vippsrecon.cli.bulk.carry_out import format_head

    return {
        "plan_id": summary.plan_id,
        "verb": summary.verb,
        "environment": summary.environment,
        "digest": summary.digest,
        "planner": summary.planner,
        "seen_at": summary.seen_at,
        "rows": history.count,
        "totals": history.totals,
        "counts": history.counts,
        "approver": history.approver or None,
        "carrier": history.carrier or None,
        "held_by": summary.holder,
        "stopped": history.stopped or None,
        "entries": summary.entries,
        "first_hash": history.first_hash,
        "head": format_head(history.head),
    }


def _build_entries_json(store: Store, plan_id: str) -> list[dict[str, Any]]:
    from vippsrecon.store import read_entries

    return [
        {**entry._asdict(), "detail": entry.parse_detail()}
        for entry in read_entries(store, plan_id)
    ]


def _format_journal_plan(
    summary: PlanSummary, history: PlanHistory | PlanOverview
) -> Iterator[str]:
    from vippsrecon.cli.bulk.carry_out import format_head
    from vippsrecon.money import format_amount, format_count, group_thousands

    sums = ", ".join(format_amount(total, currency) for currency, total in history.totals.items())
    counts = [
        f"{group_thousands(number)} {name.replace('_', ' ')}"
        for name, number in history.counts.items()
        if number
    ]
    yield f"{summary.plan_id}  {summary.verb}, {summary.environment}, registered {summary.seen_at}, by {summary.planner}"
    never_started = history.not_begun == history.count
    state = "not carried out" if never_started else ", ".join(counts)
    yield f"  {format_count(history.count, summary.verb)}, {sums}: {state}"
    if history.approver:
        yield f"  approved by {history.approver}"
    if summary.holder:
        yield f"  being carried out by {summary.holder}, last active {summary.heartbeat_at}"
    yield f"  head {format_head(history.head)}"


def _format_plan_details(history: PlanHistory) -> Iterator[str]:
    from vippsrecon.bulk.outcomes.follow_up import describe_outcome
    from vippsrecon.bulk.outcomes.frame import sort_worst_first
    from vippsrecon.money import format_count, group_thousands

    yield f"  first hash {history.first_hash}"
    if history.stopped:
        yield f"  the last run stopped: {history.stopped}"
    if history.not_begun and history.not_begun < history.count:
        yield f"  {format_count(history.not_begun, 'row')} never started, counted as skipped"
    not_done = sort_worst_first(
        row.result
        for row in history.rows.values()
        if row.result.outcome in ("unknown", "refused", "skipped")
    )
    for result in not_done[:MAX_JOURNAL_ROWS_LISTED]:
        planned = history.rows[result.row].planned
        sentence = describe_outcome(history.verb, planned, result)
        yield f"  {result.outcome:<8} row {result.row}, {planned.reference}: {sentence}"
    if len(not_done) > MAX_JOURNAL_ROWS_LISTED:
        yield f"  and {group_thousands(len(not_done) - MAX_JOURNAL_ROWS_LISTED)} more; --out or --json lists them"
