"""The files that a reader of exports, bank statements or settlements is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from vippsrecon.errors import InputError, SourceError


class Named(Protocol):
    """A path, or a frame that was given as a file."""

    @property
    def name(self) -> str:
        """The file's name."""


def list_paths(paths: Any, what: str) -> list[Path]:
    """Return one or several paths as a list.

    Args:
        paths: A path, or several.
        what: What is read, for the sentence: "bank statements".

    Raises:
        InputError: No file is named, or something else than a path.

    >>> [path.name for path in list_paths("october.xml", "bank statements")]
    ['october.xml']
    """
    is_single = isinstance(paths, str | Path) or not isinstance(paths, Iterable)
    listed = [paths] if is_single else list(paths)
    if not listed:
        raise InputError("no file was named")
    for path in listed:
        if not isinstance(path, str | Path):
            raise InputError(f"{what} are read from files, and a {type(path).__name__} is none")
    return [Path(path) for path in listed]


def refuse_repeated_names(files: Sequence[Named]) -> None:
    """Refuse two files of one name: a row is identified by file name and row number.

    Raises:
        SourceError: Two files have the same name, also in different folders.
    """
    names = [file.name for file in files]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise SourceError(
            "two input files have this name; rename one, since rows are identified by file name and row number",
            file=double,
        )
