"""What the planner said of a row, in its journal entries: written, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.store import Entry


def build_row_record(row: PlanRow) -> dict[str, Any]:
    """Return what an entry keeps of a row, for a journal read without the plan's file."""
    return {
        "order_number": row.order_number,
        "reason": row.reason,
        "note": row.note,
        "document_ref": row.document_ref,
        "vat_minor": row.vat_minor,
        "discrepancy_id": row.discrepancy_id,
    }


def restore_planned_row(entry: Entry, said: Mapping[str, Any], seen: Aggregate | None) -> PlanRow:
    """Return the row an entry is of, as `build_row_record` kept it.

    Args:
        entry: One that names a row.
        said: Its detail.
        seen: The payment's aggregate before, in minor units; None where it was not read.
    """
    return PlanRow(
        entry.row or 0,
        entry.msn or "",
        entry.reference or "",
        said.get("order_number"),
        entry.currency or "",
        entry.amount_minor or 0,
        str(said.get("reason") or ""),
        str(said.get("note") or ""),
        str(said.get("document_ref") or ""),
        said.get("vat_minor"),
        said.get("discrepancy_id"),
        *(seen or Aggregate(0, 0, 0, 0)),
        False,
    )
