"""`approve`: record who approves a plan. Moves no money."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vippsrecon.cli.plan import PersonOption
from vippsrecon.cli.preview import JsonOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vippsrecon.bulk.plan.model import Plan
    from vippsrecon.config.settings import Settings


def approve(
    plan_file: Annotated[
        Path, typer.Argument(metavar="plan.json", help="The plan, as it was written.")
    ],
    who: PersonOption = None,
    json: JsonOption = False,
) -> None:
    """Approve a plan: its digest, number of rows and sum per currency. Moves nothing.

    Kept in the workspace database for 24 hours, with your name, this machine and its account.
    Above own_approval_up_to somebody else than the planner has to do it. A name given with --as
    documents who approves; it does not prove it.

    \b
    Example:
      vippsrecon approve plan.json --as "Ola Hansen"
      vippsrecon carry-out plan.json
    """
    from vippsrecon.bulk.approval.approve import approve as record
    from vippsrecon.bulk.limits import Limits
    from vippsrecon.bulk.plan.model import compute_digest, read_plan
    from vippsrecon.cli import output
    from vippsrecon.config.load import load_settings
    from vippsrecon.store import open_store

    made = read_plan(plan_file)
    settings = load_settings(offline=True)
    now = _get_approval_time(made, settings)
    limits = Limits.from_settings(settings.limits)
    if not json:
        print("\n".join(_format_plan_for_approval(made)), flush=True)
    with open_store(settings.database_url) as store:
        entry = record(made, store, approver=who, now=now, limits=limits)
        where = store.url_masked
    said: dict[str, Any] = entry.said()
    if json:
        print(
            output.format_json(
                {
                    "plan_id": made.plan_id,
                    "digest": compute_digest(made),
                    "rows": made.count,
                    "totals": made.totals,
                    "approver": said["approver"],
                    "os_account": said["os_account"],
                    "host": said["host"],
                    "expires_at": said["expires_at"],
                }
            )
        )
        return
    print(f"approved by {said['approver']} (account {said['os_account']}, {said['host']})")
    print(f"until {said['expires_at']}, in {where}")


def _get_approval_time(made: Plan, settings: Settings) -> Any:
    """Return the house's time: the simulator has a clock of its own, and has to be asked."""
    from datetime import UTC, datetime

    from vippsrecon.api import Client
    from vippsrecon.errors import PlanError

    if settings.environment and settings.environment != made.environment:
        raise PlanError(
            f"the plan is for {made.environment}, but VIPPS_ENVIRONMENT is "
            f"{settings.environment}: nothing was approved"
        )
    if made.environment != "simulator" or not settings.environment:
        return datetime.now(UTC)
    with Client(settings) as client:
        client.check_keys(made.msns[0])
        return client.now()


def _format_plan_for_approval(made: Plan) -> Iterator[str]:
    from vippsrecon.bulk.approval.approve import summarize_plan
    from vippsrecon.bulk.plan.model import compute_digest
    from vippsrecon.cli import output
    from vippsrecon.money import format_count

    yield f"{summarize_plan(made)}, in {made.environment}, planned by {made.planner}"
    yield f"plan    {made.plan_id}"
    yield f"digest  {compute_digest(made)}"
    yield f"until   {made.expires_at}"
    for currency, total in made.totals.items():
        rows = sum(row.currency == currency for row in made.rows)
        largest = max(row.amount_minor for row in made.rows if row.currency == currency)
        yield (
            f"{currency}     {format_count(rows, 'row')}, {output.format_major_amount(total, currency)}, the largest "
            f"{output.format_major_amount(largest, currency)}"
        )
    repeated = sum(row.duplicate for row in made.rows)
    if repeated:
        rows_repeat = format_count(repeated, "row deliberately repeats", "rows deliberately repeat")
        yield f"{rows_repeat} an earlier operation (--duplicate)."
