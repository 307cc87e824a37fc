"""Choose how much of a reconciliation its workbook contains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from vippsrecon.errors import InputError

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation

ReportDetail = Literal["full", "findings"]
"""full: all sheets. findings: without `RAW_SHEETS`, whose rows are written to Parquet files."""

RAW_SHEETS = ("matched", "payments", "events", "orders", "ledger")
"""Sheets with what agrees and with what was read: nearly all rows of a large report."""

MAX_RAW_ROWS = 20_000
"""Orders, payments, events and ledger entries up to which a report is full by default: about 2 MB."""


def choose_detail(
    reconciliation: Reconciliation, detail: ReportDetail | None = None
) -> ReportDetail:
    """Return the detail of a report: as chosen, else by the number of rows that were read.

    Raises:
        InputError: `detail` is neither full nor findings.
    """
    if detail is not None:
        if detail not in get_args(ReportDetail):
            raise InputError(f"detail is {detail!r}. Use full or findings.")
        return detail
    rows = sum(
        reconciliation.polars_frame(name).height
        for name in ("orders", "payments", "events", "ledger_entries")
    )
    return "findings" if rows > MAX_RAW_ROWS else "full"
