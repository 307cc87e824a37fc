"""Read what the readers of workbooks leave out: hidden rows, and formulas without a value.

A person who filters a sheet believes that only the visible rows are read. A script that writes a
formula stores no value until a spreadsheet program computes it; the readers show such a cell as
empty or 0.

Source: ECMA-376, 18.3.1.73 (row), 18.3.1.40 (f) and 18.2.2 (calcPr).
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple
from xml.etree.ElementTree import Element, fromstring, iterparse

from vippsrecon.sources.files.table import FORMULA_MARK

_LOWEST_VISIBLE_HEIGHT = 1.0
"""Rows of less than one point cannot be seen."""

_BLOCK_BYTES = 1024 * 1024
_OVERLAP_BYTES = 4096
_SUSPECT = re.compile(
    rb"<(?:\w+:)?row\b[^>]*\b(?:hidden=|ht=[\"'][01]\b)"
    rb"|(?:</(?:\w+:)?f>|<(?:\w+:)?f\b[^<>]*/>)\s*(?:</|<(?:\w+:)?v\s*(?:/>|>0?<))"
)
"""What a sheet has only if it may have hidden rows or formulas without a value."""

_UTF16_STARTS = (b"\xff\xfe", b"\xfe\xff")
_DOCUMENT_TYPE = b"<!DOCTYPE"
"""No real workbook contains it: it could define entities that fill the memory."""


class Formula(str):
    """A formula whose value no program has computed yet, with its equals sign."""

    __slots__ = ()

    def __str__(self) -> str:
        """Return the formula as the text of a cell."""
        return FORMULA_MARK + self


class SheetDetails(NamedTuple):
    """Details of one sheet, by row number from 1.

    Attributes:
        hidden_rows: Rows that a filter, a folded group or a height of 0 hides.
        formulas: Column number from 0 to formula, for each row with formulas without a value.
    """

    hidden_rows: frozenset[int]
    formulas: dict[int, dict[int, Formula]]


def read_sheet_details(path: Path, sheet: str) -> SheetDetails | None:
    """Read the details of the sheet named `sheet`; None if the workbook's parts are not found."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.lower(): name for name in archive.namelist()}
            workbook = _parse_part(archive, names["xl/workbook.xml"])
            relations = _parse_part(archive, names["xl/_rels/workbook.xml.rels"])
            member = names[_find_sheet_part(workbook, relations, sheet).lower()]
            with archive.open(member) as part:
                if not _is_suspect(part):
                    return SheetDetails(frozenset(), {})
            with archive.open(member) as part:
                return _read_details(part, computed=not _is_computed_on_load(workbook))
    except (KeyError, StopIteration, SyntaxError, ValueError, zipfile.BadZipFile):
        return None


def _parse_part(archive: zipfile.ZipFile, name: str) -> Element:
    content = archive.read(name)
    if _DOCUMENT_TYPE in content:
        raise ValueError(name)
    return fromstring(content)


def _find_sheet_part(workbook: Element, relations: Element, sheet: str) -> str:
    relation = next(
        value
        for element in workbook.iterfind(".//{*}sheet")
        if element.get("name") == sheet
        for name, value in element.attrib.items()
        if name.endswith("}id")
    )
    target = next(
        element.get("Target", "") for element in relations if element.get("Id") == relation
    )
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


def _is_computed_on_load(workbook: Element) -> bool:
    """Return whether its formulas wait for Excel; XlsxWriter then stores 0 for each of them."""
    return any(
        _is_true(element.get("fullCalcOnLoad")) for element in workbook.iterfind(".//{*}calcPr")
    )


def _is_suspect(part: IO[bytes]) -> bool:
    """Search the bytes, which is many times quicker than parsing."""
    before = b""
    while block := part.read(_BLOCK_BYTES):
        if _DOCUMENT_TYPE in before + block:
            raise ValueError(_DOCUMENT_TYPE)
        if block.startswith(_UTF16_STARTS) or _SUSPECT.search(before + block):
            return True
        before = block[-_OVERLAP_BYTES:]
    return False


def _read_details(part: IO[bytes], *, computed: bool) -> SheetDetails:
    hidden = set()
    formulas: dict[int, dict[int, Formula]] = {}
    for number, row in _iterate_rows(part):
        if _is_hidden(row):
            hidden.add(number)
        waiting = dict(_find_formulas(row, computed=computed))
        if waiting:
            formulas[number] = waiting
    return SheetDetails(frozenset(hidden), formulas)


def _iterate_rows(part: IO[bytes]) -> Iterator[tuple[int, Element]]:
    """Yield each row with its number, and release it afterwards: a sheet may be large."""
    number = 0
    rows = None
    for event, element in iterparse(part, ("start", "end")):
        name = element.tag.rpartition("}")[2]
        if event == "start" and name == "sheetData":
            rows = element
        elif event == "end" and name == "row" and rows is not None:
            number = int(element.get("r", number + 1))
            yield number, element
            rows.clear()


def _is_hidden(row: Element) -> bool:
    if _is_true(row.get("hidden")):
        return True
    height = row.get("ht")
    return height is not None and float(height) < _LOWEST_VISIBLE_HEIGHT


def _find_formulas(row: Element, *, computed: bool) -> Iterator[tuple[int, Formula]]:
    column = -1
    for cell in row.iterfind("{*}c"):
        column = _parse_column(cell.get("r"), column + 1)
        formula = cell.find("{*}f")
        if formula is None:
            continue
        value = cell.find("{*}v")
        text = None if value is None else (value.text or "")
        # The empty text is a value that Excel computed, and has the type of a text.
        is_empty_text = text == "" and cell.get("t") == "str"
        if (not text and not is_empty_text) or (text == "0" and not computed):
            yield column, Formula(f"={formula.text or ''}")


def _parse_column(cell: str | None, following: int) -> int:
    """Return the column of a cell such as `AB12`, from 0.

    >>> _parse_column("A1", 5), _parse_column("AB12", 0), _parse_column(None, 5)
    (0, 27, 5)
    """
    column_letters = (cell or "").rstrip("0123456789$")
    if not column_letters:
        return following
    number = 0
    for letter in column_letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _is_true(value: str | None) -> bool:
    return value in ("1", "true", "on")
