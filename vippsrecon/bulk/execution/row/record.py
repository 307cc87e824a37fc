"""The planner's data of a row in its journal entries: write it and read it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.store import Entry


def build_row_record(row: PlanRow) -> dict[str, Any]:
    """Return the row data stored in an entry, so that the journal is readable without the plan file."""
    return {
        "order_number": row.order_number,
        "reason": row.reason,
        "note": row.note,
        "document_ref": row.document_ref,
        "vat_minor": row.vat_minor,
        "discrepancy_id": row.discrepancy_id,
    }


def restore_planned_row(
    entry: Entry, detail: Mapping[str, Any], before: Aggregate | None
) -> PlanRow:
    """Restore a plan row from an entry written with `build_row_record`.

    Args:
        entry: An entry of a row.
        detail: The entry's detail.
        before: The payment's totals before, in minor units; None if they were not read.
    """
    return PlanRow(
        entry.row or 0,
        entry.msn or "",
        entry.reference or "",
        detail.get("order_number"),
        entry.currency or "",
        entry.amount_minor or 0,
        str(detail.get("reason") or ""),
        str(detail.get("note") or ""),
        str(detail.get("document_ref") or ""),
        detail.get("vat_minor"),
        detail.get("discrepancy_id"),
        *(before or Aggregate(0, 0, 0, 0)),
        False,
    )
