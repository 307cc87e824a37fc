"""The result of reading order exports: the frames, and a summary of each file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, NamedTuple

from vippsrecon import schemas
from vippsrecon.sources.files_view import Tile, describe_files, render_files
from vippsrecon.texts import format_spaced_money, format_spaced_number, say


@dataclass(frozen=True)
class FileSummary:
    """Summary of one file, as it was read.

    Attributes:
        name: Name of the file, without its folder.
        sha256: SHA-256 of its bytes.
        kind: "orders".
        format: Name of the profile used.
        encoding: Encoding of a text file; "" for a workbook.
        rows: Non-empty rows below the headings: orders + rejected + continuations.
        orders: Rows that became orders.
        rejected: Rows that became rejects.
        continuations: Rows that only continue the order above (one row per product).
        period: First and last local day an order was placed; None where there is no date.
        totals: Currency to `orders`, `total_minor`, `refunded_minor`; the last is None if the
            file has no refunds.
        exported_at: When the export was taken.
        exported_at_from: "argument", "modification time", or "time of the call" for a frame.
        msns: Sales units its orders belong to.
        reference_column: Heading of the references; "" if the file has none.
        notes: Sentences on what is missing, not compared or unusual.
    """

    name: str
    sha256: str
    kind: str
    format: str
    encoding: str
    rows: int
    orders: int
    rejected: int
    continuations: int
    period: tuple[date, date] | None
    totals: dict[str, dict[str, int | None]]
    exported_at: datetime
    exported_at_from: str
    msns: tuple[str, ...]
    reference_column: str
    notes: tuple[str, ...]


class OrderFiles(NamedTuple, Generic[schemas.FrameT]):
    """Order exports read: `schemas.ORDERS`, `schemas.REJECTS`, and a summary of each file."""

    orders: schemas.FrameT
    rejects: schemas.FrameT
    files: tuple[FileSummary, ...]

    def __repr__(self) -> str:
        """Describe the files in one line, without the frames."""
        orders = sum(file.orders for file in self.files)
        return describe_files("OrderFiles", self.files, orders, "order")

    def _repr_html_(self) -> str:
        files = [(file, file.orders) for file in self.files]
        return render_files("orders_read", files, _list_tiles)


def _list_tiles(sums: Mapping[str, int | None], currency: str) -> list[Tile]:
    refunded = sums["refunded_minor"]
    return [
        (say("files.orders"), format_spaced_number(sums["orders"] or 0), currency),
        (say("files.total_minor"), format_spaced_money(sums["total_minor"] or 0, currency), ""),
        (
            say("files.refunded_minor"),
            say("files.unknown") if refunded is None else format_spaced_money(refunded, currency),
            "",
        ),
    ]
