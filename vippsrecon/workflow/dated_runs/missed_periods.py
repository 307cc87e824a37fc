"""Find the months or days before a period that have no complete run."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from vippsrecon.dates import Period, find_next_period, parse_named_period
from vippsrecon.errors import InputError
from vippsrecon.workflow.dated_runs.manifest import read_manifest

MAX_MISSED_MONTHS, MAX_MISSED_DAYS = 12, 31
"""Runs that are made up for at once: more would take hours without a person who asked for them."""


class MissedPeriods(NamedTuple):
    """What is to be made up for.

    Attributes:
        periods: Oldest first.
        too_old: First and last name of missed periods that are too long ago; None without any.
    """

    periods: tuple[Period, ...]
    too_old: tuple[str, str] | None = None


def find_missed_periods(root: Path, period: Period) -> MissedPeriods:
    """Find the periods without a complete run, from the first run in a folder to a period.

    An incomplete run and a failed one are missed too, also if later ones were complete. Before the first
    run nothing is missed: the folder did not exist then.

    Args:
        root: The folder of the runs.
        period: The period that is run now. If it is a month, months are found, otherwise days.
    """
    known = [
        known
        for known in map(_parse_name, (path.name for path in root.iterdir()))
        if known is not None and known.is_month == period.is_month and known.first < period.first
    ]
    if not known:
        return MissedPeriods(())
    missed = []
    candidate = min(known)
    while candidate.first < period.first:
        if not _is_complete(root / candidate.name):
            missed.append(candidate)
        candidate = find_next_period(candidate)
    most = MAX_MISSED_MONTHS if period.is_month else MAX_MISSED_DAYS
    recent, too_old = missed[-most:], missed[:-most]
    return MissedPeriods(tuple(recent), (too_old[0].name, too_old[-1].name) if too_old else None)


def _parse_name(name: str) -> Period | None:
    # A run that never ended counts as well: its period was asked for.
    name = name.removeprefix(".").removesuffix(".unfinished")
    try:
        return parse_named_period(name)
    except InputError:
        return None


def _is_complete(folder: Path) -> bool:
    """Return whether a complete run is there; a damaged manifest is told when its period is run."""
    try:
        run = read_manifest(folder)
    except InputError:
        return False
    return run is not None and run.complete
