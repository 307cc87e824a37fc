"""Workspace databases to carry out against: a SQLite file, or a PostgreSQL of our own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.postgres import binaries, running

DATABASES = ("sqlite", "postgresql")

Maker = Callable[[Path], str]
"""Makes an empty database for a folder, and returns its URL."""


@contextlib.contextmanager
def databases(kind: str, *, sync: bool = False) -> Iterator[Maker]:
    """Give a maker of databases of a kind; PostgreSQL's server runs until the block ends.

    Args:
        kind: One of DATABASES.
        sync: Have PostgreSQL flush to the disk as in earnest: for measuring.
    """
    if kind == "sqlite":
        yield sqlite
        return
    if binaries() is None:
        raise RuntimeError("there are no PostgreSQL binaries here (Debian: postgresql)")
    with running(sync=sync) as server:
        yield lambda folder: server.database()


def sqlite(folder: Path) -> str:
    """Return the URL of a file in a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'workspace.db'}"
