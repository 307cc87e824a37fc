"""`carry-out`: show what a plan would do and, with --live, do it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vippsrecon.cli.errors import print_warning
from vippsrecon.cli.preview import JsonOption
from vippsrecon.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vippsrecon.bulk.execution.run_result import RunResult
    from vippsrecon.bulk.plan.model import Plan, PlanRow
    from vippsrecon.ledger.balances import Balance

MAX_RESULTS_LISTED = 20


def carry_out(
    plan_file: Annotated[
        Path, typer.Argument(metavar="plan.json", help="The plan file, unchanged.")
    ],
    live: Annotated[
        bool, typer.Option("--live", help="Move money. Without it, nothing is sent.")
    ] = False,
    confirm: Annotated[
        list[str] | None,
        typer.Option(
            "--confirm",
            metavar='"1234.50 NOK"',
            help="The plan's sum, for --live; once per currency. Without it, a terminal asks for it.",
        ),
    ] = None,
    in_flight: Annotated[
        int | None,
        typer.Option("--in-flight", min=1, max=256, help="Payments processed at the same time."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="outcomes.xlsx", help="Also write the outcomes as a workbook."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Carry out a plan. By default a dry run: it reads every payment and sends nothing.

    With --live, the approved plan is carried out, each operation once. If the run stops, the same
    command continues where it stopped. Exit code 0: all rows done; 1: some rows not done; 2: the
    run stopped early or did not start.

    \b
    Example:
      vippsrecon carry-out plan.json
      vippsrecon carry-out plan.json --live --confirm "1234.50 NOK" --out outcomes.xlsx
    """
    from vippsrecon.api import Client
    from vippsrecon.bulk.execution.carry_out import DEFAULT_IN_FLIGHT
    from vippsrecon.bulk.execution.carry_out import carry_out as run_plan
    from vippsrecon.bulk.execution.finished_plan import list_open_rows
    from vippsrecon.bulk.execution.preconditions import check_plan_matches_settings
    from vippsrecon.bulk.outcomes.workbook import write_outcomes
    from vippsrecon.bulk.plan.file import read_plan
    from vippsrecon.cli import output
    from vippsrecon.config.load import load_settings
    from vippsrecon.ledger.balances import fetch_balances
    from vippsrecon.output_files import refuse_workbook_path

    if out is not None:
        refuse_workbook_path(out, [plan_file])
    if confirm and not live:
        print_warning("Note: --confirm has no effect without --live; this is a dry run.")
    plan = read_plan(plan_file)
    settings = load_settings()
    check_plan_matches_settings(plan, settings)  # before any key is sent
    with Client(settings) as client, _note_unwritten(out):
        rows = list_open_rows(plan, client)  # from the journal; no request
        balances = fetch_balances(client, plan.msns) if plan.verb == "refund" and rows else ()
        if not json:
            print("\n".join(_format_run_head(plan, rows, balances)), flush=True)
        if live and rows and not confirm and sys.stdin.isatty():
            confirm = _prompt_for_sums(plan)
        run = run_plan(
            plan,
            client,
            live=live,
            confirm=confirm,
            in_flight=in_flight or DEFAULT_IN_FLIGHT,
            progress=not json and sys.stderr.isatty(),
        )
    # The outcomes are printed first, in case the workbook cannot be written. It is written even
    # if nothing can be printed, because the reader of the output is gone.
    try:
        if json:
            print(output.format_json(_build_run_json(run, balances, out)), flush=True)
        else:
            print("\n".join(_format_run(run, plan_file)), flush=True)
    finally:
        if out is not None:
            with _note_unwritten(out):
                write_outcomes(run, out)
    if out is not None and not json:
        print(f"outcomes  {printable(str(out))}")
    raise typer.Exit(run.exit_code)


@contextmanager
def _note_unwritten(out: Path | None) -> Iterator[None]:
    """Say after a second Ctrl-C that the outcomes were not written, and how to write them."""
    try:
        yield
    except KeyboardInterrupt as stop:
        if out is not None:
            stop.add_note(
                f"{printable(str(out))} was not written: run the same command again to write it"
            )
        raise


def _prompt_for_sums(plan: Plan) -> list[str]:
    """Ask for the sum of each currency at the terminal; `carry_out` compares what was typed."""
    from vippsrecon.money import format_amount, format_count

    operations = f"{format_count(plan.count, plan.verb)} in {plan.environment}"
    print(f"{operations}: type the sum of each currency to continue", file=sys.stderr)
    sums = []
    for currency, total in plan.totals.items():
        typed = typer.prompt(f"  {format_amount(total, currency)}", err=True, prompt_suffix=" ? ")
        sums.append(typed if typed.upper().endswith(currency) else f"{typed} {currency}")
    return sums


def _format_run_head(
    plan: Plan, open_rows: Sequence[PlanRow], balances: Sequence[Balance]
) -> Iterator[str]:
    """Return what is printed before a run; the balance only if it could be read."""
    from vippsrecon.bulk.approval.approve import summarize_plan
    from vippsrecon.bulk.plan.file import compute_digest
    from vippsrecon.money import format_amount

    yield f"{summarize_plan(plan)}, in {plan.environment}, planned by {plan.planner}"
    yield f"plan      {plan.plan_id}"
    yield f"digest    {compute_digest(plan)}"
    for balance in balances:
        planned = sum(
            row.amount_minor
            for row in open_rows
            if row.currency == balance.currency and (not balance.msns or row.msn in balance.msns)
        )
        yield (
            f"Note: your account at Vipps MobilePay (ledger {balance.ledger_id}) stood at "
            f"{format_amount(balance.balance_minor, balance.currency)} on {balance.ledger_date}; "
            f"this plan {'still ' if len(open_rows) < plan.count else ''}refunds "
            f"{format_amount(planned, balance.currency)}."
        )
        if planned > balance.balance_minor:
            yield (
                "      You can carry it out: Vipps MobilePay takes refunds from your next payout,"
            )
            yield "      and pays out again when new sales have covered the rest."


def _format_run(run: RunResult, plan_file: Path) -> Iterator[str]:
    """Return what a run prints at its end, for people."""
    from vippsrecon.bulk.outcomes.frame import compute_control_totals, sort_worst_first
    from vippsrecon.bulk.outcomes.html import summarize_run
    from vippsrecon.money import group_thousands

    yield ""
    yield summarize_run(run)
    yield from _format_control_totals(compute_control_totals(run.plan, run.results, live=run.live))
    not_done = [
        result
        for result in sort_worst_first(run.results)
        if result.outcome in ("unknown", "refused", "skipped") or result.flags
    ]
    yield from format_results(run, not_done[:MAX_RESULTS_LISTED])
    if len(not_done) > MAX_RESULTS_LISTED:
        yield f"  and {group_thousands(len(not_done) - MAX_RESULTS_LISTED)} more; --out or --json lists them"
    if run.approver or run.unapproved:
        yield f"approved  {run.approver or run.unapproved}"
    else:
        yield f"Not approved yet. Run: vippsrecon approve {printable(str(plan_file))}"
    if run.live and run.head is not None:
        yield f"head      {format_head(run.head)}  of plan {run.plan.plan_id}"
        yield "          Save this line outside the database. It is the only way to detect that the"
        yield "          end of the journal was cut off or that the whole journal was rewritten:"
        yield f"          vippsrecon journal --plan {run.plan.plan_id} \\"
        yield f"            --verify --head {format_head(run.head)}"
        if run.stopped or run.counts["unknown"]:
            yield "next      Run the same command again. It resolves open rows, processes the"
            yield "          remaining rows and repeats nothing."
    elif not run.live and not run.earlier:
        more = " To carry out the plan, add --live." if run.approver else ""
        yield f"Nothing was sent: this was a dry run.{more}"


def _format_control_totals(totals: Sequence[Any]) -> Iterator[str]:
    """Format the control totals: rows and sums per currency and outcome, which add up to the plan's."""
    from vippsrecon.cli import output
    from vippsrecon.money import group_thousands

    for total in totals:
        parts = [("planned", total.planned), *total.by_outcome.items()]
        width = max(
            len(output.format_major_amount(minor, total.currency)) for _, (_, minor) in parts
        )
        for name, (rows, minor) in parts:
            amount = output.format_major_amount(minor, total.currency)
            label = name.replace("_", " ")
            yield f"  {label:<13}{group_thousands(rows):>9}  {amount:>{width}} {total.currency}"


def format_results(run: RunResult, results: Sequence[Any]) -> Iterator[str]:
    """Format one line per result: outcome, row, payment and reason."""
    from vippsrecon.bulk.outcomes.follow_up import describe_outcome

    for result in results:
        row = run.plan.rows[result.row - 1]
        sentence = describe_outcome(run.plan.verb, row, result)
        yield f"  {result.outcome:<8} row {row.row}, {row.reference}: {sentence}"


def format_head(head: tuple[int, str] | None) -> str | None:
    """Format a journal head as SEQ:HASH, the form in which `journal --head` accepts it."""
    return None if head is None else f"{head[0]}:{head[1]}"


def _build_run_json(
    run: RunResult, balances: Sequence[Balance], out: Path | None
) -> dict[str, Any]:
    from vippsrecon.bulk.plan.file import compute_digest
    from vippsrecon.cli import output

    return {
        "plan_id": run.plan.plan_id,
        "digest": compute_digest(run.plan),
        "live": run.live,
        "outcomes": output.convert_rows_to_json(run.outcomes),
        "counts": run.counts,
        "totals": run.plan.totals,
        "earlier": len(run.earlier),
        "stopped": run.stopped or None,
        "approver": run.approver or None,
        "carrier": run.carrier or None,
        "head": format_head(run.head),
        "balances": [balance._asdict() for balance in balances],
        "report": None if out is None else str(out),
    }
