"""The command that a scheduler runs, and when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from vippsrecon.errors import InputError

HOUR, MINUTE = 6, 30
DAY_OF_MONTH = 5
"""Some days into the month, so that the captures of the last days have been made."""

MONTHLY, DAILY = "last-month", "yesterday"

DEFAULT_NAME = "vippsrecon"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)


class Job(NamedTuple):
    """One scheduled reconciliation.

    Attributes:
        program: How vippsrecon is started on this computer, without a search path.
        arguments: Those of `vippsrecon`, from `reconcile` on.
        folder: The working folder, with exports, settings and reports.
        user: The account that runs it.
        monthly: Every month; otherwise every day.
        next_day: The first day on which it runs.
        output: The path of --out or --into.
        name: What the job is called at the scheduler.
    """

    program: tuple[str, ...]
    arguments: tuple[str, ...]
    folder: str
    user: str
    monthly: bool
    next_day: date
    output: str
    name: str = DEFAULT_NAME

    @property
    def cron_fields(self) -> str:
        """The five fields of cron: minute, hour, day, month, weekday."""
        return f"{MINUTE} {HOUR} {DAY_OF_MONTH if self.monthly else '*'} * *"


def build_job(
    arguments: Sequence[str],
    period: str,
    *,
    program: Sequence[str],
    folder: str,
    user: str,
    today: date,
    output: str,
    catch_up: bool = False,
    name: str = DEFAULT_NAME,
) -> Job:
    """Make the job of a schedule.

    Args:
        arguments: The arguments of `reconcile`, without --period.
        period: last-month or yesterday.
        program: How vippsrecon is started.
        folder: The working folder.
        user: The account that runs it.
        today: The local day of the scheduler.
        output: The path of --out or --into among the arguments.
        catch_up: Whether the job also runs missed periods.
        name: What the job is called at the scheduler.

    Raises:
        InputError: The period is one month by its name, or a text cannot be written into a schedule.
    """
    check_name(name)
    if period not in (MONTHLY, DAILY):
        raise InputError(
            f"--period: {period[:40]!r} is not a period that repeats. Use {MONTHLY} or {DAILY}."
        )
    for text in (*program, *arguments, folder, user):
        if not text.isprintable():
            raise InputError(
                f"{text!a}: a line break or a character without a shape cannot be written into a "
                "schedule. Rename the file or folder."
            )
    monthly = period == MONTHLY
    return Job(
        tuple(program),
        ("reconcile", *arguments, "--period", period, *(["--catch-up"] if catch_up else [])),
        folder,
        user,
        monthly,
        _find_next_day(today, monthly=monthly),
        output,
        name,
    )


def check_name(name: str) -> None:
    """Refuse a name that is not the same at every scheduler.

    Raises:
        InputError: It has other characters than letters, digits, hyphens and underscores.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"--name: {name[:40]!r} is not a name of a job. Use letters, digits, hyphens and "
            "underscores, such as vippsrecon-oslo."
        )


def _find_next_day(today: date, *, monthly: bool) -> date:
    day = today + timedelta(days=1)
    while monthly and day.day != DAY_OF_MONTH:
        day += timedelta(days=1)
    return day
