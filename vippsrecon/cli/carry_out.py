"""`carry-out`: what a plan would do, and, said so explicitly, doing it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vippsrecon.cli.preview import JsonOption

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vippsrecon.bulk.execution.run_result import RunResult
    from vippsrecon.bulk.plan.model import Plan
    from vippsrecon.ledger.balances import Balance

MAX_RESULTS_LISTED = 20


def carry_out(
    plan_file: Annotated[
        Path, typer.Argument(metavar="plan.json", help="The plan, as it was written.")
    ],
    live: Annotated[
        bool, typer.Option("--live", help="Move money. Without it, nothing is sent.")
    ] = False,
    confirm: Annotated[
        list[str] | None,
        typer.Option(
            "--confirm",
            metavar='"1234.50 NOK"',
            help="The plan's sum, for --live; once for each currency. Asked for at a terminal.",
        ),
    ] = None,
    in_flight: Annotated[
        int | None,
        typer.Option("--in-flight", min=1, max=256, help="Payments under way at once."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="outcomes.xlsx", help="The outcomes as a workbook."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Carry out a plan: dry by default, which reads every payment and sends nothing.

    With --live the approved plan is carried out, each operation once. Stopped and started again,
    the same command goes on where it stopped. Exit code 0: all done; 1: some row is not; 2: the
    run stopped before its end, or did not begin.

    \b
    Example:
      vippsrecon carry-out plan.json
      vippsrecon carry-out plan.json --live --confirm "1234.50 NOK" --out outcomes.xlsx
    """
    from vippsrecon.api import Client
    from vippsrecon.bulk.execution.carry_out import DEFAULT_IN_FLIGHT
    from vippsrecon.bulk.execution.carry_out import carry_out as carry
    from vippsrecon.bulk.execution.preconditions import check_plan_matches_settings
    from vippsrecon.bulk.outcomes.workbook import write_outcomes
    from vippsrecon.bulk.plan.model import read_plan
    from vippsrecon.cli import output
    from vippsrecon.config.load import load_settings
    from vippsrecon.ledger.balances import fetch_balances

    if out is not None:
        _refuse_output_path(out, plan_file)
    plan = read_plan(plan_file)
    settings = load_settings()
    check_plan_matches_settings(plan, settings)  # before a key is shown to anybody
    with Client(settings) as client:
        held = fetch_balances(client, plan.msns) if plan.verb == "refund" else ()
        if not json:
            print("\n".join(_format_run_head(plan, held)), flush=True)
        if live and not confirm and sys.stdin.isatty():
            confirm = _prompt_for_sums(plan)
        carried = carry(
            plan,
            client,
            live=live,
            confirm=confirm,
            in_flight=in_flight or DEFAULT_IN_FLIGHT,
            progress=not json and sys.stderr.isatty(),
        )
    if json:
        print(output.format_json(_build_run_json(carried, held, out)), flush=True)
    else:
        print("\n".join(_format_run(carried, plan_file)), flush=True)
    # Last: a workbook that cannot be written must not hide what was done.
    if out is not None:
        write_outcomes(carried, out)
        if not json:
            print(f"outcomes  {out}")
    raise typer.Exit(carried.exit_code)


def _refuse_output_path(out: Path, plan_file: Path) -> None:
    """Refuse places that cannot be meant before money is moved."""
    from vippsrecon.errors import OutputError
    from vippsrecon.spreadsheet.sheets import refuse_workbook_name

    refuse_workbook_name(out)
    if out.resolve() == plan_file.resolve():
        raise OutputError(f"{out} is the plan itself. Name another file for the outcomes.")
    if out.is_dir():
        raise OutputError(f"{out} is a folder. Name the workbook, such as {out / 'outcomes.xlsx'}.")
    if not out.parent.is_dir():
        raise OutputError(f"Cannot write {out.name}: the folder {out.parent} does not exist.")


def _prompt_for_sums(plan: Plan) -> list[str]:
    """Let a person at a terminal repeat the sums; what is typed is compared, not this."""
    from vippsrecon.money import format_amount, format_count

    what = f"{format_count(plan.count, plan.verb)} in {plan.environment}"
    print(f"{what}: type the sum of each currency to continue", file=sys.stderr)
    said = []
    for currency, total in plan.totals.items():
        typed = typer.prompt(f"  {format_amount(total, currency)}", err=True, prompt_suffix=" ? ")
        said.append(typed if typed.upper().endswith(currency) else f"{typed} {currency}")
    return said


def _format_run_head(plan: Plan, held: Sequence[Balance]) -> Iterator[str]:
    from vippsrecon.bulk.approval.approve import summarize_plan
    from vippsrecon.bulk.plan.model import compute_digest
    from vippsrecon.money import format_amount

    yield f"{summarize_plan(plan)}, in {plan.environment}, planned by {plan.planner}"
    yield f"plan      {plan.plan_id}"
    yield f"digest    {compute_digest(plan)}"
    for one in held:
        planned = sum(
            row.amount_minor
            for row in plan.rows
            if row.currency == one.currency and (not one.msns or row.msn in one.msns)
        )
        line = (
            f"ledger    {one.ledger_id} held {format_amount(one.balance_minor, one.currency)} on "
            f"{one.ledger_date}; the plan comes to {format_amount(planned, one.currency)}"
        )
        yield line + (", which is more" if planned > one.balance_minor else "")


def _format_run(carried: RunResult, plan_file: Path) -> Iterator[str]:
    """Return what a run prints at its end, for people."""
    from vippsrecon.bulk.outcomes.frame import compute_control_totals, sort_worst_first
    from vippsrecon.bulk.outcomes.html import summarize_run
    from vippsrecon.money import group_thousands

    yield ""
    yield summarize_run(carried)
    yield from _format_control_totals(
        compute_control_totals(carried.plan, carried.results, live=carried.live)
    )
    rest = [
        result
        for result in sort_worst_first(carried.results)
        if result.outcome in ("unknown", "refused", "skipped")
    ]
    yield from format_results(carried, rest[:MAX_RESULTS_LISTED])
    if len(rest) > MAX_RESULTS_LISTED:
        yield f"  and {group_thousands(len(rest) - MAX_RESULTS_LISTED)} more; --out or --json lists them"
    if carried.approver or carried.unapproved:
        yield f"approved  {carried.approver or carried.unapproved}"
    else:
        yield f"Not approved yet. Run: vippsrecon approve {plan_file}"
    if carried.live and carried.head is not None:
        yield f"head      {format_head(carried.head)}"
        yield "          Save this head outside the database. It is the only way to detect that"
        yield "          the end of the journal was cut off or that the whole journal was rewritten."
        if carried.stopped or carried.counts["unknown"]:
            yield "next      Run the same command again. It resolves open rows, processes the"
            yield "          remaining rows and repeats nothing."
    elif not carried.live:
        more = " To carry out the plan, add --live." if carried.approver else ""
        yield f"Nothing was sent: this was a dry run.{more}"


def _format_control_totals(totals: Sequence[Any]) -> Iterator[str]:
    """Return the control total: rows and sums of each currency, which add up to the plan's."""
    from vippsrecon.cli import output
    from vippsrecon.money import group_thousands

    for total in totals:
        shown = [("planned", total.planned), *total.by_outcome.items()]
        width = max(
            len(output.format_major_amount(minor, total.currency)) for _, (_, minor) in shown
        )
        for name, (rows, minor) in shown:
            amount = output.format_major_amount(minor, total.currency)
            said = name.replace("_", " ")
            yield f"  {said:<13}{group_thousands(rows):>9}  {amount:>{width}} {total.currency}"


def format_results(carried: RunResult, results: Sequence[Any]) -> Iterator[str]:
    """Return a line for each of these results: its outcome, row, payment, and why."""
    from vippsrecon.bulk.outcomes.follow_up import describe_outcome

    for result in results:
        row = carried.plan.rows[result.row - 1]
        said = describe_outcome(carried.plan.verb, row, result)
        yield f"  {result.outcome:<8} row {row.row}, {row.reference}: {said}"


def format_head(head: tuple[int, str] | None) -> str | None:
    """Return a journal's head as it is printed and given back: SEQ:HASH."""
    return None if head is None else f"{head[0]}:{head[1]}"


def _build_run_json(
    carried: RunResult, held: Sequence[Balance], out: Path | None
) -> dict[str, Any]:
    from vippsrecon.bulk.plan.model import compute_digest
    from vippsrecon.cli import output

    return {
        "plan_id": carried.plan.plan_id,
        "digest": compute_digest(carried.plan),
        "live": carried.live,
        "outcomes": output.convert_rows_to_json(carried.outcomes),
        "counts": carried.counts,
        "totals": carried.plan.totals,
        "stopped": carried.stopped or None,
        "approver": carried.approver or None,
        "carrier": carried.carrier or None,
        "head": format_head(carried.head),
        "balances": [one._asdict() for one in held],
        "report": None if out is None else str(out),
    }
