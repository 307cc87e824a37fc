"""Files that appear whole or not at all.

A report is made in a folder of its own beside where it shall stand, and moved there when it is
whole: whatever goes wrong before, a report that was there already stays as it was.
"""

from __future__ import annotations

import errno
import logging
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vippsrecon.errors import OutputError
from vippsrecon.report.excel.existing_report import find_backup_path, has_manual_entries

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger("vippsrecon.report")

REPORT_SUFFIX = ".xlsx"
"""How a report's name ends: anything else may be somebody's order export."""


@contextmanager
def atomic_report(path: Path) -> Iterator[Path]:
    """Give a folder to make `path` and its companions in; on leaving, move all files beside it.

    Args:
        path: Where the main file shall stand. Its folder has to exist.

    Yields:
        An empty folder on the same disk. What is in it at the end, folders apart, is moved to
        the folder of `path`, the file named like `path` last. A workbook that people worked in
        is moved aside first, which the log tells as a warning.

    Raises:
        OutputError: `path` does not end in .xlsx, is a folder, its folder is missing or may not
            be written, somebody has the file open, or the disk is full.
    """
    refuse_report_path(path)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as made:
            yield Path(made)
            files = sorted(file for file in Path(made).iterdir() if file.is_file())
            for file in sorted(files, key=lambda file: file.name == path.name):
                _move_into_place(file, path.parent / file.name)
    except OSError as error:
        raise OutputError(_explain_os_error(path, error)) from error


def _move_into_place(made: Path, path: Path) -> None:
    """Move a finished file to `path`; a workbook there that people worked in is kept beside it."""
    if path.suffix.lower() != REPORT_SUFFIX or not path.exists() or not has_manual_entries(path):
        made.replace(path)
        return
    kept = find_backup_path(path)
    path.rename(kept)
    try:
        made.replace(path)
    except OSError:
        kept.rename(path)
        raise
    _log.warning(
        "%s was there already, and somebody has worked in it (or it is no report of ours): "
        "it is kept as %s beside the new one.",
        path.name,
        kept.name,
    )


def refuse_report_path(path: Path) -> None:
    """Raise where a report cannot stand at `path`; nothing is written.

    Raises:
        OutputError: As `atomic_report` says, the disk apart.
    """
    folder = path.parent
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the name of a file in it, such as report.xlsx")
    if path.suffix.lower() != REPORT_SUFFIX:
        raise OutputError(
            f"{path} does not end in {REPORT_SUFFIX}, so it cannot be the report; name a new workbook, "
            f"such as {path.with_suffix(REPORT_SUFFIX).name}"
        )
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is not an ordinary file; choose another name for the report")
    if not folder.exists():
        raise OutputError(f"the folder {folder} does not exist; create it or choose another")
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file, not a folder; choose another place for {path.name}")
    for lock, program in ((f".~lock.{path.name}#", "LibreOffice"), (f"~${path.name}", "Excel")):
        if (folder / lock).exists():
            raise OutputError(
                f"{path.name} is open in {program}; close it there and run again "
                f"(if it is not, delete {lock} beside it)"
            )
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(
            f"{path} may not be overwritten; choose another name or change its rights"
        )


def _explain_os_error(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"{path.name} could not be written: no room is left in {path.parent}; "
            "free some space or choose another place"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"{path.name} could not be written: {path.parent} may not be written, or the file is "
            "open in another program; close it or choose another place"
        )
    return f"{path.name} could not be written in {path.parent}: {error.strerror or error}"
