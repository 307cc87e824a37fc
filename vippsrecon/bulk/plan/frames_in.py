"""A frame of discrepancies as the rows a report has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from vippsrecon.sources.reviewed_report.read import ReportRow

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = (
    "discrepancy_id",
    "kind",
    "msn",
    "reference",
    "order_number",
    "currency",
    "expected_minor",
    "actual_minor",
    "proposal",
    "proposal_minor",
    "next_step",
    "flags",
)


def build_report_rows(discrepancies: pd.DataFrame) -> list[ReportRow]:
    """Return `schemas.DISCREPANCIES` row by row, counted from 1.

    Columns `decision` and `note`, where the frame has them, count as they do in a report.
    """
    extra = [name for name in ("decision", "note") if name in discrepancies.columns]
    table = pa.Table.from_pandas(discrepancies[[*_COLUMNS, *extra]], preserve_index=False)
    return [
        ReportRow(
            row=number,
            **{name: said[name] for name in _COLUMNS if name not in ("reference", "flags")},
            reference=said["reference"] or "",
            flags=said["flags"] or "",
            decision=(said.get("decision") or "").strip(),
            note=" ".join((said.get("note") or "").split()),
        )
        for number, said in enumerate(table.to_pylist(), start=1)
    ]
