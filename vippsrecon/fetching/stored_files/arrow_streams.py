"""Write tables as Arrow streams in one file, and read them back unchanged and within bounds.

    stream of table 1 │ stream of table 2 │ … │ SHA-256 of all bytes before

Each buffer of a compressed stream states how many bytes it unpacks to, and the reader sets them aside
before it unpacks. So these sizes are added up first. Their places are in the header of each message,
in the form of Google FlatBuffers:
https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from vippsrecon.errors import SourceError
from vippsrecon.input_files import read_input_bytes

MAX_STREAM_BYTES = 256 * 1024**2
"""A fetch writes some 1,000 payments at once, which take 1 MB."""

_ADVICE = "; delete it, and run the same fetch again"
_MAX_MESSAGES = 100_000
_MAX_HEADER_BYTES = 1024**2
_HASH_BYTES = hashlib.sha256().digest_size

# Numbers of the fields in a message and in a record batch.
_HEADER, _BUFFERS, _COMPRESSION = 2, 2, 3
_BYTES_PER_BUFFER = 16


def write_tables(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write tables to a file, one stream each."""
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.OSFile(str(path), "wb") as file:
        for table in tables:
            with pa.ipc.new_stream(file, table.schema, options=options) as stream:
                stream.write_table(table)
    with path.open("rb+") as written:
        sha256 = hashlib.file_digest(written, "sha256").digest()
        written.write(sha256)


def read_tables(path: Path, schemas: Sequence[pa.Schema]) -> list[pa.Table] | None:
    """Read the tables of a file; return None if it is damaged or holds others.

    Args:
        path: The file.
        schemas: Names and types of the columns of each table.

    Raises:
        SourceError: It is not an ordinary file, or would take too much memory.
    """
    content = read_input_bytes(path, max_bytes=MAX_STREAM_BYTES, advice=_ADVICE)
    streams = memoryview(content)[:-_HASH_BYTES]
    if hashlib.sha256(streams).digest() != content[-_HASH_BYTES:]:
        return None
    source = pa.BufferReader(pa.py_buffer(streams))
    try:
        unpacked = sum(_measure_stream(source) for _ in schemas)
        source.seek(0)
        if unpacked <= MAX_STREAM_BYTES:
            return [_read_stream(source, schema) for schema in schemas]
    except (pa.ArrowException, OSError, ValueError, struct.error):
        return None
    raise SourceError(
        f"it unpacks to {unpacked // 1024**2} MB, which is more than is read{_ADVICE}",
        file=path.name,
    )


def _read_stream(source: pa.NativeFile, schema: pa.Schema) -> pa.Table:
    with pa.ipc.open_stream(source) as stream:
        # Checked before the rows are read: in some types a few bytes stand for any number of rows.
        if [(field.name, field.type) for field in stream.schema] != [
            (field.name, field.type) for field in schema
        ]:
            raise ValueError("it has other columns")
        table = stream.read_all()
    table.validate(full=True)
    return table


def _measure_stream(source: pa.NativeFile) -> int:
    """Return the bytes that the buffers of the next stream unpack to, and skip the stream."""
    total = 0
    for number, message in enumerate(pa.ipc.MessageReader.open_stream(source)):
        if number > _MAX_MESSAGES or message.metadata.size > _MAX_HEADER_BYTES:
            raise ValueError("it has more parts than a fetch writes")
        if message.type == "record batch":
            total += sum(_list_unpacked_sizes(memoryview(message.metadata), message.body))
        elif message.type != "schema":
            raise ValueError("a fetch writes no dictionaries")
    return total


def _list_unpacked_sizes(header: memoryview, body: pa.Buffer) -> Iterator[int]:
    """Yield the bytes that each buffer of a record batch takes in memory."""
    batch = _follow(header, _find_field(header, _follow(header, 0), _HEADER))
    is_compressed = _find_field(header, batch, _COMPRESSION) != 0
    buffers = _follow(header, _find_field(header, batch, _BUFFERS))
    (count,) = struct.unpack_from("<I", header, buffers)
    for number in range(count):
        place = buffers + 4 + number * _BYTES_PER_BUFFER
        offset, size = struct.unpack_from("<qq", header, place)
        stated = struct.unpack_from("<q", body, offset)[0] if is_compressed and size else size
        # A buffer that compression would not make smaller is stored as it is, and says -1.
        yield size if stated == -1 else stated
        if stated < -1:
            raise ValueError("a size is negative")


def _follow(header: memoryview, place: int) -> int:
    """Return the place to which the distance at `place` leads."""
    (distance,) = struct.unpack_from("<I", header, place)
    return place + int(distance)


def _find_field(header: memoryview, table: int, number: int) -> int:
    """Return the place of a field of a table; 0 if it is absent."""
    (distance,) = struct.unpack_from("<i", header, table)
    list_place = table - distance
    (list_size,) = struct.unpack_from("<H", header, list_place)
    entry = 4 + 2 * number
    if entry >= list_size:
        return 0
    (offset,) = struct.unpack_from("<H", header, list_place + entry)
    return table + offset if offset else 0
