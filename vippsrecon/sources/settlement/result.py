"""What the readers of settlement files give: entries and payouts of each file, and a summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Generic, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.sources.files_view import Tile, describe_files, render_files
from vippsrecon.texts import format_spaced_money, say
from vippsrecon.vipps_rules import PAYOUT_SCHEDULED

ENTRY_COLUMNS = schemas.polars_schema(schemas.LEDGER_ENTRIES)
PAYOUT_COLUMNS = schemas.polars_schema(schemas.PAYOUTS)
"""Columns and types of `schemas.LEDGER_ENTRIES` and `schemas.PAYOUTS`."""


class ParsedSettlement(NamedTuple):
    """One settlement file.

    Attributes:
        name: Name of the file.
        format: Name of its form.
        encoding: Encoding of a text file; "" for a workbook and for XML.
        rows: Rows or transactions of the file.
        entries: `schemas.LEDGER_ENTRIES`; one row may give an entry on each topic.
        payouts: `schemas.PAYOUTS`.
        rejects: `schemas.REJECTS`.
        notes: Sentences on the file.
        is_short: Whether it states another number of transactions than it has.
    """

    name: str
    format: str
    encoding: str
    rows: int
    entries: pl.DataFrame
    payouts: pl.DataFrame
    rejects: pl.DataFrame
    notes: tuple[str, ...]
    is_short: bool = False


@dataclass(frozen=True)
class SettlementFileSummary:
    """Summary of one file, as it was read.

    Attributes:
        name: Name of the file, without its folder.
        sha256: SHA-256 of its bytes.
        kind: "settlement".
        format: Name of its form.
        encoding: Encoding of a text file; "" for a workbook and for XML.
        rows: Rows or transactions of the file.
        rejected: Rows that became rejects.
        period: First and last accounting day; None where it has no entries.
        totals: Currency to `captures_minor`, `refunds_minor`, `fees_minor`, `payouts_minor`, all
            positive: captures less refunds, fees and payouts is what stays on the ledger.
        msns: Sales units it has entries of.
        notes: Sentences on what is missing, computed or unusual.
        is_short: Whether it states another number of transactions than it has.
    """

    name: str
    sha256: str
    kind: str
    format: str
    encoding: str
    rows: int
    rejected: int
    period: tuple[date, date] | None
    totals: dict[str, dict[str, int]]
    msns: tuple[str, ...]
    notes: tuple[str, ...]
    is_short: bool = False


class SettlementFiles(NamedTuple, Generic[schemas.FrameT]):
    """Settlement files read.

    Attributes:
        entries: `schemas.LEDGER_ENTRIES`: each entry once, whatever number of files show it.
        payouts: `schemas.PAYOUTS`, each once.
        rejects: `schemas.REJECTS`.
        files: One summary per file.
        notes: Sentences on the files together.
    """

    entries: schemas.FrameT
    payouts: schemas.FrameT
    rejects: schemas.FrameT
    files: tuple[SettlementFileSummary, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        """Describe the files in one line, without the frames."""
        rows = sum(file.rows for file in self.files)
        return describe_files("SettlementFiles", self.files, rows, "row")

    def _repr_html_(self) -> str:
        files = [(file, file.rows) for file in self.files]
        return render_files("rows_read", files, _list_tiles, self.notes)


def _list_tiles(sums: Mapping[str, int], currency: str) -> list[Tile]:
    return [
        (say(f"files.{name}"), format_spaced_money(value, currency), "")
        for name, value in sums.items()
    ]


def sum_entries(entries: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Return captures, refunds, fees and payouts by currency, all positive.

    A fee is counted once: as it is retained from the payout, or, where nothing is retained, as it is
    charged.
    """
    totals = {}
    for currency in sorted(set(entries["currency"])):
        own = entries.filter(pl.col("currency") == currency)
        retained = _sum_type(own, "funds", "fees-retained")
        totals[currency] = {
            "captures_minor": _sum_type(own, "funds", "capture"),
            "refunds_minor": -_sum_type(own, "funds", "refund"),
            "fees_minor": -(retained or _sum_type(own, "fees", "capture-fee")),
            "payouts_minor": -_sum_type(own, "funds", PAYOUT_SCHEDULED),
        }
    return totals


def _sum_type(entries: pl.DataFrame, topic: str, entry_type: str) -> int:
    kind = (pl.col("topic") == topic) & (pl.col("entry_type") == entry_type)
    return int(entries.filter(kind)["amount_minor"].sum())
