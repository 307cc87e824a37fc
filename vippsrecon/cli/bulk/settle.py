"""`journal settle`: check rows whose outcome is open again, or record a manual decision."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vippsrecon.cli.preview import JsonOption


class ManualOutcome(StrEnum):
    """The outcomes a manual decision can give a row."""

    done = "done"
    refused = "refused"


def settle(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The plan's file or its id.")],
    row: Annotated[
        int | None, typer.Option("--row", min=1, help="The row a manual decision is for.")
    ] = None,
    ending: Annotated[
        ManualOutcome | None, typer.Option("--as", help="The outcome you decide on for that row.")
    ] = None,
    because: Annotated[
        str | None, typer.Option("--because", metavar="TEXT", help="What you checked, and where.")
    ] = None,
    who: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="NAME", help="Who decided. Default: the account on this computer."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Check rows whose outcome is open again. Reads payments and sends nothing.

    An outcome that the payment and its event log prove is recorded in the journal. A row that
    stays open can be settled by a manual decision, which is recorded as such; a decision that the
    payment contradicts is refused. Exit code 1 while any checked row is still open.

    \b
    Example:
      vippsrecon journal settle plan.json
      vippsrecon journal settle plan.json --row 7 --as done --because "in the portal, 31 January"
    """
    from vippsrecon.api import Client
    from vippsrecon.bulk.open_rows.settle import ManualDecision
    from vippsrecon.bulk.open_rows.settle import settle as settle_rows
    from vippsrecon.bulk.outcomes.follow_up import describe_outcome
    from vippsrecon.cli import output
    from vippsrecon.cli.bulk.carry_out import format_head
    from vippsrecon.config.load import load_settings
    from vippsrecon.store import open_store

    decision = None
    if row is not None and ending is not None and because is not None:
        decision = ManualDecision(row, ending.value, because, who or "")
    elif (row, ending, because, who) != (None, None, None, None):
        raise typer.BadParameter("A manual decision needs --row, --as and --because together.")
    settings = load_settings()
    plan_id = resolve_plan_id(plan)
    with open_store(settings.database_url, create=False) as store, Client(settings) as client:
        settled = settle_rows(store, plan_id, client, word=decision)
    if json:
        rows = [
            {
                "row": planned.row,
                "msn": planned.msn,
                "reference": planned.reference,
                "currency": planned.currency,
                "amount_minor": planned.amount_minor,
                "outcome": result.outcome,
                "sentence": describe_outcome(settled.verb, planned, result),
                "psp_reference": result.psp_reference,
                "event_at": result.event_at,
            }
            for planned, result in zip(settled.rows, settled.results, strict=True)
        ]
        print(
            output.format_json(
                {"plan_id": plan_id, "rows": rows, "head": format_head(settled.head)}
            )
        )
    else:
        if not settled.results:
            print("No row of this plan is open. Nothing to settle.")
        for planned, result in zip(settled.rows, settled.results, strict=True):
            sentence = describe_outcome(settled.verb, planned, result)
            print(f"  {result.outcome:<12} row {planned.row}, {planned.reference}: {sentence}")
        print(f"head  {format_head(settled.head)}  of plan {plan_id}")
    raise typer.Exit(settled.exit_code)


def resolve_plan_id(name: str) -> str:
    """Return the id of a plan given by its file or by its id.

    Raises:
        PlanError: `name` is neither.
    """
    from uuid import UUID

    from vippsrecon.bulk.plan.file import read_plan
    from vippsrecon.errors import PlanError

    if Path(name).is_file():
        return read_plan(name).plan_id
    try:
        return str(UUID(name))
    except ValueError:
        raise PlanError(
            f"{name!r} is neither a plan file nor a plan id. Run vippsrecon journal to list the plans."
        ) from None
