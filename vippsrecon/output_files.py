"""Files that appear whole or not at all; what stood there and is needed is kept beside them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vippsrecon.errors import OutputError


@contextmanager
def atomic_file(path: Path, kind: str, *, marked: bytes = b"") -> Iterator[Path]:
    """Give a file to write to; on leaving, it stands at `path`, on disk and whole.

    Args:
        path: Where it shall stand. Its folder has to exist.
        kind: What it is, for sentences: "plan".
        marked: What the start of an earlier file of this kind holds. Such a file is kept as
            `<name>.before-1<ending>`; any other file there is never replaced.

    Raises:
        OutputError: The place cannot be written, or another kind of file stands there.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the name of a file in it for the {kind}")
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} does not exist; create it or choose another")
    if path.exists() and path.stat().st_size and marked not in _read_start(path):
        raise OutputError(f"{path} is there already and is no {kind}; name another file")
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
        made = Path(name)
        try:
            yield made
            made.chmod(0o644)
            _flush_to_disk(made)
            if path.exists() and path.stat().st_size:
                path.rename(_choose_backup_path(path))
            made.replace(path)
            _flush_to_disk(path.parent)
        finally:
            made.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} could not be written: {error.strerror or error}; free some space, close the "
            "program that has it open, or choose another place"
        ) from None


def _read_start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _choose_backup_path(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.stem}.before-{number}{path.suffix}")).exists():
        number += 1
    return kept


def _flush_to_disk(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows gives no handle on a folder, and needs none
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
