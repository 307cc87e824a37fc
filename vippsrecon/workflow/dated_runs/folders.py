"""Keep one folder per period: a run is made beside its place and gets its name when it is whole.

    .2026-10.unfinished   a run under way, or what a stopped one had fetched
    2026-10               a run that has ended, with its manifest
    2026-10.before-1      an earlier run of the period, in which people worked
    .2026-10.replaced     an earlier run during its replacement

Only a process that holds the lock of the folder changes it.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from vippsrecon.errors import InputError, OutputError, SourceError
from vippsrecon.fetching.run_folder import read_run_info
from vippsrecon.folder_lock import lock_folder
from vippsrecon.input_files import is_present
from vippsrecon.output_files import find_backup_path, flush_to_disk, refuse_workbook_path
from vippsrecon.sources.files.detect import compute_file_sha256
from vippsrecon.workflow.dated_runs.manifest import (
    MANIFEST_FILE,
    REPORT_FILE,
    DatedRun,
    list_written_files,
    read_manifest,
)

_log = logging.getLogger(__name__)

DATA_FOLDER = "report.data"


class DatedFolders:
    """The folder that holds the runs, one folder each.

    Args:
        root: The folder. It must exist.
        environment: That of the runs to come; "" if it is not known before they are made.
    """

    def __init__(self, root: Path, environment: str) -> None:
        self._root = root
        self._environment = environment

    def find_run(self, name: str) -> DatedRun | None:
        """Return the run of a period that has ended, complete or not; None without one.

        Raises:
            OutputError: Something else has its name, or it is of another environment.
            SourceError: Its manifest is damaged.
        """
        place = self.place(name)
        self._finish_replacement(name)
        if not is_present(place):
            return None
        if place.is_symlink() or not place.is_dir():
            raise OutputError(
                f"{place} is not a folder that a run wrote. Rename it, or name another folder with "
                "--into."
            )
        run = read_manifest(place)
        if run is None:
            raise OutputError(
                f"{place} exists and has no {MANIFEST_FILE}, so no run wrote it. Rename it, or name "
                "another folder with --into."
            )
        if run.name != name:
            raise SourceError(
                f"this is of {run.name[:40]!r}. Rename the folder, and reconcile again",
                file=f"{name}/{MANIFEST_FILE}",
            )
        if self._environment and run.environment != self._environment:
            raise InputError(
                f"{place} is of the environment {run.environment}, but this run is of "
                f"{self._environment}. Name another folder with --into."
            )
        return run

    def place(self, name: str) -> Path:
        """Return the folder of a period."""
        return self._root / name

    @contextmanager
    def make_run(self, name: str) -> Iterator[Path]:
        """Yield a folder to make a run in; on success, give it its place.

        What an unfinished fetch had read is there, so that it continues. The run before is deleted if
        it is unchanged, and kept as `<name>.before-1` if people worked in it.

        Raises:
            OutputError: A report of the run before is open in another program.
        """
        place = self.place(name)
        if place.is_dir():
            refuse_workbook_path(place / REPORT_FILE)
        unfinished = self._root / f".{name}.unfinished"
        _keep_fetch_only(unfinished)
        unfinished.mkdir(exist_ok=True)
        if _is_unfinished_fetch(place / DATA_FOLDER) and not is_present(unfinished / DATA_FOLDER):
            shutil.copytree(place / DATA_FOLDER, unfinished / DATA_FOLDER)
        try:
            yield unfinished
            self._give_place(unfinished, place)
        except BaseException:
            _keep_fetch_only(unfinished)
            raise

    def _give_place(self, unfinished: Path, place: Path) -> None:
        flush_to_disk(unfinished)
        replaced = self._replaced(place.name)
        if is_present(place):
            if _was_changed(place):
                backup = find_backup_path(place)
                place.rename(backup)
                _log.warning(
                    "%s was changed after its run. It was renamed to %s; the new run is in its place.",
                    place,
                    backup.name,
                )
            else:
                place.rename(replaced)
        unfinished.rename(place)
        flush_to_disk(self._root)
        self._finish_replacement(place.name)

    def _finish_replacement(self, name: str) -> None:
        """Delete the run that was replaced; give it its name again if the new one was not made."""
        place, replaced = self.place(name), self._replaced(name)
        if not is_present(replaced):
            return
        if is_present(place):
            shutil.rmtree(replaced)
        else:
            replaced.rename(place)

    def _replaced(self, name: str) -> Path:
        return self._root / f".{name}.replaced"


@contextmanager
def lock_reports(root: Path) -> Iterator[None]:
    """Create the folder of the runs and let only this process write to it.

    Raises:
        OutputError: Another process writes to it, or it cannot be created or locked.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OutputError(
            f"{root}: this path, or a part of it, is a file. Name a folder with --into."
        ) from None
    except ValueError as error:
        if isinstance(error, UnicodeEncodeError):
            raise
        raise OutputError(f"{str(root)!r} is not the name of a folder.") from None
    busy = (
        f"{root}: another run is writing to this folder. Nothing was started. Wait for it, or name "
        "another folder with --into."
    )
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_folder(root, busy))
        except OSError as error:
            # Without a lock two runs would make the same folder.
            raise OutputError(
                f"{root} cannot be locked ({error.strerror or error}), so two runs could disturb each "
                "other. Name a folder on a local disk with --into."
            ) from None
        yield


def _keep_fetch_only(folder: Path) -> None:
    """Delete what an ended run left, except a fetch that the next one continues."""
    data = folder / DATA_FOLDER
    if not _is_unfinished_fetch(data):
        _delete(folder)
        return
    for path in folder.iterdir():
        if path != data:
            _delete(path)


def _is_unfinished_fetch(data: Path) -> bool:
    fetch = read_run_info(data) if data.is_dir() else None
    return fetch is not None and not fetch.get("complete")


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return
    with suppress(FileNotFoundError):
        path.unlink()


def _was_changed(folder: Path) -> bool:
    """Return whether a file of a run was changed, added or removed since."""
    run = read_manifest(folder)
    files = list_written_files(folder)
    return (
        run is None
        or {path.as_posix() for path in files} != set(run.outputs)
        or any(compute_file_sha256(folder / path) != run.outputs[path.as_posix()] for path in files)
    )
