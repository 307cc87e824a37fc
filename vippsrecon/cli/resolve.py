"""`resolve`: read back what people decided in a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vippsrecon.cli.preview import JsonOption

if TYPE_CHECKING:
    from vippsrecon.workflow.decisions.resolve_report import ResolvedReport

ROWS_NAMED = 10


def resolve(
    report: Annotated[
        Path, typer.Argument(metavar="REPORT.xlsx", help="The report people worked in.")
    ],
    waivers: Annotated[
        Path | None,
        typer.Option(
            "--waivers",
            metavar="FILE.csv",
            help="Ignore file to add the rows with the decision waive to. Needs --until.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="DAY", help="Last day of these waivers, 2026-12-31, or: never."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Read back owners, decisions and notes of a report, and check that its rows are as written.

    Prints how many rows and how much money at risk have each decision. With --waivers, rows with
    the decision waive, an owner and a note are added to the ignore file, so that the next run
    counts them as ignored. Where a workspace database exists, it records which rows are in progress:
    the next run shows that status. Moves no money: plans are made with vippsrecon plan.

    Exit code 1: some rows were changed or shifted, or are waived without an owner or a note.

    \b
    Example:
      vippsrecon resolve report.xlsx
      vippsrecon resolve report.xlsx --waivers ignore.csv --until 2026-12-31
    """
    from vippsrecon.cli import output
    from vippsrecon.cli.errors import print_warning
    from vippsrecon.config.load import load_settings
    from vippsrecon.dates import parse_day
    from vippsrecon.errors import InputError, StoreError
    from vippsrecon.workflow.decisions.ignore_file import add_waivers
    from vippsrecon.workflow.decisions.resolve_report import record_progress, resolve_report

    if (waivers is None) != (until is None):
        raise InputError(
            "--waivers and --until belong together: name the ignore file and the last day of the "
            "waivers, or --until never"
        )
    last_day = None if until in (None, "never") else parse_day(str(until), "--until")
    resolved = resolve_report(report)
    settings = load_settings(offline=True)
    added = recorded = None
    if waivers is not None:
        added = add_waivers(waivers, resolved.waivers, last_day, settings.default_msn)
    try:
        recorded = record_progress(resolved, settings.database_url)
    except StoreError as error:
        print_warning(f"The workspace database does not know which rows are in progress: {error}")
    if json:
        print(output.format_json(_build_json(resolved, added, recorded)))
    else:
        print("\n".join(_format_lines(resolved, waivers, added, recorded)))
    raise typer.Exit(1 if resolved.refused or resolved.incomplete else 0)


def _build_json(
    resolved: ResolvedReport, added: int | None, recorded: int | None
) -> dict[str, Any]:
    names = (
        *("row", "discrepancy_id", "kind", "msn", "reference", "order_number", "currency"),
        *("at_risk_minor", "owner", "decision"),
    )
    return {
        "report": resolved.name,
        "environment": resolved.environment,
        "totals": [totals._asdict() for totals in resolved.totals],
        "rows": [
            {name: getattr(row, name) for name in names} | {"note": row.entry_note}
            for row in resolved.rows
        ],
        "changed_or_shifted": [reject.source_row for reject in resolved.refused],
        "waived_without_owner_or_note": [row.row for row in resolved.incomplete],
        "waivers_added": added,
        "in_progress_recorded": recorded,
    }


def _format_lines(
    resolved: ResolvedReport, waivers: Path | None, added: int | None, recorded: int | None
) -> list[str]:
    from vippsrecon.errors import printable
    from vippsrecon.money import format_count
    from vippsrecon.report.sentences import format_money

    name = printable(resolved.name)
    lines = [f"{name}: {format_count(len(resolved.rows), 'discrepancy', 'discrepancies')} read."]
    width = max((len(totals.decision) for totals in resolved.totals), default=0)
    lines += [
        f"  {totals.decision:<{width}}  {format_count(totals.rows, 'row'):>10}  "
        f"{format_money(totals.at_risk_minor, totals.currency)} at risk"
        for totals in resolved.totals
    ]
    if resolved.refused:
        rows = _list_rows([reject.source_row for reject in resolved.refused])
        lines.append(
            f"Changed or shifted since reconcile wrote them, so their decisions do not count: {rows}."
        )
    if resolved.incomplete:
        rows = _list_rows([row.row for row in resolved.incomplete])
        lines.append(f"Waived without an owner or a note, so not waived: {rows}.")
    if added is not None:
        lines.append(f"{format_count(added, 'payment')} added to {printable(str(waivers))}.")
    if recorded:
        rows = format_count(recorded, "discrepancy is", "discrepancies are")
        lines.append(f"{rows} in progress; the next run shows it.")
    return lines


def _list_rows(rows: list[int]) -> str:
    listed = ", ".join(str(row) for row in rows[:ROWS_NAMED])
    more = f" and {len(rows) - ROWS_NAMED} more" if len(rows) > ROWS_NAMED else ""
    return f"{'row' if len(rows) == 1 else 'rows'} {listed}{more}"
