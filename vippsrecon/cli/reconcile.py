"""`reconcile`: compare order exports with Vipps MobilePay and write the report."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vippsrecon.cli.errors import print_warning
from vippsrecon.cli.period import PeriodOption, choose_period, insert_period
from vippsrecon.cli.preview import JsonOption, LanguageOption, MappingOption, ShopOption

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from vippsrecon.dates import Period
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.sources.reviewed_report.read import ReviewedReport

TIME_EXAMPLE = (
    "2026-10-31T18:00:00+01:00 (without an offset: the sales unit's zone; a day alone: its end)"
)


class ReportDetailOption(StrEnum):
    """How much of the reconciliation the workbook contains."""

    full = "full"
    findings = "findings"


def reconcile(
    context: typer.Context,
    orders: Annotated[
        list[Path], typer.Option("--orders", metavar="FILE...", help="The shop's order exports.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE.xlsx",
            help="The workbook to write. With --period, {period} in it becomes 2026-10 or 2026-10-31.",
        ),
    ],
    shop: ShopOption = None,
    mapping: MappingOption = None,
    payments: Annotated[
        Path | None,
        typer.Option(
            "--payments", metavar="DIR", help="Folder written by fetch; nothing is requested."
        ),
    ] = None,
    references: Annotated[
        list[Path] | None,
        typer.Option(
            "--references", metavar="FILE...", help="Files with further references to fetch."
        ),
    ] = None,
    earlier: Annotated[
        list[Path] | None,
        typer.Option(
            "--earlier",
            metavar="DIR...",
            help="The .data folders beside the reports of earlier months: for orders of earlier "
            "exports, and the day a discrepancy was first seen.",
        ),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First local day, 2026-10-01.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last local day, included.")
    ] = None,
    period: PeriodOption = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TIME", help=f"Compare as of {TIME_EXAMPLE}.")
    ] = None,
    exported_at: Annotated[
        str | None,
        typer.Option("--exported-at", metavar="TIME", help="When the exports were taken."),
    ] = None,
    detail: Annotated[
        ReportDetailOption | None,
        typer.Option(
            "--detail",
            metavar="full|findings",
            help="All sheets, or without Matched, Payments, Events and Orders, whose rows are "
            "written to report.data/ as Parquet: small enough to mail. Default: findings above "
            "20,000 orders, payments and events.",
        ),
    ] = None,
    html: Annotated[
        bool,
        typer.Option(
            "--html",
            help="Also write report.html beside the workbook: the report as one page to mail, "
            "with search and figures.",
        ),
    ] = False,
    previous: Annotated[
        Path | None,
        typer.Option(
            "--previous",
            metavar="REPORT.xlsx",
            help="An earlier report that people worked in: its owners, decisions and notes are "
            "carried over, and the sheet What changed is added. Default: a report at --out that "
            "people worked in.",
        ),
    ] = None,
    language: LanguageOption = None,
    json: JsonOption = False,
) -> None:
    """Compare order exports with Vipps MobilePay and write the report.

    Without --payments, payments are fetched now and stored in report.data/ beside the report;
    --payments report.data repeats the run with exactly the same result. What the run compared is
    stored there too: --earlier report.data uses it in a later month. The workspace database holds
    the same, where it is kept between runs.

    At exit code 1 the headline and the report's path are also printed on standard error, so that
    cron mails them.

    \b
    Example:
      vippsrecon reconcile --orders orders.csv --from 2026-10-01 --to 2026-10-31 --out report.xlsx
      vippsrecon reconcile --orders orders.csv --period last-month --out report-{period}.xlsx
      vippsrecon reconcile --orders november.csv --earlier october.data --out november.xlsx
      vippsrecon reconcile --orders shop1.csv shop2.csv --payments october --out report.xlsx --json
      vippsrecon reconcile --orders orders.csv --out report.xlsx --html
      vippsrecon reconcile --orders orders.csv --out report.xlsx --language nb
      vippsrecon reconcile --orders week2.csv --previous week1.xlsx --out week2.xlsx
    """
    from vippsrecon.cli import output
    from vippsrecon.config.load import load_settings
    from vippsrecon.errors import printable
    from vippsrecon.output_files import PAGE_SUFFIX, refuse_report_path, refuse_workbook_path
    from vippsrecon.report import write_html, write_workbook
    from vippsrecon.report.changes import compare_with_report
    from vippsrecon.report.detail import choose_detail
    from vippsrecon.report.terminal import format_summary
    from vippsrecon.workflow.fetch_references import choose_time_zone
    from vippsrecon.workflow.reconcile_month import reconcile_month

    settings = load_settings(offline=payments is not None)
    zone = choose_time_zone(settings)
    days = choose_period(context, period, zone)
    first, last = _choose_days(days, first, last)
    out = insert_period(out, days, "--out")
    ignore_files = [settings.ignore_file] if settings.ignore_file else []
    inputs = [*orders, *(references or ()), *([mapping] if mapping else []), *ignore_files]
    refuse_workbook_path(out, inputs)
    _check_writable(out)
    page = out.with_suffix(PAGE_SUFFIX) if html else None
    if page is not None:
        refuse_report_path(page, inputs, suffix=PAGE_SUFFIX)
        _check_writable(page)
    earlier_report = _read_earlier_report(previous, out)
    result = reconcile_month(
        orders,
        settings,
        shop=shop,
        mapping=mapping,
        payments=payments,
        references=references or (),
        earlier=earlier or (),
        first=first,
        last=last,
        as_of=_parse_time_option(as_of, "--as-of", zone),
        exported_at=_parse_time_option(exported_at, "--exported-at", zone),
        keep=out.with_suffix(".data"),
        record=True,
        language=language.value if language else None,
        progress=output.should_show_progress(json),
    )
    changes = None if earlier_report is None else compare_with_report(result, earlier_report)
    chosen = choose_detail(result, detail.value if detail else None)
    report = write_workbook(result, out, detail=chosen, earlier=changes)
    if page is not None:
        write_html(result, page, workbook=report, earlier=changes)
    if changes is not None:
        result = changes.add_to(result)
    if json:
        shown = output.build_reconciliation_json(result, str(report))
        print(output.format_json(shown | ({"page": str(page)} if page else {})))
    else:
        print(format_summary(result, report))
        if page is not None:
            print(f"Page: {printable(str(page))}")
        if chosen == "findings":
            rows = printable(str(out.with_suffix(".data")))
            print(f"Rows of the other sheets: {rows} (--detail full: in the workbook)")
    _print_warnings(result, report)
    raise typer.Exit(result.exit_code)


def _print_warnings(result: Reconciliation, report: Path) -> None:
    """Print on standard error why there is no verdict, or what was found."""
    from vippsrecon.cli import output
    from vippsrecon.money import format_count
    from vippsrecon.report.terminal import format_result_line
    from vippsrecon.schemas.failure_effects import select_failures

    unanswered = select_failures(result.polars_frame("failures"), "unanswered")
    if len(unanswered):
        print_warning(
            f"INCOMPLETE: {format_count(len(unanswered), 'reference')} could not be read "
            f"({output.describe_most_common_reason(unanswered)}). There is no verdict. Run the command "
            "again."
        )
    gaps = ", and ".join(result.manifest.get("incomplete_because", ()))
    if gaps:
        print_warning(
            f"INCOMPLETE: {gaps}. There is no verdict. The report's cover says what to do."
        )
    if result.exit_code == 1:
        print_warning(format_result_line(result, report))


def _choose_days(
    days: Period | None, first: str | None, last: str | None
) -> tuple[str | None, str | None]:
    """Return the first and last day of --period, or those that were given instead."""
    from vippsrecon.errors import InputError

    if days is None:
        return first, last
    if first is not None or last is not None:
        raise InputError("--period contradicts --from and --to. Use either.")
    return days.first.isoformat(), days.last.isoformat()


def _check_writable(out: Path) -> None:
    # File permissions do not show every obstacle: try before fetching, which can take minutes.
    existed = out.exists()
    with out.open("ab"):
        pass
    if not existed:
        out.unlink()


def _read_earlier_report(previous: Path | None, out: Path) -> ReviewedReport | None:
    """Read the report that was named, or the one that this run replaces if people worked in it."""
    from vippsrecon.errors import InputError
    from vippsrecon.report.excel.existing_report import has_manual_entries
    from vippsrecon.sources.reviewed_report.read import looks_like_report, read_reviewed_report

    if previous is not None:
        return read_reviewed_report(previous)
    if not (out.exists() and looks_like_report(out) and has_manual_entries(out)):
        return None
    try:
        return read_reviewed_report(out)
    except InputError as error:
        print_warning(f"Owners, decisions and notes are not carried over: {error}")
        return None


def _parse_time_option(text: str | None, option: str, zone: ZoneInfo) -> datetime | None:
    from vippsrecon.dates import parse_moment

    return None if text is None else parse_moment(text, zone, option, TIME_EXAMPLE)
