"""`schedule`: print or install what a scheduler needs to run `reconcile` by itself."""

from __future__ import annotations

import getpass
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vippsrecon.cli.period import PERIOD_PLACE, read_clock
from vippsrecon.cli.reconcile import refuse_contradictions
from vippsrecon.schedules.job import DEFAULT_NAME

if TYPE_CHECKING:
    from vippsrecon.schedules.install.change import Change
    from vippsrecon.schedules.job import Job


class Scheduler(StrEnum):
    """A program that starts other programs at set times."""

    cron = "cron"
    systemd = "systemd"
    windows = "windows"
    github = "github"


def schedule(
    context: typer.Context,
    scheduler: Annotated[Scheduler, typer.Option("--for", help="The scheduler.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- ARGUMENTS", help="The arguments of reconcile, after --."),
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(
            "--period",
            metavar="PERIOD",
            help="last-month: on the 5th of every month; yesterday: every day.",
        ),
    ] = None,
    install: Annotated[
        bool,
        typer.Option(
            "--install",
            help="Add or replace the job: a line of your crontab, units of your own systemd, or a "
            "task of Windows. Asks first.",
        ),
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the job that --install added. Asks first.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --install and --remove: do not ask.")
    ] = False,
    name: Annotated[
        str,
        typer.Option("--name", metavar="NAME", help="What the job is called, if you have several."),
    ] = DEFAULT_NAME,
) -> None:
    """Print or install a cron line, a systemd service and timer, or a Windows task.

    For --for github a workflow is printed, to be committed. The job runs in this folder, as this user,
    with this Python, at 06:30. With --into it also catches up missed periods. Exit code 1,
    discrepancies, is not a failure of the job where the scheduler can tell them apart.

    \b
    Example:
      vippsrecon schedule --period last-month --for cron -- --orders exports --into reports
      vippsrecon schedule --period last-month --for systemd --install -- --orders exports --into reports
      vippsrecon schedule --for systemd --remove
    """
    from vippsrecon.errors import InputError

    if yes and not (install or remove):
        raise InputError("--yes needs --install or --remove: nothing is asked without them.")
    if install and remove:
        raise InputError("--install contradicts --remove. Use either.")
    if remove:
        if arguments or period is not None:
            raise InputError(
                "--remove needs only --for and --name. Omit --period and what is after --."
            )
        _change(_plan_removal(scheduler, name), f"There is no job {name}.", yes=yes)
        return
    if period is None:
        raise InputError("--period is missing. Use last-month or yesterday.")
    if not arguments:
        raise InputError("After -- there are no arguments of reconcile, such as --orders exports.")
    job = _read_job(context, arguments, period, name)
    if install:
        already = f"The job {name} is installed already, with the same command. Nothing changed."
        _change(_plan_installation(scheduler, job), already, yes=yes)
    else:
        print(_format(scheduler, job))


def _read_job(context: typer.Context, arguments: list[str], period: str, name: str) -> Job:
    from vippsrecon.cli.errors import print_warning
    from vippsrecon.errors import InputError
    from vippsrecon.schedules.job import build_job

    given = _parse_arguments(context, arguments)
    if given["period"] or given["first"] or given["last"]:
        raise InputError(
            "After -- there is --period, --from or --to. Omit it: the schedule has a --period."
        )
    refuse_contradictions(
        given["out"],
        given["into"],
        period,
        catch_up=given["catch_up"],
        again=given["again"],
        previous=given["previous"] is not None,
    )
    into = given["into"] is not None
    job = build_job(
        arguments,
        period,
        program=(sys.executable, "-m", "vippsrecon"),
        folder=str(Path.cwd()),
        user=getpass.getuser(),
        today=read_clock(context).astimezone().date(),
        output=str(given["into"] if into else given["out"]),
        catch_up=into and not (given["catch_up"] or given["previous"]),
        name=name,
    )
    if not into and PERIOD_PLACE not in job.output:
        print_warning(
            f"Each run replaces the report of the one before. Use --into with a folder, or --out with "
            f"{PERIOD_PLACE}, such as report-{PERIOD_PLACE}.xlsx."
        )
    return job


def _parse_arguments(context: typer.Context, arguments: list[str]) -> dict[str, Any]:
    """Return the arguments of `reconcile` by name, as its own command reads them."""
    group = context.find_root().command
    command = getattr(group, "commands")["reconcile"]  # noqa: B009 (not known to be a group)
    parsed: dict[str, Any] = command.make_context("reconcile", list(arguments)).params
    return parsed


def _format(scheduler: Scheduler, job: Job) -> str:
    from vippsrecon.config.load import load_settings
    from vippsrecon.schedules.github import format_github_workflow
    from vippsrecon.schedules.unix import format_cron, format_systemd
    from vippsrecon.schedules.windows import format_windows_task

    formats = {
        Scheduler.cron: format_cron,
        Scheduler.systemd: format_systemd,
        Scheduler.windows: format_windows_task,
    }
    if scheduler is Scheduler.github:
        return format_github_workflow(job, load_settings(offline=True).environment)
    return formats[scheduler](job)


def _plan_installation(scheduler: Scheduler, job: Job) -> Change | None:
    from vippsrecon.schedules.install import crontab, systemd_user, task_scheduler

    if scheduler is Scheduler.cron:
        return crontab.plan_installation(job)
    if scheduler is Scheduler.systemd:
        return systemd_user.plan_installation(job)
    if scheduler is Scheduler.windows:
        return task_scheduler.plan_installation(job)
    raise _refuse_github()


def _plan_removal(scheduler: Scheduler, name: str) -> Change | None:
    from vippsrecon.schedules.install import crontab, systemd_user, task_scheduler
    from vippsrecon.schedules.job import check_name

    check_name(name)
    if scheduler is Scheduler.cron:
        return crontab.plan_removal(name)
    if scheduler is Scheduler.systemd:
        return systemd_user.plan_removal(name)
    if scheduler is Scheduler.windows:
        return task_scheduler.plan_removal(name)
    raise _refuse_github()


def _refuse_github() -> Exception:
    from vippsrecon.errors import InputError

    return InputError(
        "A workflow of GitHub is a file in your repository. Print it without --install, and commit or "
        "delete it as .github/workflows/vippsrecon.yml."
    )


def _change(change: Change | None, nothing: str, *, yes: bool) -> None:
    """Show a change, ask for it unless --yes is given, make it and print what was done."""
    from vippsrecon.cli.questions import is_interactive, read_line
    from vippsrecon.errors import InputError, printable

    if change is None:
        print(nothing)
        return
    for line in change.lines:
        print(printable(line))
    if not yes:
        if not is_interactive():
            raise InputError("No person can be asked here, so nothing was changed. Add --yes.")
        if read_line("Make this change? [y/N] ").lower() not in ("y", "yes"):
            print("Nothing was changed.")
            return
    for sentence in change.make():
        print(printable(sentence))
