"""`plan`: plan refunds, cancels or captures. Moves no money."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vippsrecon.cli.preview import JsonOption, MappingOption
from vippsrecon.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vippsrecon.bulk.plan.make import PlanOptions
    from vippsrecon.bulk.plan.model import Plan
    from vippsrecon.bulk.plan.requests import RequestSet
    from vippsrecon.config.settings import Settings
    from vippsrecon.sources.rejects import Reject
    from vippsrecon.store import Store


class PlannedOperation(StrEnum):
    """The operations that can be planned, as typed on the command line."""

    refunds = "refunds"
    cancels = "cancels"
    captures = "captures"


PersonOption = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="Your name. Default: the account on this computer."),
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
            help="A list, CSV or XLSX: reference, amount, currency, and optionally msn, reason, note, "
            "document_ref. An amount may be all.",
        ),
    ] = None,
    from_report: Annotated[
        Path | None,
        typer.Option(
            "--from-report",
            metavar="report.xlsx",
            help="Plan what a report proposes and its reviewers decided.",
        ),
    ] = None,
    duplicate: Annotated[
        list[str] | None,
        typer.Option(
            "--duplicate",
            metavar="REFERENCE",
            help="Include this payment although the same operation was done before. May be repeated.",
        ),
    ] = None,
    created: Annotated[
        bool,
        typer.Option(
            "--created", help="Cancels: include payments the customer has not approved yet."
        ),
    ] = False,
    workbook: Annotated[
        Path | None,
        typer.Option(
            "--workbook",
            metavar="FILE.xlsx",
            help="Also write the plan as a workbook, to read and sign.",
        ),
    ] = None,
    mapping: MappingOption = None,
    who: PersonOption = None,
    json: JsonOption = False,
) -> None:
    """Plan refunds, cancels or captures from a list or a report. Moves nothing.

    Each payment is read first, and the amounts are fixed now. Rows that cannot be planned are
    listed with their reason and are left out of the plan.

    \b
    Example:
      vippsrecon plan refunds refunds.csv --out plan.json
      vippsrecon plan cancels --from-report report.xlsx --out plan.json --workbook plan.xlsx
      vippsrecon approve plan.json --as "Kari Nordmann"
    """
    from vippsrecon.bulk.people import normalize_person_name
    from vippsrecon.bulk.plan.file import write_plan
    from vippsrecon.bulk.plan.make import NothingToPlanError, PlanOptions
    from vippsrecon.cli import output
    from vippsrecon.errors import OutputError
    from vippsrecon.output_files import is_same_file, refuse_output_path, refuse_workbook_path

    if who is not None:
        normalize_person_name(who)  # refused before the payments are read
    source = _choose_source(file, from_report)
    refuse_output_path(out, [source])
    if workbook is not None:
        if is_same_file(workbook, out):
            raise OutputError(
                f"{out} cannot be both the plan and its workbook. Name two different files."
            )
        refuse_workbook_path(workbook, [source])
    verb = operations.value.removesuffix("s")
    if mapping is not None and from_report is not None:
        raise typer.BadParameter("--mapping is for lists only; the columns of a report are known.")
    if created and verb != "cancel":
        raise typer.BadParameter("--created is for cancels only.")
    try:
        requests, settings = _read_requests(verb, source, mapping, report=from_report is not None)
        options = PlanOptions(
            verb,
            planner=who,
            duplicate=duplicate or [],
            cancel_created=created,
            progress=not json and sys.stderr.isatty(),
        )
        new_plan = _build_plan(requests, settings, options)
    except NothingToPlanError as error:
        if json:
            print(
                output.format_json(
                    {"rows": 0, "totals": {}, "rejects": _build_rejects_json(error.refused)}
                )
            )
        else:
            # With a single reject, the error itself already contains its reason.
            refused = error.refused if len(error.refused) > 1 else ()
            for line in _format_plan_rejects(refused, error.notes):
                print(line)
        raise
    write_plan(new_plan, out)
    if workbook is not None:
        from vippsrecon.bulk.plan.workbook import write_plan_workbook

        write_plan_workbook(new_plan, workbook)
    if json:
        print(output.format_json(_build_plan_json(new_plan, out)))
    else:
        print(
            "\n".join(
                [
                    *_format_new_plan(new_plan, out),
                    *_format_plan_rejects(new_plan.refused, new_plan.notes),
                ]
            )
        )
    raise typer.Exit(1 if new_plan.refused else 0)


def _choose_source(file: Path | None, report: Path | None) -> Path:
    sources = [path for path in (file, report) if path is not None]
    if len(sources) != 1:
        raise typer.BadParameter("Name either a list, or a report with --from-report.")
    return sources[0]


def _read_requests(
    verb: str, source: Path, mapping: Path | None, *, report: bool
) -> tuple[RequestSet, Settings]:
    """Read the list or report first, so that its errors are reported even where keys are missing."""
    from vippsrecon.bulk.plan.requests import read_list_requests, read_report_requests
    from vippsrecon.config.load import load_settings

    settings = load_settings(offline=True)
    if report:
        # A report states its environment and its payments, so no keys are needed here.
        return read_report_requests(source, verb), settings
    requests = read_list_requests(source, verb, settings.default_msn, mapping)
    return requests, load_settings()


def _build_plan(requests: RequestSet, settings: Settings, options: PlanOptions) -> Plan:
    from contextlib import ExitStack

    from vippsrecon.api import Client
    from vippsrecon.bulk.plan.make import make_plan

    with ExitStack() as stack:
        client = stack.enter_context(Client(settings)) if settings.environment else None
        store = _open_existing_store(settings, stack) if requests.kind == "report" else None
        return make_plan(requests, options._replace(client=client, settings=settings, store=store))


def _open_existing_store(settings: Settings, stack: Any) -> Store | None:
    """Open the workspace database where it exists. Planning does not create one."""
    from vippsrecon.store import database_exists, open_store

    if not database_exists(settings.database_url):
        return None
    store: Store = stack.enter_context(open_store(settings.database_url))
    return store


def _build_plan_json(plan: Plan, out: Path) -> dict[str, Any]:
    from vippsrecon.bulk.plan.file import compute_digest

    return {
        "plan_id": plan.plan_id,
        "digest": compute_digest(plan),
        "rows": plan.count,
        "totals": plan.totals,
        "rejects": _build_rejects_json(plan.refused),
        "notes": list(plan.notes),
        "expires_at": plan.expires_at,
        "plan": str(out),
    }


def _build_rejects_json(refused: Sequence[Reject]) -> list[dict[str, Any]]:
    return [reject._asdict() for reject in refused]


def _format_new_plan(plan: Plan, out: Path) -> Iterator[str]:
    from vippsrecon.bulk.approval.approve import summarize_plan
    from vippsrecon.bulk.plan.file import compute_digest

    yield f"{summarize_plan(plan)}: {printable(str(out))}"
    yield f"plan    {plan.plan_id}, {plan.environment}, planned by {plan.planner}"
    yield f"digest  {compute_digest(plan)}"
    yield f"valid until {plan.expires_at}"
    yield f"Nothing has been moved. Next: vippsrecon approve {printable(str(out))}"


def _format_plan_rejects(refused: Sequence[Reject], notes: Sequence[str]) -> list[str]:
    from vippsrecon.cli.output import MAX_REJECTS_LISTED
    from vippsrecon.money import format_count, group_thousands

    lines = [f"note: {note}" for note in notes]
    if not refused:
        return lines
    lines.append(f"{format_count(len(refused), 'row')} left out of the plan:")
    lines += [f"  {reject.describe()}" for reject in refused[:MAX_REJECTS_LISTED]]
    if len(refused) > MAX_REJECTS_LISTED:
        lines.append(
            f"  and {group_thousands(len(refused) - MAX_REJECTS_LISTED)} more; --json lists them"
        )
    return lines
