"""`notify`: tell people what a run found, or that it failed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vippsrecon.cli.period import PeriodOption, choose_period, insert_period
from vippsrecon.cli.preview import LanguageOption


def notify(
    context: typer.Context,
    report: Annotated[
        Path | None,
        typer.Argument(
            metavar="[REPORT.xlsx]",
            help="The report of the run. With --period, {period} in it is replaced as by reconcile.",
        ),
    ] = None,
    period: PeriodOption = None,
    exit_code: Annotated[
        int | None,
        typer.Option(
            "--exit-code",
            metavar="N",
            min=0,
            help="How reconcile ended: 0 sends nothing, 1 sends the report, 2 and above the failure.",
        ),
    ] = None,
    failed: Annotated[
        str | None,
        typer.Option("--failed", metavar="SENTENCE", help="Send this as the reason of a failure."),
    ] = None,
    language: LanguageOption = None,
) -> None:
    """Send the headline, the worst ten discrepancies and the report by mail, Teams or Slack.

    vippsrecon.toml says to whom: [mail] and [webhook], with receivers for results and for failures. A
    report whose run was incomplete counts as a failure. Messages contain references and amounts, no
    names and no notes; the report is attached to a mail as it is. A message about a report is in the
    report's language unless --language names another; its headline is always that of the report.

    \b
    Example:
      vippsrecon notify report.xlsx
      vippsrecon notify report-{period}.xlsx --period last-month --exit-code $?
      vippsrecon notify --failed "The export of October is missing."
    """
    from vippsrecon.cli.errors import FAILURE_EXIT_CODE
    from vippsrecon.config.load import load_settings
    from vippsrecon.config.notifications import load_notification_settings
    from vippsrecon.errors import InputError
    from vippsrecon.notification.digest import (
        build_exit_code_digest,
        build_failure_digest,
        build_report_digest,
    )
    from vippsrecon.notification.send import send_digest
    from vippsrecon.workflow.fetch_references import choose_time_zone

    settings = load_notification_settings()
    general = load_settings(offline=True)
    zone = choose_time_zone(general)
    chosen = language.value if language else None
    days = choose_period(context, period, zone)
    if failed is not None:
        if exit_code is not None:
            raise InputError("--failed contradicts --exit-code. Use either.")
        digest = build_failure_digest(failed, chosen or general.language)
    elif exit_code == 0:
        print("Nothing sent: the run was clean (exit code 0).")
        return
    elif exit_code is not None and exit_code >= FAILURE_EXIT_CODE:
        digest = build_exit_code_digest(exit_code, chosen or general.language)
    elif report is None:
        raise InputError("Nothing to send: name the report, or give --failed or --exit-code.")
    else:
        digest = build_report_digest(insert_period(report, days, "The report"), chosen)
    for sentence in send_digest(digest, settings):
        print(sentence)
