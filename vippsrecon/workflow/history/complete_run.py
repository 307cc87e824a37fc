"""Record when a complete run was made, and find the latest one: for `vippsrecon heartbeat`.

complete_run.json in `report.data/` is written by a complete run only, so that an incomplete run after
it leaves it there. The workspace database has the same in its table of runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vippsrecon.errors import InputError, SourceError
from vippsrecon.fetching.run_folder import translate_os_errors
from vippsrecon.input_files import is_present, read_small_json
from vippsrecon.output_files import atomic_private_file, make_private_folder
from vippsrecon.store import read_latest_complete_run
from vippsrecon.workflow.history.database import query_database

if TYPE_CHECKING:
    from vippsrecon.config.settings import Settings
    from vippsrecon.store import Run

COMPLETE_RUN_FILE = "complete_run.json"
"""The cut-off time, environment and period of the latest complete run of a report."""


class CompleteRun(NamedTuple):
    """A run that had all its data.

    Attributes:
        as_of: Its cut-off time.
        place: Where it is recorded, for a message.
    """

    as_of: datetime
    place: str


def save_complete_run(folder: Path, run: Run) -> None:
    """Write the run into its `report.data/`; created if missing.

    Raises:
        OutputError: The folder cannot be written.
    """
    facts = {
        "as_of": run.as_of,
        "environment": run.environment,
        "first_day": run.first_day and run.first_day.isoformat(),
        "last_day": run.last_day and run.last_day.isoformat(),
    }
    with translate_os_errors(folder):
        make_private_folder(folder)
        with atomic_private_file(folder / COMPLETE_RUN_FILE) as temporary:
            temporary.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def find_latest_complete_run(settings: Settings, folder: Path | None = None) -> CompleteRun | None:
    """Return the complete run with the latest cut-off time; None if there is none.

    Args:
        settings: Names the workspace database; only runs of its environment count, if it names one.
        folder: A `report.data/`, or the folder of several; None: the workspace database.

    Raises:
        InputError: The folder does not exist, or a file in it is damaged.
        StoreError: The database cannot be used.
    """
    if folder is not None:
        runs = [run for run in _read_folder(folder, settings.environment) if run is not None]
        return max(runs, default=None)
    as_of = query_database(
        settings.database_url,
        lambda store: read_latest_complete_run(store, settings.environment or None),
        None,
    )
    return None if as_of is None else CompleteRun(_parse_time(as_of), "the workspace database")


def _read_folder(folder: Path, environment: str) -> Iterable[CompleteRun | None]:
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder. Name with --report the .data folder beside a report, or the "
            "folder of the reports."
        )
    # A folder whose name begins with a dot is of a run that has not ended.
    dated = (place for place in folder.glob("*/*.data") if not place.parent.name.startswith("."))
    for place in [folder, *sorted(folder.glob("*.data")), *sorted(dated)]:
        if is_present(place / COMPLETE_RUN_FILE):
            name = place.relative_to(folder).as_posix() if place != folder else folder.name
            yield _read_file(place / COMPLETE_RUN_FILE, environment, name)


def _read_file(path: Path, environment: str, name: str) -> CompleteRun | None:
    values: Any = read_small_json(path)
    try:
        as_of, of_environment = values["as_of"], values["environment"]
        if not isinstance(of_environment, str):
            raise TypeError
        moment = _parse_time(as_of)
    except (KeyError, TypeError, ValueError):
        raise SourceError(
            "this is not what a run writes. Delete it, and reconcile again", file=str(path)
        ) from None
    if environment and of_environment != environment:
        return None
    return CompleteRun(moment, name)


def _parse_time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
