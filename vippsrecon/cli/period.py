"""`--period`: its days by the calendar of the sales unit's time zone, and its name in paths."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vippsrecon.dates import PERIOD_EXAMPLES, Period, parse_period

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

PERIOD_PLACE = "{period}"
"""In the path of a report: replaced by the name of the period, such as 2026-10."""

PeriodOption = Annotated[
    str | None,
    typer.Option(
        "--period",
        metavar="PERIOD",
        help=f"The days as a word: {PERIOD_EXAMPLES}, by the calendar of the sales unit's time zone.",
    ),
]


def read_clock(context: typer.Context) -> datetime:
    """Return the time now: that of the clock which the caller gave, else this computer's.

    Args:
        context: Its `obj` may be a function without arguments that returns the time, with a zone.
    """
    return context.obj() if callable(context.obj) else datetime.now(UTC)


def choose_period(context: typer.Context, period: str | None, zone: ZoneInfo) -> Period | None:
    """Return the days of --period; None without it.

    Raises:
        InputError: It is not a period.
    """
    if period is None:
        return None
    return parse_period(period, read_clock(context).astimezone(zone).date(), "--period")


def insert_period(path: Path, period: Period | None, name: str) -> Path:
    """Return the path with the name of the period in the place of {period}.

    Args:
        path: As a person typed it.
        period: The days; None without --period.
        name: What the path is, for the error message, such as "--out".

    Raises:
        InputError: The path has this place, but there is no period.
    """
    from vippsrecon.errors import InputError

    if PERIOD_PLACE not in str(path):
        return path
    if period is None:
        raise InputError(f"{name} contains {PERIOD_PLACE}, but there is no --period. Add one.")
    return Path(str(path).replace(PERIOD_PLACE, period.name))
