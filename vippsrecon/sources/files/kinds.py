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
from vippsrecon.sources.files.headings import heading

Kind = Literal["orders", "settlement", "bank", "plan"]

IN_WORDS = {
    "settlement": "a settlement file of Vipps MobilePay",
    "bank": "a bank statement",
    "plan": "a plan of this program",
}
_CAMT = re.compile(r"camt\.(05[234])\.001|<(?:\w+:)?(BkToCstmr\w+)")
_BY_ROOT = {"BkToCstmrAcctRpt": "052", "BkToCstmrStmt": "053", "BkToCstmrDbtCdtNtfctn": "054"}


class Known(NamedTuple):
    """A kind of file and the name of its format."""

    kind: Kind
    format: str


def by_headings(headings: Iterable[str]) -> Known | None:
    """Return what a table is by its headings, or None where it may be an order export.

    >>> by_headings(["Dato", "Forklaring", "Rentedato", "Ut fra konto", "Inn på konto"])
    Known(kind='bank', format='dnb')
    """
    there = {heading(text) for text in headings}
    return next((known for known, wanted in _kinds() if wanted <= there), None)


def of_json(content: Any) -> Known | None:
    """Return what JSON is, or None where it may be orders."""
    if isinstance(content, dict) and {"digest", "rows"} <= content.keys():
        return Known("plan", "plan")
    return None


def of_xml(path: Path) -> Known:
    """Return what an XML file is by the name its root goes by.

    Raises:
        SourceError: It is no bank statement known here.
    """
    with path.open("rb") as file:
        start = file.read(64 * 1024)
    found = _CAMT.search(start.replace(b"\0", b"").decode("latin-1"))
    number = found and (found[1] or _BY_ROOT.get(found[2]))
    if not number:
        raise SourceError("this is XML, but no bank statement (camt.053)", file=path.name)
    return Known("bank", f"camt.{number}")


@cache
def _kinds() -> list[tuple[Known, set[str]]]:
    text = (resources.files("vippsrecon.sources.files") / "kinds.toml").read_text(encoding="utf-8")
    return [
        (Known(entry["kind"], entry["format"]), {heading(name) for name in entry["headings"]})
        for entry in tomllib.loads(text)["kinds"]
    ]
