"""Write many rows to a table of the workspace database, with the same SQL on both databases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, text

T = TypeVar("T")

ROWS_PER_STATEMENT = 500
"""Rows of one statement; SQLite allows 32,766 parameters."""


def split_rows(rows: Iterable[T]) -> Iterator[list[T]]:
    """Yield the rows in lists that one statement can hold."""
    remaining = iter(rows)
    while chunk := list(islice(remaining, ROWS_PER_STATEMENT)):
        yield chunk


def insert_rows(
    connection: Connection, table: str, rows: Iterable[Mapping[str, Any]], on_conflict: str
) -> None:
    """Insert rows into a table.

    Args:
        connection: Inside a write transaction.
        table: Name of the table.
        rows: All with the columns of the first row.
        on_conflict: What is done about a row that exists: the SQL after `ON CONFLICT`.
    """
    for chunk in split_rows(rows):
        names = list(chunk[0])
        columns, values = ", ".join(names), ", ".join(f":{name}" for name in names)
        # The names are those of `tables`, never data.
        statement = f"INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT {on_conflict}"
        connection.execute(text(statement), [dict(row) for row in chunk])
