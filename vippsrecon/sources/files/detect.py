"""Detect a file's type from its content, and refuse files that are unsafe to open."""

from __future__ import annotations

import codecs
import hashlib
import re
import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal, NamedTuple

from vippsrecon.errors import SourceError
from vippsrecon.input_files import check_input_file
from vippsrecon.sources.files.archive import PASSWORD_PROTECTED, check_archive
from vippsrecon.sources.files.headings import normalize_heading
from vippsrecon.sources.files.xml_file import read_outline
from vippsrecon.texts import say

MAX_COLUMNS = 1000
MAX_CELL_LENGTH = 1024 * 1024
_BLOCK_BYTES = 1024 * 1024

FileType = Literal["text", "workbook", "json", "xml"]

FileKind = Literal["orders", "settlement", "bank", "plan"]

FILE_KIND_NAMES = {
    "settlement": "a settlement file of Vipps MobilePay",
    "bank": "a bank statement",
    "plan": "a plan of this program",
}
_MESSAGE = re.compile(r"camt\.05[234](?=\.001)")
_MESSAGE_OF_ELEMENT = {
    "BkToCstmrAcctRpt": "camt.052",
    "BkToCstmrStmt": "camt.053",
    "BkToCstmrDbtCdtNtfctn": "camt.054",
}
OTHER_MESSAGES = ("camt.052", "camt.054")
"""Messages of a bank that are no statement, and what they are."""

_SETTLEMENT_REPORT = "SettlementReport"
_REPORT_VERSION = re.compile(r"SettlementReport-(\d\.\d)")

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_XML_START = re.compile(rb"<(?:\?xml|!|(?:\w+:)?(?:document|settlementreport)\b)")
_WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")


def detect_file_type(path: Path) -> FileType:
    """Detect the type of a file and check that it is safe to open.

    Raises:
        SourceError: It is missing, a directory, empty, too large, unreadable, an old or
            encrypted workbook, a web page, or has a misleading name.
    """
    head = _read_head(path)
    name = path.name
    if head.startswith(b"PK"):
        if path.suffix.lower() == ".zip":
            raise SourceError(
                "this is a zip archive; unpack it, and give the file in it", file=name
            )
        if path.suffix.lower() not in _WORKBOOK_SUFFIXES:
            raise SourceError(
                "this is an Excel workbook or a zip file under another name; "
                "rename it to .xlsx if it is a workbook",
                file=name,
            )
        check_archive(path)
        return "workbook"
    if head.startswith(b"\x1f\x8b"):
        raise SourceError("this is a file compressed by gzip; unpack it first", file=name)
    if head.startswith(b"%PDF"):
        raise SourceError(
            "this is a PDF, which has no rows and columns; export the list as CSV or XLSX",
            file=name,
        )
    if path.suffix.lower() == ".jsonl" and head.startswith(b"{"):
        raise SourceError(
            f"this is a state file of the simulator; start it with vippsrecon simulator --state {name}",
            file=name,
        )
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise SourceError(_explain_old_workbook(path), file=name)
    if path.suffix.lower() in _WORKBOOK_SUFFIXES:
        raise SourceError(
            "this is named as an Excel workbook but is not one; "
            "if it is text separated by commas or semicolons, rename it to .csv",
            file=name,
        )
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", errors="ignore").encode()
    text = head.lstrip(codecs.BOM_UTF8 + b" \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<table", b"<head", b"<body", b"<meta")):
        raise SourceError(
            "this is a web page, not an export; some shops save one with the ending .xls: "
            "open it and save it as .xlsx or CSV, or check that you were logged in",
            file=name,
        )
    if _XML_START.match(text):
        return "xml"
    if text.startswith((b"{", b"[")) and path.suffix.lower() not in (".csv", ".txt", ".tsv"):
        return "json"
    return "text"


def compute_file_sha256(path: Path) -> str:
    """Return the file's SHA-256 as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def detect_encoding(path: Path) -> str:
    """Detect the encoding of a text file: its byte order mark, else UTF-8, else cp1252.

    Guessing from letter statistics was tried and is wrong on short Nordic files; this chain
    gives the same answer every time, and the headings show whether it was right.

    Raises:
        SourceError: The file holds NUL bytes, is in none of the three, or ends within a character.
    """
    with path.open("rb") as file:
        start = file.read(4)
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if start.startswith(mark)), None)
    if marked is None and _contains_nul(path):
        raise SourceError(
            "this holds NUL bytes, so it is not a text file, or is UTF-16 without its mark; "
            "save it as CSV UTF-8",
            file=path.name,
        )
    for encoding in (marked,) if marked else ("utf-8", "cp1252"):
        decoded = _try_decoding(path, encoding)
        if decoded == "cut":
            raise SourceError(
                "the file ends within a character, so it is cut off; download it again",
                file=path.name,
            )
        if decoded:
            return encoding
    raise SourceError(
        f"this cannot be read as {marked or 'UTF-8 or Windows-1252'}; save it as CSV UTF-8",
        file=path.name,
    )


class FileFormat(NamedTuple):
    """A kind of file and the name of its format."""

    kind: FileKind
    format: str


def recognize_headings(headings: Iterable[str]) -> FileFormat | None:
    """Recognise a settlement file or bank statement by its headings; None for any other table.

    >>> recognize_headings(["Dato", "Forklaring", "Rentedato", "Ut fra konto", "Inn på konto"])
    FileFormat(kind='bank', format='dnb')
    """
    present = {normalize_heading(text) for text in headings}
    return next(
        (file_format for file_format, required in _load_known_formats() if required <= present),
        None,
    )


def is_known_heading_row(headings: Sequence[str]) -> bool:
    """Return whether a row has the headings of a settlement file or bank statement."""
    return recognize_headings(headings) is not None


def recognize_xml(path: Path) -> FileFormat:
    """Recognise a bank message or a settlement report by its root element.

    Raises:
        SourceError: It is neither, or its beginning cannot be read.
    """
    outline = read_outline(path)
    if outline.root == _SETTLEMENT_REPORT:
        version = _REPORT_VERSION.search(outline.namespace)
        # The namespace of version 2.0 has no number.
        return FileFormat("settlement", f"settlement-xml-{version[1] if version else '2.0'}")
    message = _MESSAGE.search(outline.namespace)
    number = _MESSAGE_OF_ELEMENT.get(outline.child)
    if number is None and message is not None and not outline.child:
        number = message[0]
    if outline.root != "Document" or number is None:
        raise SourceError(
            "this is XML, but neither a bank statement (camt.053) nor a settlement report of Vipps "
            "MobilePay",
            file=path.name,
        )
    return FileFormat("bank", number)


def explain_other_message(file_format: FileFormat) -> str:
    """Return why a bank message is no statement, and what to ask for; "" for a statement."""
    if file_format.format not in OTHER_MESSAGES:
        return ""
    return say(f"preview.{file_format.format.replace('.', '')}")


def _read_head(path: Path) -> bytes:
    name = path.name or str(path)
    about = check_input_file(path, advice="; export fewer days")
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip(codecs.BOM_UTF8 + b" \t\r\n") and about.st_size <= len(head):
        raise SourceError("the file is empty", file=name)
    return head


def _explain_old_workbook(path: Path) -> str:
    content = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in content:
        return PASSWORD_PROTECTED
    return "this is an Excel file of the old kind (.xls); save it as .xlsx or CSV"


def _contains_nul(path: Path) -> bool:
    with path.open("rb") as file:
        return any(b"\0" in block for block in iter(lambda: file.read(_BLOCK_BYTES), b""))


def _try_decoding(path: Path, encoding: str) -> Literal["whole", "cut", ""]:
    """Return whether a file is in this encoding, and whether it ends within a character."""
    decoder = codecs.getincrementaldecoder(encoding)()
    is_ascii = True
    try:
        with path.open("rb") as file:
            for block in iter(lambda: file.read(_BLOCK_BYTES), b""):
                is_ascii = decoder.decode(block).isascii() and is_ascii
    except UnicodeError:
        return ""
    if not decoder.getstate()[0]:
        return "whole"
    # Without any other such letter, the last byte may as well be one of Windows-1252.
    return "" if is_ascii and encoding == "utf-8" else "cut"


@cache
def _load_known_formats() -> list[tuple[FileFormat, set[str]]]:
    text = (resources.files("vippsrecon.sources.files") / "kinds.toml").read_text(encoding="utf-8")
    return [
        (
            FileFormat(entry["kind"], entry["format"]),
            {normalize_heading(name) for name in entry["headings"]},
        )
        for entry in tomllib.loads(text)["kinds"]
    ]
