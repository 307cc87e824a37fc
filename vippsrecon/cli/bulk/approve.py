"""`approve`: record who approves a plan. Moves no money."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vippsrecon.cli.bulk.plan import PersonOption
from vippsrecon.cli.preview import JsonOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vippsrecon.bulk.plan.model import Plan
    from vippsrecon.config.settings import Settings

MAX_ROWS_LISTED = 50


def approve(
    plan_file: Annotated[
        Path, typer.Argument(metavar="plan.json", help="The plan file, unchanged.")
    ],
    who: PersonOption = None,
    json: JsonOption = False,
) -> None:
    """Approve a plan: its digest, number of rows and sum per currency. Moves nothing.

    The approval is stored in the workspace database with your name, the computer and its
    account, and is valid for 24 hours. Above own_approval_up_to, another person than the planner
    must approve. A name given with --as documents who approves; it does not prove it.

    \b
    Example:
      vippsrecon approve plan.json --as "Ola Hansen"
      vippsrecon carry-out plan.json
    """
    from vippsrecon.bulk.approval.approve import approve as record
    from vippsrecon.bulk.limits import Limits
    from vippsrecon.bulk.people import is_same_person
    from vippsrecon.bulk.plan.file import compute_digest, read_plan
    from vippsrecon.cli import output
    from vippsrecon.config.load import load_settings
    from vippsrecon.money import format_amount
    from vippsrecon.store import open_store

    plan = read_plan(plan_file)
    settings = load_settings(offline=True)
    now = _get_approval_time(plan, settings)
    limits = Limits.from_settings(settings.limits)
    if not json:
        print("\n".join(_format_plan_for_approval(plan)), flush=True)
    with open_store(settings.database_url) as store:
        entry = record(plan, store, approver=who, now=now, limits=limits)
        database = store.url_masked
    approval: dict[str, Any] = entry.parse_detail()
    if json:
        print(
            output.format_json(
                {
                    "plan_id": plan.plan_id,
                    "digest": compute_digest(plan),
                    "rows": plan.count,
                    "totals": plan.totals,
                    "approver": approval["approver"],
                    "os_account": approval["os_account"],
                    "host": approval["host"],
                    "expires_at": approval["expires_at"],
                }
            )
        )
        return
    print(
        f"approved by {approval['approver']} (account {approval['os_account']}, {approval['host']})"
    )
    if is_same_person(approval["approver"], plan.planner):
        allowed = " and ".join(
            format_amount(limits.own_approval_up_to(currency), currency) for currency in plan.totals
        )
        print(f"{approval['approver']} approved their own plan (allowed up to {allowed})")
    print(f"valid until {approval['expires_at']}, in {database}")


def _get_approval_time(plan: Plan, settings: Settings) -> Any:
    """Return the current time, from the simulator's own clock where the plan is for the simulator."""
    from datetime import UTC, datetime

    from vippsrecon.api import Client
    from vippsrecon.errors import PlanError

    if settings.environment and settings.environment != plan.environment:
        raise PlanError(
            f"the plan is for {plan.environment}, but VIPPS_ENVIRONMENT is "
            f"{settings.environment}: nothing was approved"
        )
    if plan.environment != "simulator" or not settings.environment:
        return datetime.now(UTC)
    with Client(settings) as client:
        client.check_keys(plan.msns[0])
        return client.now()


def _format_plan_for_approval(plan: Plan) -> Iterator[str]:
    from vippsrecon.bulk.approval.approve import summarize_plan
    from vippsrecon.bulk.plan.file import compute_digest
    from vippsrecon.bulk.wording import describe_card_refunds
    from vippsrecon.cli import output
    from vippsrecon.money import format_count

    yield f"{summarize_plan(plan)}, in {plan.environment}, planned by {plan.planner}"
    yield f"plan    {plan.plan_id}"
    yield f"digest  {compute_digest(plan)}"
    yield f"valid until {plan.expires_at}"
    for currency, total in plan.totals.items():
        rows = sum(row.currency == currency for row in plan.rows)
        largest = max(row.amount_minor for row in plan.rows if row.currency == currency)
        yield (
            f"{currency}     {format_count(rows, 'row')}, {output.format_major_amount(total, currency)}, the largest "
            f"{output.format_major_amount(largest, currency)}"
        )
    yield from _format_rows(plan)
    if card_notice := describe_card_refunds(plan.verb, plan.totals):
        yield card_notice
    repeated = sum(row.duplicate for row in plan.rows)
    if repeated:
        rows_repeat = format_count(repeated, "row deliberately repeats", "rows deliberately repeat")
        yield f"{rows_repeat} an earlier operation (--duplicate)."


def _format_rows(plan: Plan) -> Iterator[str]:
    """Return a line for each row, up to MAX_ROWS_LISTED, and where the others can be read."""
    from vippsrecon.cli import output
    from vippsrecon.money import group_thousands

    listed = plan.rows[:MAX_ROWS_LISTED]
    amounts = [output.format_major_amount(row.amount_minor, row.currency) for row in listed]
    references = max(len(row.reference) for row in listed)
    width = max(map(len, amounts))
    for row, amount in zip(listed, amounts, strict=True):
        texts = [row.order_number and f"order {row.order_number}", row.reason, row.document_ref]
        about = ", ".join(text for text in texts if text)
        repeats = "  REPEATS an earlier operation" if row.duplicate else ""
        yield (
            f"  {row.row:>4}  {row.reference:<{references}}  {amount:>{width}} {row.currency}  "
            f"{about}{repeats}"
        )
    if plan.count > MAX_ROWS_LISTED:
        yield (
            f"  and {group_thousands(plan.count - MAX_ROWS_LISTED)} more rows: the plan file has them, "
            "one per line, and so has the workbook that plan --workbook writes"
        )
