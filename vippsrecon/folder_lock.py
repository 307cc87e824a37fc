"""Let only one process at a time work in a folder. The lock ends with the process, also with a crash."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vippsrecon.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WINDOWS_LOCK_FILE = ".vippsrecon.lock"
"""Windows cannot lock a folder, so a file in it is locked there. It may stay: only the lock counts."""


@contextmanager
def lock_folder(folder: Path, busy: str) -> Iterator[None]:
    """Hold the lock of a folder.

    Args:
        folder: The folder. It must exist.
        busy: The sentence for the user where another process holds the lock.

    Raises:
        OutputError: Another process holds it.
        OSError: This disk knows no locks.
    """
    handle = _open_to_lock(folder)
    try:
        _acquire(handle, busy)
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _open_to_lock(folder: Path) -> int:
        return os.open(folder / WINDOWS_LOCK_FILE, os.O_CREAT | os.O_RDWR)

    def _acquire(handle: int, busy: str) -> None:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            raise OutputError(busy) from None

else:
    import fcntl

    def _open_to_lock(folder: Path) -> int:
        # The folder itself is locked, so that no lock file is left behind.
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def _acquire(handle: int, busy: str) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(busy) from None
