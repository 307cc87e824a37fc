"""Migrate a database's tables to this version: numbered SQL files, applied once and in order."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, inspect, select

from vippsrecon.errors import StoreError
from vippsrecon.store.database.tables import METADATA, MIGRATIONS, database_time

_FILE_NAME_PATTERN = re.compile(r"(\d{4})_\w+\.sql")
_DIALECT_MARK_PATTERN = re.compile(r"^-- (sqlite|postgresql)$", re.MULTILINE)


class Migration(NamedTuple):
    """One file of `migrations/`.

    Attributes:
        version: Version of the database after the migration.
        name: File name.
        text: The SQL text.
    """

    version: int
    name: str
    text: str

    def select_statements(self, dialect: str) -> list[str]:
        """Return the statements for one database, in order."""
        parts = [part.strip() for part in self.text.split("\n\n")]
        return [part for part in parts if _is_statement(part) and _is_for_dialect(part, dialect)]


def load_migrations() -> list[Migration]:
    """Return all migrations of this version, in order."""
    loaded = [
        Migration(int(match[1]), file.name, file.read_text(encoding="utf-8"))
        for file in files("vippsrecon.store.database").joinpath("migrations").iterdir()
        if (match := _FILE_NAME_PATTERN.fullmatch(file.name))
    ]
    return sorted(loaded)


def read_version(connection: Connection, name: str) -> int:
    """Return the version of a database; 0 if it does not have vippsrecon's tables yet.

    Raises:
        StoreError: It was made by a newer vippsrecon, or it holds other tables.
    """
    known = load_migrations()[-1].version
    tables = set(inspect(connection).get_table_names())
    if MIGRATIONS.name not in tables:
        foreign = tables if connection.dialect.name == "sqlite" else tables & set(METADATA.tables)
        if foreign:
            raise StoreError(
                f"the database {name} holds other tables ({', '.join(sorted(foreign)[:3])}) and "
                "is not a vippsrecon workspace: name another in VIPPSRECON_DATABASE_URL"
            )
        return 0
    version = connection.execute(select(func.max(MIGRATIONS.c.version))).scalar() or 0
    if version > known:
        raise StoreError(
            f"the workspace database {name} was made by a newer vippsrecon (version {version}, "
            f"this one knows {known}): upgrade with pip install -U vippsrecon"
        )
    return version


def apply_migrations(connection: Connection, name: str) -> None:
    """Apply the missing migrations, inside a transaction that holds the write lock.

    Raises:
        StoreError: See `read_version`.
    """
    version = read_version(connection, name)
    for migration in load_migrations():
        if migration.version <= version:
            continue
        for statement in migration.select_statements(connection.dialect.name):
            connection.exec_driver_sql(statement)
        connection.execute(
            insert(MIGRATIONS).values(
                version=migration.version, name=migration.name, applied_at=database_time()
            )
        )


def _is_statement(part: str) -> bool:
    return any(line and not line.startswith("--") for line in part.splitlines())


def _is_for_dialect(part: str, dialect: str) -> bool:
    only = _DIALECT_MARK_PATTERN.search(part)
    return only is None or only[1] == dialect
