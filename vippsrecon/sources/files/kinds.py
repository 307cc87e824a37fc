"""What a file is when it is no order export: a settlement, a bank statement, or a plan."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple

from vippsrecon.errors import SourceError
from vippsrecon.sources.files.headings import normalize_heading

FileKind = Literal["orders", "settlement", "bank", "plan"]

FILE_KIND_NAMES = {
    "settlement": "a settlement file of Vipps MobilePay",
    "bank": "a bank statement",
    "plan": "a plan of this program",
}
_CAMT_PATTERN = re.compile(r"camt\.(05[234])\.001|<(?:\w+:)?(BkToCstmr\w+)")
_CAMT_NUMBER_BY_ROOT = {
    "BkToCstmrAcctRpt": "052",
    "BkToCstmrStmt": "053",
    "BkToCstmrDbtCdtNtfctn": "054",
}


class FileFormat(NamedTuple):
    """A kind of file and the name of its format."""

    kind: FileKind
    format: str


def recognize_headings(headings: Iterable[str]) -> FileFormat | None:
    """Return what a table is by its headings, or None where it may be an order export.

    >>> recognize_headings(["Dato", "Forklaring", "Rentedato", "Ut fra konto", "Inn på konto"])
    Known(kind='bank', format='dnb')
    """
    there = {normalize_heading(text) for text in headings}
    return next((known for known, wanted in _load_known_formats() if wanted <= there), None)


def recognize_json(content: Any) -> FileFormat | None:
    """Return what JSON is, or None where it may be orders."""
    if isinstance(content, dict) and {"digest", "rows"} <= content.keys():
        return FileFormat("plan", "plan")
    return None


def recognize_xml(path: Path) -> FileFormat:
    """Return what an XML file is by the name its root goes by.

    Raises:
        SourceError: It is no bank statement known here.
    """
    with path.open("rb") as file:
        start = file.read(64 * 1024)
    found = _CAMT_PATTERN.search(start.replace(b"\0", b"").decode("latin-1"))
    number = found and (found[1] or _CAMT_NUMBER_BY_ROOT.get(found[2]))
    if not number:
        raise SourceError("this is XML, but no bank statement (camt.053)", file=path.name)
    return FileFormat("bank", f"camt.{number}")


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
