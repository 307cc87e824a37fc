"""`journal settle`: rows whose outcome is open, looked at again."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vippsrecon.cli.preview import JsonOption


class ManualOutcome(StrEnum):
    """How a person may say that a row ended."""

    done = "done"
    refused = "refused"


def settle(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The plan's file, or its id.")],
    row: Annotated[
        int | None, typer.Option("--row", min=1, help="One row, for a person's word on it.")
    ] = None,
    ending: Annotated[
        ManualOutcome | None, typer.Option("--as", help="How that row ended, as a person saw it.")
    ] = None,
    because: Annotated[
        str | None, typer.Option("--because", metavar="TEXT", help="What was seen, and where.")
    ] = None,
    who: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="Who says so; else this machine's account."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Look again at rows whose outcome is open. Reads and never sends.

    What a payment and its event log prove is kept in the journal. What stays open may be settled
    by a person's word on one row, which is kept as such; a word that the payment contradicts is
    refused. Exit code 1 while any row looked at is still open.

    \b
    Example:
      vippsrecon journal settle plan.json
      vippsrecon journal settle plan.json --row 7 --as done --because "in the portal, 31 January"
    """
    from vippsrecon.api import Client
    from vippsrecon.bulk.execution.settle import ManualDecision
    from vippsrecon.bulk.execution.settle import settle as look
    from vippsrecon.bulk.outcomes.follow_up import describe_outcome
    from vippsrecon.cli import output
    from vippsrecon.cli.carry_out import format_head
    from vippsrecon.config.load import load_settings
    from vippsrecon.store import open_store

    word = None
    if row is not None and ending is not None and because is not None:
        word = ManualDecision(row, ending.value, because, who or "")
    elif (row, ending, because, who) != (None, None, None, None):
        raise typer.BadParameter("A manual decision needs --row, --as and --because together.")
    settings = load_settings()
    plan_id = resolve_plan_id(plan)
    with open_store(settings.database_url, create=False) as store, Client(settings) as client:
        settled = look(store, plan_id, client, word=word)
    if json:
        said = [
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
                {"plan_id": plan_id, "rows": said, "head": format_head(settled.head)}
            )
        )
    else:
        if not settled.results:
            print("No row of this plan is open. Nothing to settle.")
        for planned, result in zip(settled.rows, settled.results, strict=True):
            said_of_it = describe_outcome(settled.verb, planned, result)
            print(f"  {result.outcome:<12} row {planned.row}, {planned.reference}: {said_of_it}")
        print(f"head  {format_head(settled.head)}")
    raise typer.Exit(settled.exit_code)


def resolve_plan_id(name: str) -> str:
    """Return the id of a plan named by its file or by its id.

    Raises:
        PlanError: It is neither.
    """
    from uuid import UUID

    from vippsrecon.bulk.plan.model import read_plan
    from vippsrecon.errors import PlanError

    if Path(name).is_file():
        return read_plan(name).plan_id
    try:
        return str(UUID(name))
    except ValueError:
        raise PlanError(
            f"{name!r} is neither a plan file nor a plan id. Run vippsrecon journal to list the plans."
        ) from None
