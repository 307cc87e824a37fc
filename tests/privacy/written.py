"""Read everything that a program wrote, in every form in which it can hold a text."""

from __future__ import annotations

import html
import sqlite3
import zipfile
from collections.abc import Collection, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import polars as pl

from tests.privacy.markers import find_markers


def find_in_folder(folder: Path, inputs: Collection[str]) -> dict[str, set[str]]:
    """Return the places below a folder that hold something planted, and what.

    Args:
        folder: All its files are read, hidden ones and database journals too.
        inputs: Names of the files in it that the test wrote.
    """
    leaks: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in inputs:
            for place, content in _read_file(path, name):
                if found := find_markers(content):
                    leaks.setdefault(place, set()).update(found)
    return leaks


def _read_file(path: Path, name: str) -> Iterator[tuple[str, bytes | str]]:
    content = path.read_bytes()
    yield name, name
    yield name, content
    yield from _read_archive(content, name)
    if content.startswith(b"PAR1"):
        yield from _read_parquet(path, name)
    if content.startswith(b"SQLite format 3"):
        yield from _read_database(path, name)
    if path.suffix in {".html", ".ipynb", ".xml"}:
        yield name, html.unescape(content.decode("utf-8"))


def _read_archive(content: bytes, name: str) -> Iterator[tuple[str, bytes | str]]:
    """Yield every part of a workbook, document properties included, and of archives in it."""
    if not zipfile.is_zipfile(BytesIO(content)):
        return
    with zipfile.ZipFile(BytesIO(content)) as archive:
        for part in archive.infolist():
            inner = archive.read(part)
            yield f"{name}/{part.filename}", part.comment + archive.comment
            yield f"{name}/{part.filename}", inner
            if part.filename.endswith((".xml", ".rels")):
                yield f"{name}/{part.filename}", html.unescape(inner.decode("utf-8"))
            yield from _read_archive(inner, f"{name}/{part.filename}")


def _read_parquet(path: Path, name: str) -> Iterator[tuple[str, bytes | str]]:
    """Yield each column decoded: the bytes of the file are compressed."""
    frame = pl.read_parquet(path)
    for column in frame.iter_columns():
        yield f"{name}: {column.name}", column.name
        for value in column.unique(maintain_order=True):
            yield f"{name}: {column.name}", repr(value)
    yield f"{name}: metadata", repr(pl.read_parquet_metadata(path))


def _read_database(path: Path, name: str) -> Iterator[tuple[str, bytes | str]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for line in database.iterdump():
            yield f"{name}: {line[:40]}", line
