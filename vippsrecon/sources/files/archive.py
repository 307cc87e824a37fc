"""Check a workbook's zip archive before a reader opens it: its sizes, and the size of its sheets.

A reader builds the whole rectangle from A1 to the last cell of a sheet. One stray cell at
XFD1048576 makes that 17 thousand million cells, and the process is killed. So the sheets' own XML
is searched for the last row and the last column first.
"""

from __future__ import annotations

import re
import struct
import zipfile
from functools import cache
from pathlib import Path
from typing import IO

from vippsrecon.errors import SourceError
from vippsrecon.money import group_thousands
from vippsrecon.sources.files.workbook.shared_texts import check_shared_texts

MAX_UNPACKED_BYTES = 2 * 1024**3
MAX_COMPRESSION_RATIO = 200
MAX_DIRECTORY_BYTES = 4 * 1024**2
"""Size of the archive's table of contents. A workbook has some dozens of members."""

MAX_SHEET_CELLS = 30_000_000
"""Cells of all sheets together, empty ones included: 32 bytes each in the reader."""

MAX_STYLES_BYTES = 24 * 1024**2
"""Size of the cell formats, unpacked. Excel allows 65,490, and openpyxl makes an object of each."""

_SMALL_MEMBER_BYTES = 1024 * 1024
"""Members below this size are harmless; short repetitive XML may exceed 200:1."""

_BLOCK_BYTES = 4 * 1024 * 1024
_END_RECORD, _END_RECORD_64 = b"PK\x05\x06", b"PK\x06\x06"
_END_RECORD_BYTES = 22
_MAX_COMMENT_BYTES = 0xFFFF
_UNKNOWN_SIZE = 0xFFFFFFFF

_MAX_ROW, _MAX_COLUMN = 1_048_576, 16_384
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ROW = re.compile(rb"<(?:\w+:)?row(?=[\s/>])[^>]*")
_CELL = re.compile(rb"<(?:\w+:)?c(?=[\s/>])[^>]*>")
_LAST_ALPHABET = len(_ALPHABET) + 1
_USUAL_NAME = b'<c r="'
"""How Excel and every library tested begin a cell: a fixed text is found much faster."""

_NAME = rb"\sr\s*=\s*[\"']"
_ROW_NUMBER = re.compile(_NAME + rb"(\d+)")
_CELL_ROW = re.compile(_NAME + rb"[A-Za-z]{1,3}(\d+)")
_FILLED = rb"[\"'][^>]*(?<!/)>"
"""The end of a cell that is not empty. Readers skip `<c r="XFD9" s="1"/>`, which only has a format."""


def check_archive(path: Path) -> None:
    """Refuse a workbook that is damaged, has a password, or would not fit into memory.

    Raises:
        SourceError: It is one of these.
    """
    damaged: str | None
    try:
        _check_directory_size(path)
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path.name)
            damaged = _check_content(archive, path.name)
            if damaged is None:
                check_shared_texts(archive, path.name)
    except SourceError:
        raise
    except MemoryError:
        raise
    except Exception:
        # A damaged archive may raise anything.
        damaged = "its table of contents"
    if damaged is not None:
        raise SourceError("the workbook is damaged or cut off; export it again", file=path.name)


PASSWORD_PROTECTED = "the workbook is protected by a password; save it without one"


def _check_directory_size(path: Path) -> None:
    """Refuse a huge table of contents, which zipfile would read before anything can be checked."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_RECORD_BYTES - _MAX_COMMENT_BYTES - 128))
        end = file.read()
    place = end.rfind(_END_RECORD)
    if place < 0 or len(end) < place + _END_RECORD_BYTES:
        return  # no archive: zipfile says so
    (directory,) = struct.unpack_from("<L", end, place + 12)
    if directory == _UNKNOWN_SIZE:
        place = end.rfind(_END_RECORD_64)
        if place >= 0 and len(end) >= place + 48:
            (directory,) = struct.unpack_from("<Q", end, place + 40)
    if directory > MAX_DIRECTORY_BYTES:
        raise SourceError("the archive holds too many parts for a workbook", file=path.name)


def _check_members(archive: zipfile.ZipFile, name: str) -> None:
    unpacked = 0
    for member in archive.infolist():
        if member.flag_bits & 1:
            raise SourceError(PASSWORD_PROTECTED, file=name)
        if member.filename.endswith("styles.xml") and member.file_size > MAX_STYLES_BYTES:
            raise SourceError(
                "its cell formats take more memory than those of any table; copy the values into "
                "a new workbook, or save it as CSV",
                file=name,
            )
        unpacked += member.file_size
        squeezed = (
            member.file_size > _SMALL_MEMBER_BYTES
            and member.file_size > MAX_COMPRESSION_RATIO * max(member.compress_size, 1)
        )
        if squeezed or unpacked > MAX_UNPACKED_BYTES:
            raise SourceError(
                "this workbook unpacks to more than 2 GB, or a part of it to 200 times its "
                "size, so it is not opened",
                file=name,
            )


def _check_content(archive: zipfile.ZipFile, name: str) -> str | None:
    """Read every member once and return the first damaged one, if any.

    The sizes in an archive's own table may be false. Reading every member up to those sizes shows
    a false size as a bad checksum.
    """
    cells = 0
    for member in archive.infolist():
        try:
            with archive.open(member) as file:
                rows, columns = measure_sheet(file)
        except zipfile.BadZipFile:
            return member.filename
        cells += rows * columns
        if cells > MAX_SHEET_CELLS:
            raise SourceError(
                f"the sheet in {member.filename} reaches to row {group_thousands(rows)} and to "
                f"about column {group_thousands(columns)}, which is more than is read; delete the "
                "empty rows and columns outside the table, or save it as CSV",
                file=name,
            )
    return None


def measure_sheet(file: IO[bytes]) -> tuple[int, int]:
    """Return a row and a column beyond which a sheet's XML has no filled cell.

    The column is exact to 26. A few searches of each block are enough, where finding every cell
    would take longer than reading the sheet.
    """
    extent = _SheetExtent()
    remainder = b""
    while block := file.read(_BLOCK_BYTES):
        before_tag, mark, tail = (remainder + block).rpartition(b"<")
        extent.add(before_tag)
        remainder = mark + tail
    extent.add(remainder)
    return extent.rows, extent.columns


class _SheetExtent:
    """How far the cells of a sheet reach, as its XML is read."""

    def __init__(self) -> None:
        self._last_row = 0
        self._alphabets = 1
        self._unnamed_rows = 0
        self._unnamed_cells = 0

    @property
    def rows(self) -> int:
        """The last row, at most."""
        return min(self._last_row + self._unnamed_rows, _MAX_ROW)

    @property
    def columns(self) -> int:
        """The last column, at most."""
        return min(26 * self._alphabets + self._unnamed_cells, _MAX_COLUMN)

    def add(self, block: bytes) -> None:
        """Search a piece of the XML that ends before a tag."""
        usual = block.count(_USUAL_NAME) == block.count(b"<c ")
        usual = usual and b"<c>" not in block and b":c" not in block
        name = _USUAL_NAME if usual else _NAME
        self._add_rows(block, name)
        while self._alphabets <= _LAST_ALPHABET and _beyond_column(self._alphabets, name).search(
            block
        ):
            self._alphabets += 1
        if self._alphabets > _LAST_ALPHABET:
            self._alphabets = _MAX_COLUMN // len(_ALPHABET) + 1
        if not usual:
            self._add_unnamed(block)

    def _add_rows(self, block: bytes, name: bytes) -> None:
        # Rows nearly always ascend, so that the last filled cell has the last row.
        filled = max(block.rfind(b"<v>"), block.rfind(b"<is>"))
        start = block.rfind(b"<c ", 0, max(filled, 0))
        last = _CELL_ROW.search(block, start, start + 200) if start >= 0 else None
        self._last_row = max(self._last_row, _parse_row(last[1]) if last else 0)
        if _beyond_row(self._last_row, name).search(block):
            cells = (tag for tag in _CELL.findall(block) if not tag.endswith(b"/>"))
            named = (match for match in map(_CELL_ROW.search, cells) if match)
            self._last_row = max(self._last_row, *(_parse_row(match[1]) for match in named))

    def _add_unnamed(self, block: bytes) -> None:
        """Count rows and cells without a name: they follow the one before."""
        for row in _ROW.findall(block):
            number = _ROW_NUMBER.search(row)
            self._unnamed_rows += number is None
            self._last_row = max(self._last_row, _parse_row(number[1]) if number else 0)
        for row in re.split(rb"<(?:\w+:)?row(?=[\s/>])", block):
            cells = sum(_CELL_ROW.search(tag) is None for tag in _CELL.findall(row))
            self._unnamed_cells = max(self._unnamed_cells, cells)


def _parse_row(digits: bytes) -> int:
    return int(digits) if len(digits) <= len(str(_MAX_ROW)) else _MAX_ROW


@cache
def _beyond_column(alphabets: int, name: bytes) -> re.Pattern[bytes]:
    """Return the pattern of a filled cell beyond so many alphabets of columns: 1 is Z, 2 is AZ."""
    later = _ALPHABET[alphabets - 1 :] + _ALPHABET[alphabets - 1 :].lower()
    # After ZZ only names of three letters follow, so the set of two letters would be empty.
    two = rb"[" + later + rb"][A-Za-z]|" if later else b""
    return re.compile(name + rb"(?:" + two + rb"[A-Za-z]{3})\d+" + _FILLED)


def _beyond_row(row: int, name: bytes) -> re.Pattern[bytes]:
    """Return the pattern of a filled cell in a row after this one.

    >>> bool(_beyond_row(199, b'"').search(b'<c r="A200"><v>')), bool(_beyond_row(199, b'"').search(b'<c r="A19"><v>'))
    (True, False)
    """
    digits = str(row)
    greater = [rb"\d{%d,}" % (len(digits) + 1)]
    for place, digit in enumerate(digits):
        if digit != "9":
            remainder = len(digits) - place - 1
            greater.append(digits[:place].encode() + rb"[%d-9]\d{%d}" % (int(digit) + 1, remainder))
    return re.compile(name + rb"[A-Za-z]{1,3}(?:" + b"|".join(greater) + rb")" + _FILLED)
