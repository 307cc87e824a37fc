"""`reconcile`: compare order exports with Vipps MobilePay and write the report."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vippsrecon.cli.ledgers.options import LedgerOption, SettlementOption
from vippsrecon.cli.period import PeriodOption, choose_period, insert_period, read_clock
from vippsrecon.cli.preview import JsonOption, LanguageOption, MappingOption, ShopOption

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from vippsrecon.config.settings import Settings
    from vippsrecon.dates import Period

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
        list[Path],
        typer.Option(
            "--orders",
            metavar="FILE...",
            help="The shop's order exports, or a folder: those with orders of the period are read.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE.xlsx",
            help="The workbook to write. With --period, {period} in it becomes 2026-10 or 2026-10-31.",
        ),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into",
            metavar="DIR",
            help="In place of --out: a folder that gets a folder for each --period, such as "
            "DIR/2026-10, with report.xlsx, report.html, report.data and manifest.json.",
        ),
    ] = None,
    catch_up: Annotated[
        bool,
        typer.Option(
            "--catch-up",
            help="With --into: first run the months or days before --period that have no complete "
            "run, from the first run in the folder on; at most 12 months or 31 days.",
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="With --into: run the period even if its complete run is there."
        ),
    ] = False,
    shop: ShopOption = None,
    mapping: MappingOption = None,
    payments: Annotated[
        Path | None,
        typer.Option(
            "--payments",
            metavar="DIR",
            help="Folder written by fetch, or the .data folder of a run to repeat with its ledger and "
            "statements; nothing is requested.",
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
    ledger: LedgerOption = None,
    settlement: SettlementOption = None,
    bank: Annotated[
        list[Path] | None,
        typer.Option(
            "--bank", metavar="FILE...", help="Bank statements in which the payouts are looked for."
        ),
    ] = None,
    bank_mapping: Annotated[
        Path | None,
        typer.Option(
            "--bank-mapping", metavar="FILE.toml", help="Your own names of the columns of --bank."
        ),
    ] = None,
    cutoff: Annotated[
        str | None,
        typer.Option(
            "--cutoff",
            metavar="DAY",
            help="Day of the cut-off pack; needs a ledger. Default: the last day of the period.",
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
    notify: Annotated[
        bool,
        typer.Option(
            "--notify",
            help="Send each run that is not clean to the receivers in vippsrecon.toml, as notify "
            "does: the report at exit code 1, a failure at 2.",
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Compare order exports with Vipps MobilePay and write the report.

    Without --payments, payments are fetched now and stored in report.data/ beside the report;
    --payments report.data repeats the run with exactly the same result, ledger, settlement files
    and bank statements included; those that are given are used in place of the stored ones. What the
    run compared is stored there too: --earlier report.data uses it in a later month. The workspace
    database holds the same, where it is kept between runs.

    With --settlement and without keys, the payments are those of these files, and nothing is
    requested.

    With --into, a folder is there only when its run has ended. A period with a complete run is not
    run again, an incomplete one is; two runs into one folder at the same time are refused.

    At exit code 1 the headline and the report's path are also printed on standard error, so that
    cron mails them.

    \b
    Example:
      vippsrecon reconcile --orders orders.csv --from 2026-10-01 --to 2026-10-31 --out report.xlsx
      vippsrecon reconcile --orders orders.csv --period last-month --out report-{period}.xlsx
      vippsrecon reconcile --orders exports --period last-month --into reports --catch-up
      vippsrecon reconcile --orders november.csv --earlier october.data --out november.xlsx
      vippsrecon reconcile --orders shop1.csv shop2.csv --payments october --out report.xlsx --json
      vippsrecon reconcile --orders orders.csv --out report.xlsx --html
      vippsrecon reconcile --orders orders.csv --out report.xlsx --language nb
      vippsrecon reconcile --orders orders.csv --settlement settlement.csv --bank bank.xml --out report.xlsx
      vippsrecon reconcile --orders week2.csv --previous week1.xlsx --out week2.xlsx
    """
    from vippsrecon.cli.output import format_json
    from vippsrecon.cli.runs.notice import Notifier
    from vippsrecon.cli.runs.report_run import (
        ReportOptions,
        build_report_json,
        make_report,
        print_report,
        print_warnings,
    )
    from vippsrecon.config.notifications import load_notification_settings
    from vippsrecon.workflow.fetch_references import choose_time_zone

    refuse_contradictions(
        out, into, period, catch_up=catch_up, again=again, previous=previous is not None
    )
    notifier = Notifier(load_notification_settings() if notify else None, quiet=json)
    with notifier.telling_failures():
        settings = load_month_settings(payments, has_ledger=bool(settlement or ledger))
        zone = choose_time_zone(settings)
        days = choose_period(context, period, zone)
        options = ReportOptions(
            orders,
            shop,
            mapping,
            payments,
            references or [],
            earlier or [],
            _parse_time_option(as_of, "--as-of", zone),
            _parse_time_option(exported_at, "--exported-at", zone),
            detail.value if detail else None,
            previous,
            json,
            language.value if language else None,
            ledger,
            tuple(settlement or ()),
            tuple(bank or ()),
            bank_mapping,
            cutoff,
        )
        chosen_days = _choose_days(days, first, last)
    if into is not None and days is not None:
        from vippsrecon.cli.runs.dated_runs import run_into_folders

        code = run_into_folders(
            options,
            settings,
            into,
            days,
            catch_up=catch_up,
            again=again,
            clock=lambda: read_clock(context),
            notifier=notifier,
        )
        raise typer.Exit(code)
    assert out is not None, "refused above"
    out = insert_period(out, days, "--out")
    with notifier.telling_failures():
        report = make_report(options, settings, out, chosen_days, html=html, replaces=out)
    if json:
        print(format_json(build_report_json(report)))
    else:
        print_report(report)
    print_warnings(report.result, report.workbook)
    raise typer.Exit(notifier.tell_result(report.workbook, report.result.exit_code))


def refuse_contradictions(
    out: Path | None,
    into: Path | None,
    period: str | None,
    *,
    catch_up: bool,
    again: bool,
    previous: bool,
) -> None:
    """Refuse options that do not go together, before anything is read."""
    from vippsrecon.errors import InputError

    if out is None and into is None:
        raise InputError(
            "There is no place for the report. Name the workbook with --out report.xlsx, or the "
            "folder of the reports with --into reports."
        )
    if out is not None and into is not None:
        raise InputError("--into contradicts --out. Use either.")
    if into is None:
        for option in [*(["--catch-up"] if catch_up else []), *(["--again"] if again else [])]:
            raise InputError(f"{option} needs --into, the folder of the reports.")
        return
    if period is None:
        raise InputError("--into needs --period, whose name the folder of the report gets.")
    if catch_up and previous:
        raise InputError("--previous names the report of one period. Omit it with --catch-up.")


def load_month_settings(payments: Path | None, *, has_ledger: bool) -> Settings:
    """Load the settings. With the entries of a ledger, neither an environment nor keys are needed.

    Keys without an environment are refused: a run that was meant to fetch would not.
    """
    from vippsrecon.config.load import load_settings

    if payments is not None:
        return load_settings(offline=True)
    settings = load_settings(offline=has_ledger)
    if settings.environment or not (settings.keys or settings.default_keys):
        return settings
    return load_settings()


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


def _parse_time_option(text: str | None, option: str, zone: ZoneInfo) -> datetime | None:
    from vippsrecon.dates import parse_moment

    return None if text is None else parse_moment(text, zone, option, TIME_EXAMPLE)
