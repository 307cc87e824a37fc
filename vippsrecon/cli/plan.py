"""`plan` and `approve`: money planned and approved. Neither moves any."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vippsrecon.cli.preview import JsonOption, MappingOption

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vippsrecon.bulk.plan.make import PlanOptions
    from vippsrecon.bulk.plan.model import Plan
    from vippsrecon.bulk.plan.requests import RequestSet
    from vippsrecon.config.settings import Settings
    from vippsrecon.sources.rejects import Reject
    from vippsrecon.store import Store


class PlannedOperation(StrEnum):
    """What is planned, as it is typed."""

    refunds = "refunds"
    cancels = "cancels"
    captures = "captures"


PersonOption = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="Who you are; without it, this machine's account."),
]


def plan(
    operations: Annotated[
        PlannedOperation, typer.Argument(metavar="refunds|cancels|captures", help="What to plan.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="plan.json", help="The plan to write.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="A list, CSV or XLSX: reference, amount, currency, and maybe msn, reason, note, "
            "document_ref. An amount may be all.",
        ),
    ] = None,
    from_report: Annotated[
        Path | None,
        typer.Option(
            "--from-report",
            metavar="report.xlsx",
            help="Plan what a report proposes and its owners decided.",
        ),
    ] = None,
    duplicate: Annotated[
        list[str] | None,
        typer.Option(
            "--duplicate",
            metavar="REFERENCE",
            help="Insist on this payment though the same was done before. May be repeated.",
        ),
    ] = None,
    created: Annotated[
        bool, typer.Option("--created", help="Cancels: payments nobody has paid yet, too.")
    ] = False,
    workbook: Annotated[
        Path | None,
        typer.Option("--workbook", metavar="FILE.xlsx", help="The plan for reading and signing."),
    ] = None,
    mapping: MappingOption = None,
    who: PersonOption = None,
    json: JsonOption = False,
) -> None:
    """Plan refunds, cancels or captures from a list or a report. Moves nothing.

    Each payment is read first; amounts are fixed now. Rows that cannot be planned are listed
    with their reason and are not in the plan.

    \b
    Example:
      vippsrecon plan refunds refunds.csv --out plan.json
      vippsrecon plan cancels --from-report report.xlsx --out plan.json --workbook plan.xlsx
      vippsrecon approve plan.json --as "Kari Nordmann"
    """
    from vippsrecon.bulk.plan.make import NothingToPlanError, PlanOptions
    from vippsrecon.bulk.plan.model import write_plan
    from vippsrecon.cli import output

    source = _choose_source(file, from_report)
    _refuse_plan_paths(out, workbook, source)
    verb = operations.value.removesuffix("s")
    if mapping is not None and from_report is not None:
        raise typer.BadParameter("--mapping is for lists; a report has its own columns")
    if created and verb != "cancel":
        raise typer.BadParameter("--created is for cancels")
    try:
        asked, settings = _read_requests(verb, source, mapping, report=from_report is not None)
        how = PlanOptions(
            verb,
            planner=who,
            duplicate=duplicate or [],
            cancel_created=created,
            progress=not json and sys.stderr.isatty(),
        )
        made = _build_plan(asked, settings, how)
    except NothingToPlanError as error:
        if json:
            print(
                output.format_json(
                    {"rows": 0, "totals": {}, "rejects": _build_rejects_json(error.refused)}
                )
            )
        else:
            # Of one row alone the error says all there is to say.
            refused = error.refused if len(error.refused) > 1 else ()
            for line in _format_plan_rejects(refused, error.notes):
                print(line)
        raise
    write_plan(made, out)
    if workbook is not None:
        from vippsrecon.bulk.plan.workbook import write_plan_workbook

        write_plan_workbook(made, workbook)
    if json:
        print(output.format_json(_build_plan_json(made, out)))
    else:
        print(
            "\n".join(
                [*_format_new_plan(made, out), *_format_plan_rejects(made.refused, made.notes)]
            )
        )
    raise typer.Exit(1 if made.refused else 0)


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
    from vippsrecon.config.settings import load_settings
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


def _choose_source(file: Path | None, report: Path | None) -> Path:
    given = [one for one in (file, report) if one is not None]
    if len(given) != 1:
        raise typer.BadParameter("name either a list, or a report with --from-report")
    return given[0]


def _refuse_plan_paths(out: Path, workbook: Path | None, source: Path) -> None:
    """Refuse places that cannot be meant before minutes of reading."""
    from vippsrecon.errors import OutputError

    written = [out] if workbook is None else [out, workbook]
    for path in written:
        if path.resolve() == source.resolve():
            raise OutputError(f"{path} is the file read: name another one to write")
        if path.is_dir():
            raise OutputError(f"{path} is a folder: name the file to write")
        if not path.parent.is_dir():
            raise OutputError(f"there is no folder {path.parent} to write {path.name} to")
    if workbook is not None and workbook.suffix.lower() != ".xlsx":
        raise OutputError(f"{workbook} is no name of a workbook: name one that ends in .xlsx")
    if workbook is not None and workbook.resolve() == out.resolve():
        raise OutputError(f"{out} cannot be both the plan and its workbook")


def _read_requests(
    verb: str, source: Path, mapping: Path | None, *, report: bool
) -> tuple[RequestSet, Settings]:
    """Read the list or report, and then the settings: a file's faults need no keys to be said."""
    from vippsrecon.bulk.plan.requests import read_list_requests, read_report_requests
    from vippsrecon.config.settings import load_settings

    settings = load_settings(offline=True)
    if report:
        # It says itself which environment it is of, and what its payments were.
        return read_report_requests(source, verb), settings
    asked = read_list_requests(source, verb, settings.default_msn, mapping)
    return asked, load_settings()


def _build_plan(asked: RequestSet, settings: Settings, how: PlanOptions) -> Plan:
    from contextlib import ExitStack

    from vippsrecon.api import Client
    from vippsrecon.bulk.plan.make import make_plan

    with ExitStack() as opened:
        client = opened.enter_context(Client(settings)) if settings.environment else None
        store = _open_existing_store(settings, opened) if asked.kind == "report" else None
        return make_plan(asked, how._replace(client=client, settings=settings, store=store))


def _open_existing_store(settings: Settings, opened: Any) -> Store | None:
    """Open the workspace database where there is one: planning makes none."""
    from vippsrecon.store import database_exists, open_store

    if not database_exists(settings.database_url):
        return None
    store: Store = opened.enter_context(open_store(settings.database_url))
    return store


def _get_approval_time(made: Plan, settings: Settings) -> Any:
    """Return the house's time: the simulator has a clock of its own, and has to be asked."""
    from datetime import UTC, datetime

    from vippsrecon.api import Client
    from vippsrecon.errors import PlanError

    if settings.environment and settings.environment != made.environment:
        raise PlanError(
            f"the plan is for {made.environment} and VIPPS_ENVIRONMENT says "
            f"{settings.environment}: nothing was approved"
        )
    if made.environment != "simulator" or not settings.environment:
        return datetime.now(UTC)
    with Client(settings) as client:
        client.check_keys(made.msns[0])
        return client.now()


def _build_plan_json(made: Plan, out: Path) -> dict[str, Any]:
    from vippsrecon.bulk.plan.model import compute_digest

    return {
        "plan_id": made.plan_id,
        "digest": compute_digest(made),
        "rows": made.count,
        "totals": made.totals,
        "rejects": _build_rejects_json(made.refused),
        "notes": list(made.notes),
        "expires_at": made.expires_at,
        "plan": str(out),
    }


def _build_rejects_json(refused: Sequence[Reject]) -> list[dict[str, Any]]:
    return [one._asdict() for one in refused]


def _format_new_plan(made: Plan, out: Path) -> Iterator[str]:
    from vippsrecon.bulk.approval.approve import summarize_plan
    from vippsrecon.bulk.plan.model import compute_digest

    yield f"{summarize_plan(made)}: {out}"
    yield f"plan    {made.plan_id}, {made.environment}, planned by {made.planner}"
    yield f"digest  {compute_digest(made)}"
    yield f"until   {made.expires_at}"
    yield f"Nothing has been moved. Next: vippsrecon approve {out}"


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
    insisted = sum(row.duplicate for row in made.rows)
    if insisted:
        yield f"insisted upon though the same was done before: {format_count(insisted, 'row')}"


def _format_plan_rejects(refused: Sequence[Reject], notes: Sequence[str]) -> list[str]:
    from vippsrecon.cli.output import MAX_REJECTS_LISTED
    from vippsrecon.money import format_count, group_thousands

    lines = [f"note: {note}" for note in notes]
    if not refused:
        return lines
    lines.append(f"{format_count(len(refused), 'row')} not in the plan:")
    lines += [f"  {one.describe()}" for one in refused[:MAX_REJECTS_LISTED]]
    if len(refused) > MAX_REJECTS_LISTED:
        lines.append(
            f"  and {group_thousands(len(refused) - MAX_REJECTS_LISTED)} more; --json lists them"
        )
    return lines
