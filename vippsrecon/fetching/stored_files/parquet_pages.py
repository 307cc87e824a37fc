"""Read the footer and the page headers of a Parquet file: how much memory it really takes.

The footer of a file states how large its column chunks are, and may be wrong. The reader believes
the header of each page instead: it sets aside the bytes stated there before it unpacks the page.
So a file of 100 kB can take many gigabytes, whatever its footer says. Both are read here before
the library sees the file, because some footers end its process. They are structures in the compact
encoding of Apache Thrift:
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

MAX_PAGES = 200_000
"""Five million payments have some 10,000 pages. Each costs time, also an empty one."""

MAX_FOOTER_BYTES = 16 * 1024**2
"""The footer of five million payments takes 1 MB. Reading one takes ten times its size."""

MAX_STRUCTURES = 1_000_000
"""The footer of five million payments has some 50,000. Each takes memory, also an empty one."""

_LONGEST_HEADER = 64 * 1024
_DEEPEST_STRUCTURE = 8
_FOOTER_END = b"PAR1"

# Numbers of the fields in the footer, in a row group, in a column chunk, and in its description.
_FILE_SCHEMA, _FILE_ROWS, _FILE_GROUPS = 2, 3, 4
_GROUP_CHUNKS, _GROUP_BYTES, _GROUP_ROWS = 1, 2, 3
_CHUNK_FILE, _CHUNK_ABOUT = 1, 3
_CHUNK_VALUES, _CHUNK_PACKED, _CHUNK_DATA_AT, _CHUNK_DICTIONARY_AT = 5, 7, 9, 11

# Numbers of the fields in PageHeader, and of those in the header of each kind of page.
_KIND, _UNPACKED_SIZE, _PACKED_SIZE = 1, 2, 3
_VALUES = 1
_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2 = 0, 2, 3
_HEADERS = {_DATA_PAGE: (5, 2), _DICTIONARY_PAGE: (7, 2), _DATA_PAGE_V2: (8, 4)}
"""For each kind: the field that holds its header, and the field in that with the encoding."""

# Numbers of the types in the compact encoding.
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _STRUCTURE = 1, 2, 3, 7, 8, 12
_INTEGERS = (4, 5, 6)
_LISTS = (9, 10)


class ColumnChunk(NamedTuple):
    """What the footer states of one column of one row group: its values and its place."""

    values: int
    start: int
    end: int


class RowGroup(NamedTuple):
    """What the footer states of one row group."""

    rows: int
    unpacked_bytes: int
    chunks: tuple[ColumnChunk, ...]


class Footer(NamedTuple):
    """What the footer of a file states."""

    rows: int
    columns: int
    groups: tuple[RowGroup, ...]

    @property
    def filled_groups(self) -> list[int]:
        """Numbers of the row groups that have rows; the others state no place of their pages."""
        return [number for number, group in enumerate(self.groups) if group.rows]


class Page(NamedTuple):
    """What the header of one page states.

    Attributes:
        unpacked_bytes: Size of the page in memory.
        encoding: Number of the encoding, None where the page holds no values of rows.
    """

    unpacked_bytes: int
    encoding: int | None


def read_footer(file: BinaryIO) -> Footer:
    """Read the footer, which stands at the end of the file.

    Raises:
        ValueError: It cannot be read, or is larger than `MAX_FOOTER_BYTES`.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 8))
    length, end = int.from_bytes(file.read(4), "little"), file.read(4)
    if end != _FOOTER_END or length > size - 8:
        raise ValueError("it does not end as a Parquet file does")
    if length > MAX_FOOTER_BYTES:
        raise ValueError(f"its table of contents takes {length // 1024**2} MB")
    file.seek(size - 8 - length)
    fields = _CompactReader(file.read(length)).read_structure()
    schema = _get_list(fields, _FILE_SCHEMA)
    groups = tuple(_describe_group(group) for group in _get_list(fields, _FILE_GROUPS))
    return Footer(_get_size(fields, _FILE_ROWS), max(0, len(schema) - 1), groups)


def read_page_headers(file: BinaryIO, footer: Footer) -> Iterator[Page]:
    """Yield the pages of the row groups that have rows, where the reader looks for them.

    Raises:
        ValueError: A header cannot be read, or there are more pages than `MAX_PAGES`.
    """
    count = 0
    for number in footer.filled_groups:
        for chunk in footer.groups[number].chunks:
            for page in _read_chunk(file, chunk):
                count += 1
                if count > MAX_PAGES:
                    raise ValueError(f"it has more than {MAX_PAGES} pages")
                yield page


def _describe_group(fields: dict[int, Any]) -> RowGroup:
    chunks = tuple(_describe_chunk(chunk) for chunk in _get_list(fields, _GROUP_CHUNKS))
    return RowGroup(_get_size(fields, _GROUP_ROWS), _get_size(fields, _GROUP_BYTES), chunks)


def _describe_chunk(fields: dict[int, Any]) -> ColumnChunk:
    about = fields.get(_CHUNK_ABOUT)
    if not isinstance(about, dict) or _CHUNK_FILE in fields:
        raise ValueError("a column in it is not described, or is in another file")
    start = _get_size(about, _CHUNK_DATA_AT)
    dictionary_at = about.get(_CHUNK_DICTIONARY_AT)
    if isinstance(dictionary_at, int) and 0 < dictionary_at < start:
        start = dictionary_at
    end = start + _get_size(about, _CHUNK_PACKED)
    return ColumnChunk(_get_size(about, _CHUNK_VALUES), start, end)


def _read_chunk(file: BinaryIO, chunk: ColumnChunk) -> Iterator[Page]:
    position = chunk.start
    while position < chunk.end:
        file.seek(position)
        header = _CompactReader(file.read(min(_LONGEST_HEADER, chunk.end - position)))
        fields = header.read_structure()
        packed = _get_size(fields, _PACKED_SIZE)
        yield _describe_page(fields)
        position += header.position + packed
    if position != chunk.end:
        raise ValueError("a page ends outside its column")


def _describe_page(fields: dict[int, Any]) -> Page:
    unpacked = _get_size(fields, _UNPACKED_SIZE)
    kind = _get_size(fields, _KIND)
    if kind not in _HEADERS:
        return Page(unpacked, None)
    place, encoding = _HEADERS[kind]
    about = fields.get(place)
    if not isinstance(about, dict):
        raise ValueError("a page is not described")
    if kind == _DICTIONARY_PAGE:
        if _get_size(about, _VALUES) > unpacked:
            raise ValueError("a dictionary states more values than it has bytes")
        return Page(unpacked, None)
    return Page(unpacked, _get_size(about, encoding))


def _get_size(fields: dict[int, Any], number: int) -> int:
    value = fields.get(number)
    if not isinstance(value, int) or not 0 <= value < 2**62:
        raise ValueError("a size is missing")
    return value


def _get_list(fields: dict[int, Any], number: int) -> list[dict[int, Any]]:
    value = fields.get(number)
    if not isinstance(value, list):
        raise ValueError("a list is missing")
    return value


class _CompactReader:
    """Read Thrift's compact encoding; whatever is not needed is read and dropped."""

    def __init__(self, content: bytes) -> None:
        self.position = 0
        self._content = content
        self._structures = 0

    def read_structure(self, depth: int = 0) -> dict[int, Any]:
        """Return the integers, structures and lists of structures, by the number of the field."""
        self._structures += 1
        if self._structures > MAX_STRUCTURES:
            raise ValueError(f"it has more than {MAX_STRUCTURES} parts")
        fields: dict[int, Any] = {}
        number = 0
        while start := self._read_byte():
            step, kind = start >> 4, start & 15
            number = number + step if step else self._read_integer()
            value = self._read_value(kind, depth)
            if value is not None:
                fields[number] = value
        return fields

    def _read_value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST_STRUCTURE:
            raise ValueError("it is nested too deeply")
        if kind in _INTEGERS:
            return self._read_integer()
        if kind == _STRUCTURE:
            return self.read_structure(depth + 1)
        if kind in _LISTS:
            return self._read_list(depth)
        if kind == _BINARY:
            length = self._read_unsigned()
            self._skip(length)
            # One field matters by its presence; no field matters by its text.
            return b""
        if kind == _BYTE:
            self._skip(1)
        elif kind == _DOUBLE:
            self._skip(8)
        elif kind not in (_TRUE, _FALSE):
            raise ValueError("a field has an unknown type")
        return None

    def _read_list(self, depth: int) -> list[dict[int, Any]] | None:
        start = self._read_byte()
        length, kind = start >> 4, start & 15
        length = self._read_unsigned() if length == 15 else length
        if kind == _STRUCTURE:
            return [self.read_structure(depth + 1) for _ in range(length)]
        for _ in range(length):
            if kind in (_TRUE, _FALSE):
                self._skip(1)
            else:
                self._read_value(kind, depth + 1)
        return None

    def _read_integer(self) -> int:
        value = self._read_unsigned()
        return (value >> 1) ^ -(value & 1)

    def _read_unsigned(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._read_byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError("a number is too long")

    def _read_byte(self) -> int:
        self._skip(1)
        return self._content[self.position - 1]

    def _skip(self, count: int) -> None:
        self.position += count
        if self.position > len(self._content):
            raise ValueError("a part is cut off")
