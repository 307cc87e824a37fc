"""`journal`: what was planned, approved and done, and whether it still holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vippsrecon.cli.preview import JsonOption
from vippsrecon.cli.settle import resolve_plan_id, settle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vippsrecon.bulk.outcomes.from_journal import PlanHistory, PlanOverview
    from vippsrecon.store import PlanSummary, Store, VerificationResult

MAX_JOURNAL_ROWS_LISTED = 20

app = typer.Typer(rich_markup_mode=None)

PlanNameOption = Annotated[
    str | None, typer.Option("--plan", metavar="ID", help="One plan: its id, or its file.")
]


@app.callback(invoke_without_command=True)
def journal(
    context: typer.Context,
    plan: PlanNameOption = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every entry of the chain. 1 when it breaks.")
    ] = False,
    head: Annotated[
        str | None,
        typer.Option(
            "--head", metavar="SEQ:HASH", help="The head kept elsewhere, to be checked against."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.xlsx", help="The journal as the auditor's workbook."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what was planned, approved and done. Reads the workspace database, asks nobody.

    --verify finds every entry that was changed, removed or exchanged. A tail that was cut off,
    or a chain written anew as a whole, shows only against a head kept elsewhere: give it with
    --head.

    \b
    Example:
      vippsrecon journal
      vippsrecon journal --plan plan.json --verify --head 80:9f86d081…
      vippsrecon journal --out journal.xlsx
      vippsrecon journal settle plan.json
    """
    if context.invoked_subcommand is not None:
        return
    from vippsrecon.config.settings import load_settings
    from vippsrecon.store import open_store

    kept_head = _parse_head(head)
    if kept_head is not None and not (verify and plan):
        raise typer.BadParameter("--head belongs to --verify and one --plan")
    settings = load_settings(offline=True)
    plan_id = None if plan is None else resolve_plan_id(plan)
    with open_store(settings.database_url, create=False) as store:
        if verify:
            code = _verify_plans(store, plan_id, kept_head, json)
        else:
            code = _show_plans(store, plan_id, json)
        if out is not None:
            from vippsrecon.bulk.outcomes.audit_workbook import write_extract

            chosen = () if plan_id is None else (plan_id,)
            write_extract(store, out, plan_ids=chosen, units=settings.units)
            if not json:
                print(f"wrote {out}")
            code = max(code, _report_broken_chains(store, chosen))
    raise typer.Exit(code)


app.command()(settle)


def _report_broken_chains(store: Store, chosen: Sequence[str]) -> int:
    """Return 1, and say so, where a chain that was extracted does not hold."""
    from vippsrecon.cli.errors import print_error
    from vippsrecon.store import list_plan_ids, verify_journal

    broken = [one for one in chosen or list_plan_ids(store) if not verify_journal(store, one).ok]
    for one in broken:
        print_error(f"the journal of plan {one} does not hold: the sheet Control says where")
    return int(bool(broken))


def _parse_head(head: str | None) -> tuple[int, str] | None:
    import re

    if head is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,17}):([0-9a-f]{64})", head.strip())
    if match is None:
        raise typer.BadParameter(
            f"{head!r} is no head as a run prints it: a number, a colon, 64 hexadecimal digits"
        )
    return int(match[1]), match[2]


def _verify_plans(
    store: Store, plan_id: str | None, head: tuple[int, str] | None, json: bool
) -> int:
    from vippsrecon.cli import output
    from vippsrecon.money import format_count
    from vippsrecon.store import list_plan_ids, list_plans, verify_journal

    if plan_id is None:
        # As they were seen; then those whose first entry is missing, which is a fault.
        ids = list(
            dict.fromkeys([*(one.plan_id for one in list_plans(store)), *list_plan_ids(store)])
        )
    else:
        ids = [_require_known_plan(store, plan_id)]
    verdicts = {one: verify_journal(store, one, head) for one in ids}
    if json:
        print(
            output.format_json({"plans": [_build_verdict_json(*one) for one in verdicts.items()]})
        )
    else:
        for one, verdict in verdicts.items():
            entries = format_count(verdict.rows, "entry", "entries")
            said = f"holds, {entries}" if verdict.ok else f"BROKEN: {verdict.fault}"
            print(f"{one}: {said}")
            if verdict.ok:
                print(f"  first hash  {verdict.first_hash}")
                print(f"  head        {verdict.rows}:{verdict.last_hash}")
        if not ids:
            print("no plan is known here yet")
    return int(not all(verdict.ok for verdict in verdicts.values()))


def _require_known_plan(store: Store, plan_id: str) -> str:
    from vippsrecon.store import read_head

    read_head(store, plan_id)  # refuses a plan that is not known here
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

    told: list[tuple[PlanSummary, PlanHistory | PlanOverview]]
    if plan_id is None:
        told = [(one.known, one) for one in list_plan_overviews(store)]
    else:
        _require_known_plan(store, plan_id)
        known = next(one for one in list_plans(store) if one.plan_id == plan_id)
        told = [(known, read_plan_history(store, plan_id))]
    if json:
        said: dict[str, Any] = {"plans": [_build_journal_plan_json(*one) for one in told]}
        if plan_id is not None:
            said["entries"] = _build_entries_json(store, plan_id)
        print(output.format_json(said))
    else:
        for one in told:
            print("\n".join(_format_journal_plan(*one)))
            if isinstance(one[1], PlanHistory):
                print("\n".join(_format_plan_details(one[1])))
        if not told:
            print("no plan is known here yet: vippsrecon approve registers one")
    return 0


def _build_journal_plan_json(one: PlanSummary, known: PlanHistory | PlanOverview) -> dict[str, Any]:
    from vippsrecon.cli.carry_out import format_head

    return {
        "plan_id": one.plan_id,
        "verb": one.verb,
        "environment": one.environment,
        "digest": one.digest,
        "planner": one.planner,
        "seen_at": one.seen_at,
        "rows": known.count,
        "totals": known.totals,
        "counts": known.counts,
        "approver": known.approver or None,
        "carrier": known.carrier or None,
        "held_by": one.holder,
        "stopped": known.stopped or None,
        "entries": one.entries,
        "first_hash": known.first_hash,
        "head": format_head(known.head),
    }


def _build_entries_json(store: Store, plan_id: str) -> list[dict[str, Any]]:
    from vippsrecon.store import read_entries

    return [{**entry._asdict(), "detail": entry.said()} for entry in read_entries(store, plan_id)]


def _format_journal_plan(one: PlanSummary, known: PlanHistory | PlanOverview) -> Iterator[str]:
    from vippsrecon.cli.carry_out import format_head
    from vippsrecon.money import format_amount, format_count, group_thousands

    sums = ", ".join(format_amount(total, currency) for currency, total in known.totals.items())
    counts = [
        f"{group_thousands(number)} {name.replace('_', ' ')}"
        for name, number in known.counts.items()
        if number
    ]
    yield f"{one.plan_id}  {one.verb}, {one.environment}, seen {one.seen_at}, by {one.planner}"
    never = known.not_begun == known.count
    said = "not carried out" if never else ", ".join(counts)
    yield f"  {format_count(known.count, one.verb)}, {sums}: {said}"
    if known.approver:
        yield f"  approved by {known.approver}"
    if one.holder:
        yield f"  held by {one.holder}, last heard of {one.heartbeat_at}"
    yield f"  head {format_head(known.head)}"


def _format_plan_details(known: PlanHistory) -> Iterator[str]:
    from vippsrecon.bulk.outcomes.follow_up import describe_outcome
    from vippsrecon.bulk.outcomes.frame import sort_worst_first
    from vippsrecon.money import format_count, group_thousands

    yield f"  first hash {known.first_hash}"
    if known.stopped:
        yield f"  the last run stopped: {known.stopped}"
    if known.not_begun and known.not_begun < known.count:
        yield f"  {format_count(known.not_begun, 'row')} never begun, counted as skipped"
    rest = sort_worst_first(
        row.result
        for row in known.rows.values()
        if row.result.outcome in ("unknown", "refused", "skipped")
    )
    for result in rest[:MAX_JOURNAL_ROWS_LISTED]:
        planned = known.rows[result.row].planned
        said = describe_outcome(known.verb, planned, result)
        yield f"  {result.outcome:<8} row {result.row}, {planned.reference}: {said}"
    if len(rest) > MAX_JOURNAL_ROWS_LISTED:
        yield f"  and {group_thousands(len(rest) - MAX_JOURNAL_ROWS_LISTED)} more; --out or --json lists them"
