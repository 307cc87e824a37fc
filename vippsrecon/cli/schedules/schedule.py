"""`schedule`: print what a scheduler needs to run `reconcile` by itself."""

from __future__ import annotations

import getpass
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vippsrecon.cli.period import PERIOD_PLACE, read_clock


class Scheduler(StrEnum):
    """A program that starts other programs at set times."""

    cron = "cron"
    systemd = "systemd"
    windows = "windows"
    github = "github"


def schedule(
    context: typer.Context,
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="-- ARGUMENTS", help="The arguments of reconcile, after --."),
    ],
    period: Annotated[
        str,
        typer.Option(
            "--period",
            metavar="PERIOD",
            help="last-month: on the 5th of every month; yesterday: every day.",
        ),
    ],
    scheduler: Annotated[Scheduler, typer.Option("--for", help="The scheduler.")],
) -> None:
    """Print a cron line, a systemd service and timer, a Windows task or a GitHub workflow.

    Nothing is installed. The job runs in this folder, as this user, with this Python, at 06:30.
    Exit code 1, discrepancies, is not a failure of the job where the scheduler can tell them apart.

    \b
    Example:
      vippsrecon schedule --period last-month --for cron -- --orders orders.csv --out report-{period}.xlsx
      vippsrecon schedule --period last-month --for windows -- --orders orders.csv --out r-{period}.xlsx
    """
    from vippsrecon.cli.errors import print_warning
    from vippsrecon.errors import InputError
    from vippsrecon.schedules.github import format_github_workflow
    from vippsrecon.schedules.job import build_job
    from vippsrecon.schedules.unix import format_cron, format_systemd
    from vippsrecon.schedules.windows import format_windows_task

    given = _parse_arguments(context, arguments)
    if given["period"] or given["first"] or given["last"]:
        raise InputError(
            "After -- there is --period, --from or --to. Omit it: the schedule has a --period."
        )
    job = build_job(
        arguments,
        period,
        program=(sys.executable, "-m", "vippsrecon"),
        folder=str(Path.cwd()),
        user=getpass.getuser(),
        today=read_clock(context).astimezone().date(),
        out=str(given["out"]),
    )
    formats = {
        Scheduler.cron: format_cron,
        Scheduler.systemd: format_systemd,
        Scheduler.windows: format_windows_task,
        Scheduler.github: format_github_workflow,
    }
    print(formats[scheduler](job))
    if PERIOD_PLACE not in job.out:
        print_warning(
            f"Each run replaces the report of the one before. Use --out with {PERIOD_PLACE}, such as "
            f"report-{PERIOD_PLACE}.xlsx."
        )


def _parse_arguments(context: typer.Context, arguments: list[str]) -> dict[str, object]:
    """Return the arguments of `reconcile` by name, as its own command reads them."""
    group = context.find_root().command
    command = getattr(group, "commands")["reconcile"]  # noqa: B009 (not known to be a group)
    parsed: dict[str, object] = command.make_context("reconcile", list(arguments)).params
    return parsed
