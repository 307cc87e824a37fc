"""Workspace databases for the crash tests: a SQLite file, or a PostgreSQL server of our own."""

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
    """Yield a function that makes databases. A PostgreSQL server runs until the block ends.

    Args:
        kind: One of DATABASES.
        sync: Make PostgreSQL flush to the disk as in production. Used for measurements.
    """
    if kind == "sqlite":
        yield sqlite
        return
    if binaries() is None:
        raise RuntimeError("there are no PostgreSQL binaries here (Debian: postgresql)")
    with running(sync=sync) as server:
        yield lambda folder: server.database()


def sqlite(folder: Path) -> str:
    """Create the folder and return the URL of a SQLite file in it."""
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'workspace.db'}"
