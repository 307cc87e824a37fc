"""Write output files completely or not at all, and never lose a file that a user needs.

A file is made beside its final place, on the same disk, and moved there when it is complete. If
anything fails before that, the file that was there is unchanged. An existing file that a user may
need is renamed first, to `<name>.before-1<suffix>`.

    refuse unusable paths → make the new file → rename the existing one → move the new one in
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import shlex
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vippsrecon.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_log = logging.getLogger("vippsrecon.report")

WORKBOOK_SUFFIX = ".xlsx"
"""Suffix of every workbook: a file with another suffix may be the user's order export."""

PAGE_SUFFIX = ".html"
"""Suffix of a report as one page."""

DATA_SUFFIX = ".data"
"""Suffix of the folder beside a report with the rows that it was made of."""

PRIVATE_FILE_MODE, PRIVATE_FOLDER_MODE = 0o600, 0o700
_OTHERS_MAY_OPEN, _OTHERS_MAY_ENTER = 0o077, 0o011

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_PERMITTED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def atomic_file(path: Path, kind: str, *, marked: bytes = b"") -> Iterator[Path]:
    """Yield a temporary file to write; on success, flush it to disk and move it to `path`.

    Args:
        path: The final path. Its folder must exist.
        kind: What the file is, for error messages: "plan".
        marked: Bytes that the first 4096 bytes of a file of this kind contain. An existing file
            with this mark is renamed to `<name>.before-1<suffix>`; without it, it is not replaced.

    Raises:
        OutputError: The path cannot be written, or a file of another kind is there.
    """
    _refuse_location(path)
    if _has_content(path) and marked not in _read_start(path):
        raise OutputError(f"{path} exists and is not a {kind}. Choose another file name.")
    try:
        temporary = _create_beside(path)
        try:
            yield temporary
            flush_to_disk(temporary)
            if _has_content(path):
                path.rename(find_backup_path(path))
            temporary.replace(path)
            flush_to_disk(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(_explain_os_error(path, error)) from None


@contextmanager
def atomic_report(
    path: Path, *, must_keep: Callable[[Path], bool], suffix: str = WORKBOOK_SUFFIX
) -> Iterator[Path]:
    """Yield an empty folder for `path` and its companion files; on success, move all of them.

    The files are moved to the folder of `path`, `path` itself last. Files in a subfolder
    `<stem>.data` are moved to the folder of this name, and only this account can open them; other
    subfolders are deleted. An existing report for which `must_keep` is true is renamed first,
    and a warning is logged.

    Args:
        path: The final path of the report. Its folder must exist.
        must_keep: Whether an existing report holds something that exists nowhere else.
        suffix: What the name must end in: that of a workbook, or of a page.

    Raises:
        OutputError: As `refuse_report_path`, or the folder is not writable or the disk is full.
    """
    refuse_report_path(path, suffix=suffix)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as name:
            folder = Path(name)
            yield folder
            data_folder = f"{path.stem}{DATA_SUFFIX}"
            _move_private_files(folder / data_folder, path.parent / data_folder)
            files = sorted(file for file in folder.iterdir() if file.is_file())
            # The report comes last: without it, nobody takes the other files for a complete report.
            for file in sorted(files, key=lambda file: file.name == path.name):
                _move_into_place(
                    file, path.parent / file.name, must_keep if file.name == path.name else None
                )
    except OSError as error:
        raise OutputError(_explain_os_error(path, error)) from error


@contextmanager
def atomic_private_file(path: Path) -> Iterator[Path]:
    """Yield `<name>.tmp` to write; on success, flush it to disk and rename it to `path`.

    Only this account can open the file: it holds payments of customers. An existing file is
    replaced, as is an unfinished one that an earlier process left.

    Raises:
        OSError: The file cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    try:
        _create_file(temporary, PRIVATE_FILE_MODE)
        yield temporary
        flush_to_disk(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    flush_to_disk(path.parent)


def make_private_folder(folder: Path) -> None:
    """Create a folder that only this account can open; an existing one is left as it is.

    For payments of customers and the journal of what was moved.
    """
    folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)


def find_readable_by_others(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """Return files and folders that other accounts can open, each with the command that closes it.

    A folder closed to others protects the files in it. Always empty on Windows, where a folder of
    a user is closed to others.
    """
    if os.name == "nt":
        return []
    readable = []
    for path in paths:
        try:
            about = path.stat()
            closed = path.parent.resolve().stat().st_mode & _OTHERS_MAY_ENTER == 0
        except OSError:
            continue
        if about.st_mode & _OTHERS_MAY_OPEN and not closed:
            mode = PRIVATE_FOLDER_MODE if path.is_dir() else PRIVATE_FILE_MODE
            readable.append((path, f"chmod {mode:o} {shlex.quote(str(path))}"))
    return readable


def refuse_workbook_path(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Raise if no workbook can be written to `path`. Writes nothing.

    Raises:
        OutputError: As `refuse_report_path`.
    """
    refuse_report_path(path, inputs)


def refuse_report_path(
    path: Path, inputs: Iterable[Path] = (), *, suffix: str = WORKBOOK_SUFFIX
) -> None:
    """Raise if no report can be written to `path`. Writes nothing.

    Raises:
        OutputError: As `refuse_output_path`; or the name does not end in `suffix`, or the file is
            open in another program or write-protected.
    """
    refuse_output_path(path, inputs)
    _refuse_suffix(path, suffix)
    for lock, program in ((f".~lock.{path.name}#", "LibreOffice"), (f"~${path.name}", "Excel")):
        if (path.parent / lock).exists():
            raise OutputError(
                f"{path.name} is open in {program}. Close it and run the command again. "
                f"If it is not open, delete the file {lock} in the same folder."
            )
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(
            f"{path} is write-protected. Choose another name or change the file's permissions."
        )


def refuse_workbook_name(path: Path) -> None:
    """Raise if the name is not that of a workbook.

    Raises:
        OutputError: The name does not end in .xlsx.
    """
    _refuse_suffix(path, WORKBOOK_SUFFIX)


def _refuse_suffix(path: Path, suffix: str) -> None:
    if path.suffix.lower() != suffix:
        kind = "an Excel workbook" if suffix == WORKBOOK_SUFFIX else "an HTML page"
        raise OutputError(
            f"{path} does not end in {suffix}. Choose the name of {kind}, "
            f"such as {path.with_suffix(suffix).name}."
        )


def refuse_output_path(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Raise if no file can be written to `path`. Writes nothing.

    A command calls it before work that takes minutes or moves money.

    Args:
        path: The file to write.
        inputs: The files that the command reads, which it must not replace.

    Raises:
        OutputError: `path` is one of the inputs or not an ordinary file, or its folder does not
            exist.
    """
    if any(is_same_file(path, file) for file in inputs):
        raise OutputError(f"{path} is one of the input files. Choose another name for the result.")
    _refuse_location(path)


def is_same_file(path: Path, other: Path) -> bool:
    """Return whether two names mean the same file, also through links; neither has to exist."""
    # Not Path.resolve, which fails at a link that names itself.
    if os.path.realpath(path) == os.path.realpath(other):
        return True
    return path.exists() and other.exists() and path.samefile(other)


def _refuse_location(path: Path) -> None:
    folder = path.parent
    if path.is_dir():
        raise OutputError(f"{path} is a folder. Give the name of a file in it.")
    if path.is_symlink() and not path.exists():
        # Writing would make the file that the link names.
        raise OutputError(
            f"{path} is a link to a file that does not exist. Remove it or choose another name."
        )
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is not an ordinary file. Choose another name.")
    if not folder.exists():
        raise OutputError(
            f"The folder {folder} does not exist. Create it or choose another folder."
        )
    if not folder.is_dir():
        raise OutputError(
            f"{folder} is a file, not a folder. Choose another folder for {path.name}."
        )


def find_backup_path(path: Path) -> Path:
    """Return the first unused name `<name>.before-<n><suffix>` in the folder of `path`."""
    number = 1
    while (backup := path.with_name(f"{path.stem}.before-{number}{path.suffix}")).exists():
        number += 1
    return backup


def _create_beside(path: Path) -> Path:
    """Create an empty file in the folder of `path`, with the permissions that the umask gives."""
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(8)}{path.suffix}")
    # Not tempfile.mkstemp, whose files are 0600 whatever the umask.
    _create_file(temporary, 0o666)
    return temporary


def _create_file(path: Path, mode: int) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))


def _move_private_files(source: Path, folder: Path) -> None:
    if not source.is_dir():
        return
    if folder.exists() and not folder.is_dir():
        raise OutputError(
            f"{folder} is a file, but the rows of the report need a folder of this name. Rename it, "
            "or choose another name for the report."
        )
    make_private_folder(folder)
    for file in sorted(source.iterdir()):
        file.chmod(PRIVATE_FILE_MODE)
        file.replace(folder / file.name)


def _move_into_place(file: Path, path: Path, must_keep: Callable[[Path], bool] | None) -> None:
    if must_keep is None or not path.exists() or not must_keep(path):
        file.replace(path)
        return
    backup = find_backup_path(path)
    path.rename(backup)
    try:
        file.replace(path)
    except OSError:
        backup.rename(path)
        raise
    _log.warning(
        "%s already existed and contains entries made by hand, or is not a report of this toolkit. "
        "It was renamed to %s; the new report is in its place.",
        path.name,
        backup.name,
    )


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _read_start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def flush_to_disk(path: Path) -> None:
    """Wait until the disk holds a file, or the names in a folder."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a folder, and does not need it flushed.
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _explain_os_error(path: Path, error: OSError) -> str:
    problem = f"{path.name} could not be written to {path.parent}: "
    if error.errno in _DISK_FULL:
        return f"{problem}the disk is full. Free some space or choose another folder."
    if error.errno in _NOT_PERMITTED:
        return (
            f"{problem}permission denied. Close the file if it is open in another program, or "
            "choose another folder."
        )
    return f"{problem}{error.strerror or error}. Try again, or choose another folder."
