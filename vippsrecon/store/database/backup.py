"""Copy the workspace database into one file that is whole, also while a run is writing.

A SQLite database in write-ahead mode is two files: entries that were committed last may be in the
file `…-wal` only. SQLite's own backup reads both.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from vippsrecon.errors import StoreError
from vippsrecon.store.database.store import Store


def back_up(store: Store, path: Path) -> Path:
    """Write a copy of a SQLite workspace database to one new file, readable by its owner only.

    Args:
        store: The workspace database.
        path: The new file. An existing file is never overwritten.

    Returns:
        The path.

    Raises:
        StoreError: The database is not SQLite, the file exists, or the copy cannot be written.
            There is no file then, unless it existed before.
    """
    engine = store._engine
    if engine.dialect.name != "sqlite":
        raise StoreError(
            f"the workspace database {store.url_masked} is on a server: back it up there, with pg_dump"
        )
    try:
        # Created here, so that nobody else can read it at any time, and nothing is overwritten.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise StoreError(f"{path} exists already. Name a new file for the backup") from None
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from None
    try:
        _copy(str(engine.url.database), path)
    except sqlite3.Error as error:
        path.unlink(missing_ok=True)
        raise StoreError(
            f"the workspace database {store.url_masked} could not be copied to {path}: {error}"
        ) from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _copy(database: str, path: Path) -> None:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
        # Without this the copy would be in write-ahead mode too, and two files once it is opened.
        target.execute("PRAGMA journal_mode = DELETE")
        problem = target.execute("PRAGMA integrity_check").fetchone()[0]
        if problem != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged: {problem}")
