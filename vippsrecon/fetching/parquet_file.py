"""Read a Parquet file of a fetch, after a check that its rows fit into memory.

A Parquet file may store a text once, in a dictionary, and name it in every row. Reading writes it
out for each row, so a small file can fill the memory: the size of a file and the sizes it states
do not show that.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vippsrecon import schemas
from vippsrecon.errors import SchemaError, SourceError
from vippsrecon.input_files import check_input_file
from vippsrecon.money import group_thousands

MAX_PARQUET_ROWS = 50_000_000
MAX_PARQUET_BYTES = 4 * 1024**3

_PREFIX_ENCODING = "DELTA_BYTE_ARRAY"
"""Each text shares its beginning with the one before. `fetch` does not write that, and the size of
such texts cannot be known before they are written out."""


def read_parquet_file(path: Path, frame: schemas.Frame) -> pl.DataFrame:
    """Read a file of a fetch as a frame with the columns of `frame`.

    Raises:
        SourceError: It cannot be read, does not fit the schema, or does not fit into memory.
    """
    check_input_file(path)
    try:
        with pq.ParquetFile(path) as file:
            _refuse_large_table(file.metadata, path)
            schemas.validate(pl.DataFrame(file.schema_arrow.empty_table()), frame)
            texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            if _estimate_text_bytes(file, texts) > MAX_PARQUET_BYTES:
                _refuse_repeated_texts(file, texts, path)
        with pq.ParquetFile(path) as file:
            data = pl.DataFrame(file.read())
        schemas.validate(data, frame)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"cannot be read ({error}). Fetch again.", file=path.name) from error
    except SchemaError as error:
        raise SourceError(f"{error}. Fetch again.", file=path.name) from None
    return data


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _refuse_large_table(about: pq.FileMetaData, path: Path) -> None:
    """Refuse a file whose own figures say that it does not fit into memory."""
    groups = [about.row_group(number) for number in range(about.num_row_groups)]
    unpacked = sum(group.total_byte_size for group in groups)
    if about.num_rows > MAX_PARQUET_ROWS or unpacked > MAX_PARQUET_BYTES:
        raise SourceError(
            f"it unpacks to {group_thousands(about.num_rows)} rows and "
            f"{group_thousands(unpacked // 1024**2)} MB, which is more than is read. Fetch fewer days.",
            file=path.name,
        )
    chunks = (group.column(place) for group in groups for place in range(group.num_columns))
    if any(_PREFIX_ENCODING in chunk.encodings for chunk in chunks):
        raise SourceError(
            f"it was rewritten by another program ({_PREFIX_ENCODING}). Fetch again.",
            file=path.name,
        )


def _estimate_text_bytes(file: pq.ParquetFile, texts: list[str]) -> int:
    """Return the bytes that the texts take at most: as if each were the longest of its dictionary.

    Reading one row reads the dictionary. A text that is in no dictionary is in the file itself,
    once for each row.
    """
    most = 0
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        for batch in file.iter_batches(batch_size=1, row_groups=[number], columns=texts):
            longest = sum(
                pc.max(pc.binary_length(column.dictionary)).as_py() or 0 for column in batch.columns
            )
            most += longest * group.num_rows
            break
    return most


def _refuse_repeated_texts(file: pq.ParquetFile, texts: list[str], path: Path) -> None:
    """Refuse a file whose texts, written out for each row, do not fit into memory."""
    total = 0
    for name in texts:
        column = file.read(columns=[name]).column(0)
        for chunk in column.chunks:
            lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
            total += pc.sum(lengths.take(chunk.indices)).as_py() or 0
        if total > MAX_PARQUET_BYTES:
            raise SourceError(
                f"the texts of the column {name} take more than "
                f"{group_thousands(MAX_PARQUET_BYTES // 1024**2)} MB when they are written out for "
                "each row, which is more than is read. Fetch again.",
                file=path.name,
            )
