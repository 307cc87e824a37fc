"""`heartbeat`: fail if no complete run was made lately."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from vippsrecon.cli.period import read_clock


def heartbeat(
    context: typer.Context,
    within: Annotated[
        int,
        typer.Option(
            "--within", metavar="DAYS", min=1, max=3650, help="The latest run may be this old."
        ),
    ],
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="DIR",
            help="The .data folder beside a report, or the folder of the reports. Default: the "
            "workspace database.",
        ),
    ] = None,
) -> None:
    """Exit with 2 if no complete run was made in the last days, otherwise with 0.

    A schedule that does not start fails silently; let another scheduler, best on another computer, run
    this. A run counts by its cut-off time, whatever it found; an incomplete run does not count.

    \b
    Example:
      vippsrecon heartbeat --within 35
      vippsrecon heartbeat --within 2 --report /srv/reconcile
    """
    from vippsrecon.cli.errors import FAILURE_EXIT_CODE, print_error
    from vippsrecon.config.load import load_settings
    from vippsrecon.money import format_count
    from vippsrecon.vipps_rules import MAX_CLOCK_SKEW_SECONDS
    from vippsrecon.workflow.history.complete_run import find_latest_complete_run

    run = find_latest_complete_run(load_settings(offline=True), report)
    allowed = format_count(within, "day")
    if run is None:
        print_error(f"No complete run is recorded at all, so none in the last {allowed}.")
        raise typer.Exit(FAILURE_EXIT_CODE)
    age = read_clock(context) - run.as_of
    latest = f"the latest is as of {run.as_of:%Y-%m-%d %H:%M} UTC ({run.place})"
    if age < timedelta(seconds=-MAX_CLOCK_SKEW_SECONDS):
        print_error(f"A run of the future proves nothing: {latest}. Check the clocks.")
        raise typer.Exit(FAILURE_EXIT_CODE)
    if age > timedelta(days=within):
        print_error(f"No complete run in the last {allowed}: {latest}. Check the scheduled job.")
        raise typer.Exit(FAILURE_EXIT_CODE)
    print(f"A complete run was made in the last {allowed}: {latest}.")
