"""Read a Parquet file that an earlier run wrote, after a check that its rows fit into memory.

Neither the size of a file nor the sizes in its footer show what it takes in memory. A page can
unpack to more than the footer states, so the header of each page is read. A text can be stored
once, in a dictionary, and named in every row, so the texts of the rows are measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vippsrecon import schemas
from vippsrecon.errors import SchemaError, SourceError
from vippsrecon.fetching.stored_files.parquet_pages import (
    Footer,
    Page,
    read_footer,
    read_page_headers,
)
from vippsrecon.fetching.stored_files.recorded_hashes import RecordedHashes
from vippsrecon.money import group_thousands

MAX_PARQUET_ROWS = 50_000_000
MAX_PARQUET_VALUES = 500_000_000
"""Rows times columns: each value takes some 8 bytes, however few it takes in the file."""

MAX_PARQUET_BYTES = 4 * 1024**3
MAX_PAGE_BYTES = 64 * 1024**2
"""A writer ends a page at 1 MB, unless one text is longer. Several pages are unpacked at once."""

_PREFIX_ENCODING = 7
"""DELTA_BYTE_ARRAY: each text shares its beginning with the one before. vippsrecon does not write
that, and the size of such texts cannot be known before they are written out."""


class _UnusableFileError(Exception):
    """Why a file cannot be used, as a clause without advice."""


def read_parquet_file(path: Path, frame: schemas.Frame, hashes: RecordedHashes) -> pl.DataFrame:
    """Read a Parquet file as a frame with the columns of `frame`.

    Args:
        path: The file.
        frame: The schema that its rows must fit.
        hashes: What the run that wrote it recorded, and what to do if the file cannot be used.

    Raises:
        SourceError: It is not the file that was written, cannot be read, does not fit the schema, or
            does not fit into memory.
    """
    hashes.check(path)
    advice = hashes.advice
    try:
        groups = _choose_row_groups(path)
        with pq.ParquetFile(path) as file:
            columns = _read_columns(file)
        schemas.validate(pl.DataFrame(columns.empty_table()), frame)
        texts = [field.name for field in columns if _is_text(field.type)]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            if _estimate_text_bytes(file, groups, texts) > MAX_PARQUET_BYTES:
                _refuse_repeated_texts(file, groups, texts)
        with pq.ParquetFile(path) as file:
            table = file.read_row_groups(groups).cast(columns)
        # Polars ends the process where a text is not UTF-8.
        table.validate(full=True)
        data = pl.DataFrame(table)
        schemas.validate(data, frame)
    except (OSError, pa.ArrowException, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"cannot be read ({error}). {advice}", file=path.name) from error
    except (SchemaError, _UnusableFileError) as error:
        raise SourceError(f"{error}. {advice}", file=path.name) from None
    return data


def _read_columns(file: pq.ParquetFile) -> pa.Schema:
    """Return names and types of the columns, without the rest: Polars ends at what it cannot use."""
    fields = []
    for field in file.schema_arrow:
        kind = field.type
        is_plain = pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_date(kind)
        is_utc = pa.types.is_timestamp(kind) and kind.tz == "UTC"
        if not (is_plain or is_utc or _is_text(kind)):
            raise _UnusableFileError(
                f"the column {field.name!r} has the type {kind}, which vippsrecon does not write"
            )
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _choose_row_groups(path: Path) -> list[int]:
    """Return the row groups to read; refuse a file that is too large or contradicts itself."""
    try:
        with path.open("rb") as file:
            footer = read_footer(file)
            _refuse_large_table(footer)
            _refuse_large_pages(read_page_headers(file, footer))
            return footer.filled_groups
    except ValueError as error:
        raise _UnusableFileError(f"it is damaged ({error})") from None


def _refuse_large_table(footer: Footer) -> None:
    if sum(group.rows for group in footer.groups) != footer.rows or any(
        len(group.chunks) != footer.columns
        or any(chunk.values != group.rows for chunk in group.chunks)
        for group in footer.groups
    ):
        raise _UnusableFileError("the numbers of rows in it differ")
    unpacked = sum(group.unpacked_bytes for group in footer.groups)
    if (
        footer.rows > MAX_PARQUET_ROWS
        or footer.rows * footer.columns > MAX_PARQUET_VALUES
        or unpacked > MAX_PARQUET_BYTES
    ):
        raise _UnusableFileError(
            f"it unpacks to {group_thousands(footer.rows)} rows of "
            f"{group_thousands(footer.columns)} columns and "
            f"{group_thousands(unpacked // 1024**2)} MB, which is more than is read; "
            "choose fewer days"
        )


def _refuse_large_pages(pages: Iterable[Page]) -> None:
    """Refuse a file whose pages do not fit into memory, whatever its footer states."""
    total = 0
    for page in pages:
        total += page.unpacked_bytes
        if page.unpacked_bytes > MAX_PAGE_BYTES:
            raise _UnusableFileError("a page in it takes more memory than any that is written")
        if total > MAX_PARQUET_BYTES:
            raise _UnusableFileError("the pages in it take more memory than is allowed")
        if page.encoding == _PREFIX_ENCODING:
            raise _UnusableFileError("it was rewritten by another program (DELTA_BYTE_ARRAY)")


def _estimate_text_bytes(file: pq.ParquetFile, groups: list[int], texts: list[str]) -> int:
    """Return the bytes that the texts take at most: as if each were the longest of its dictionary.

    Reading one row reads the dictionary. A text that is in no dictionary is in the file itself,
    once for each row.
    """
    most = 0
    for number in groups:
        group = file.metadata.row_group(number)
        for batch in file.iter_batches(batch_size=1, row_groups=[number], columns=texts):
            longest = sum(
                pc.max(pc.binary_length(column.dictionary)).as_py() or 0 for column in batch.columns
            )
            most += longest * group.num_rows
            break
    return most


def _refuse_repeated_texts(file: pq.ParquetFile, groups: list[int], texts: list[str]) -> None:
    """Refuse a file whose texts, written out for each row, do not fit into memory."""
    total = 0
    for name in texts:
        column = file.read_row_groups(groups, columns=[name]).column(0)
        for chunk in column.chunks:
            lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
            total += pc.sum(lengths.take(chunk.indices)).as_py() or 0
        if total > MAX_PARQUET_BYTES:
            raise _UnusableFileError(
                f"the texts of the column {name} take more than "
                f"{group_thousands(MAX_PARQUET_BYTES // 1024**2)} MB when they are written out for "
                "each row, which is more than is read"
            )
