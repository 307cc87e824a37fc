"""Check how much text a workbook holds when each shared text is written out for each of its cells.

A workbook stores a text once (`xl/sharedStrings.xml`), and each cell names it by its number. The
reader copies the text into each cell: one text of 30,000 characters in 30,000 cells takes 900 MB,
from a file of 100 kB.

Source: ECMA-376, 18.4.8 (si) and 18.18.11 (cell type s).
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import IO
from xml.etree.ElementTree import iterparse

from vippsrecon.errors import SourceError
from vippsrecon.money import group_thousands

MAX_TEXT_BYTES = 512 * 1024**2

_SHARED_TEXTS = "xl/sharedstrings.xml"
_SHORTEST_CELL_BYTES = len('<c t="s"><v>0</v></c>')
_BLOCK_BYTES = 4 * 1024 * 1024
_OVERLAP_BYTES = 4096
_END_OF_TEXT = re.compile(rb"</(?:\w+:)?si\s*>|<(?:\w+:)?si\s*/>")
_USUAL_VALUE = re.compile(rb"<v>([^<&]*)</v>")
_VALUE = re.compile(rb"<(?:\w+:)?v(?:\s[^<>]*)?>([^<&]*)</(?:\w+:)?v\s*>")
_END_OF_VALUE = re.compile(rb"</(?:\w+:)?v\s*>")


def check_shared_texts(archive: zipfile.ZipFile, name: str) -> None:
    """Refuse a workbook whose cells hold more text than is read.

    The texts are estimated first: an exact sum takes as long as reading the workbook.

    Raises:
        SourceError: They do, or the workbook has two lists of shared texts.
        ParseError: A part whose texts must be counted exactly is not XML.
    """
    texts = [member for member in archive.infolist() if _is_shared_texts(member)]
    sheets = [member for member in archive.infolist() if not _is_shared_texts(member)]
    if len(texts) > 1:
        raise SourceError("the workbook holds two lists of texts; export it again", file=name)
    if not texts:
        return
    with archive.open(texts[0]) as file:
        lengths = list(_estimate_lengths(file))
    most_cells = sum(sheet.file_size for sheet in sheets) // _SHORTEST_CELL_BYTES
    if max(lengths) * most_cells <= MAX_TEXT_BYTES:
        return
    estimates = {}
    for sheet in sheets:
        with archive.open(sheet) as file:
            estimates[sheet] = _estimate_text_bytes(file, lengths)
    if sum(estimates.values()) <= MAX_TEXT_BYTES:
        return
    with archive.open(texts[0]) as file:
        lengths = list(_measure_lengths(file))
    total = 0
    for sheet in filter(estimates.get, sheets):
        cells: Counter[int] = Counter()
        with archive.open(sheet) as file:
            for number in _iterate_text_numbers(file, len(lengths)):
                cells[number] += 1
                total += lengths[number]
                if total > MAX_TEXT_BYTES:
                    raise SourceError(_describe(sheet.filename, cells, lengths), file=name)


def _describe(sheet: str, cells: Counter[int], lengths: list[int]) -> str:
    number = max(cells, key=lambda number: cells[number] * lengths[number])
    return (
        f"the cells of the sheet in {sheet} hold more than {MAX_TEXT_BYTES // 1024**2} MB of text, "
        f"which is more than is read; one text of {group_thousands(lengths[number])} bytes is in at "
        f"least {group_thousands(cells[number])} cells. Delete the column with the long texts, or "
        "export fewer days"
    )


def _is_shared_texts(member: zipfile.ZipInfo) -> bool:
    return member.filename.replace("\\", "/").lstrip("/").lower() == _SHARED_TEXTS


def _estimate_lengths(file: IO[bytes]) -> Iterator[int]:
    """Yield the bytes of each text, its XML included, and at last those after the last text."""
    remainder, left_out = b"", 0
    while block := file.read(_BLOCK_BYTES):
        *texts, remainder = _END_OF_TEXT.split(remainder + block)
        for text in texts:
            yield left_out + len(text)
            left_out = 0
        if len(remainder) > _OVERLAP_BYTES:
            left_out += len(remainder) - _OVERLAP_BYTES
            remainder = remainder[-_OVERLAP_BYTES:]
    yield left_out + len(remainder)


def _estimate_text_bytes(file: IO[bytes], lengths: list[int]) -> int:
    """Return the bytes that the texts of a sheet take at most.

    Each whole number counts as the number of a text. Values in unusual XML, such as a number with a
    comment in it, count as the longest text.
    """
    total = 0
    longest = max(lengths)
    remainder = b""
    while block := file.read(_BLOCK_BYTES):
        remainder += block
        end = max(remainder.rfind(b"v>") + 2, len(remainder) - _OVERLAP_BYTES)
        values = Counter(_USUAL_VALUE.findall(remainder, 0, end))
        if b":v" in remainder or values.total() != remainder.count(b"</v", 0, end):
            values = Counter(_VALUE.findall(remainder, 0, end))
            unusual = len(_END_OF_VALUE.findall(remainder, 0, end)) - values.total()
            total += unusual * longest
        for value, cells in values.items():
            digits = value.strip().lstrip(b"+")
            if digits.isdigit():
                number = int(digits[-18:])
                total += cells * (lengths[number] if number < len(lengths) else 0)
        remainder = remainder[end:]
    return total + len(_END_OF_VALUE.findall(remainder)) * longest


def _measure_lengths(file: IO[bytes]) -> Iterator[int]:
    """Yield the bytes of each text, without its XML."""
    for _, element in iterparse(file):
        if element.tag.rpartition("}")[2] == "si":
            yield sum(len((part.text or "").encode()) for part in element.iterfind(".//{*}t"))
            element.clear()


def _iterate_text_numbers(file: IO[bytes], count: int) -> Iterator[int]:
    """Yield the number of the text of each cell that has one."""
    for _, element in iterparse(file):
        if element.tag.rpartition("}")[2] != "c":
            continue
        value = element.find("{*}v")
        digits = "" if value is None else "".join(value.itertext()).strip()
        digits = digits.removeprefix("+")
        if element.get("t") == "s" and digits.isdecimal() and int(digits[-18:]) < count:
            yield int(digits[-18:])
        element.clear()
