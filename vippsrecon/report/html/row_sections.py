"""Choose the rows that the page lists: discrepancies, open items, changes, timing, rejects and failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vippsrecon.report import names, sentences
from vippsrecon.report.changes import ENTRY_COLUMNS
from vippsrecon.report.excel.tables import (
    add_item_status,
    build_item_rows,
    build_pair_rows,
    build_reject_and_failure_rows,
)
from vippsrecon.report.html.visible_text import make_visible
from vippsrecon.schemas import SEVERITIES

if TYPE_CHECKING:
    import polars as pl

    from vippsrecon.report.changes import ReportChanges
    from vippsrecon.report.frames import ReportFrames

MAX_DISCREPANCIES = 1_000
MAX_ROWS = 500
"""Of open items, of timing, of rejects and failures, of input files, and of the settings together."""

MAX_CELL_CHARACTERS = 200
"""Of a text in a row, such as an order number. The sentences of a row may be longer."""

_SENTENCES = {
    "portal_url": 1_000,
    "order_url": 1_000,
    "cause": 1_000,
    "next_step": 1_000,
    "reason": 300,
    "detail": 300,
}


class PageRows(NamedTuple):
    """The rows of a section: what they are, how many there are, and which are left out."""

    about: str
    rows: list[dict[str, Any]]
    total: int
    left_out: str


def build_row_sections(
    frames: ReportFrames, workbook: str, changes: ReportChanges | None
) -> dict[str, Any]:
    """Return the variables of the sections that list rows.

    Args:
        frames: The frames of one Reconciliation.
        workbook: Name of the workbook in which the rows are that the page leaves out.
        changes: What changed since an earlier report; None: there is no earlier report.
    """
    rows = add_item_status(frames.discrepancies, frames.open_items)
    items = build_item_rows(frames)
    changed = None
    if changes is not None:
        rows = rows.join(changes.entries, on="discrepancy_id", how="left", maintain_order="left")
        about = sentences.describe_change_rows(changes.name)
        changed = _select_rows(changes.rows, MAX_ROWS, about, "What changed", workbook)
    discrepancies = _select_rows(
        rows,
        MAX_DISCREPANCIES,
        names.SHEET_DESCRIPTIONS["Discrepancies"],
        "Discrepancies",
        workbook,
    )
    kinds = {row["kind"] for row in discrepancies.rows}
    severities = {row["severity"] for row in discrepancies.rows}
    return {
        "discrepancies": discrepancies,
        "entries": ENTRY_COLUMNS if changes is not None else (),
        "changed": changed,
        "items": None
        if items.is_empty()
        else _select_rows(
            items, MAX_ROWS, names.SHEET_DESCRIPTIONS["Open items"], "Open items", workbook
        ),
        "kinds": sorted(kinds),
        "severities": [severity for severity in SEVERITIES if severity in severities],
        "severity_rank": {name: -place for place, name in enumerate(SEVERITIES)},
        "timing": _select_rows(
            build_pair_rows(frames, "timing"),
            MAX_ROWS,
            names.SHEET_DESCRIPTIONS["Timing"],
            "Timing",
            workbook,
        ),
        "rejects": _select_rows(
            build_reject_and_failure_rows(frames),
            MAX_ROWS,
            names.SHEET_DESCRIPTIONS["Rejects and failures"],
            "Rejects and failures",
            workbook,
        ),
    }


def _select_rows(data: pl.DataFrame, most: int, about: str, sheet: str, workbook: str) -> PageRows:
    rows = [
        {name: _limit_text(name, value) for name, value in row.items()}
        for row in data.head(most).iter_rows(named=True)
    ]
    left_out = sentences.describe_left_out_rows(len(rows), data.height, sheet, workbook)
    return PageRows(about, rows, data.height, left_out)


def _limit_text(name: str, value: Any) -> Any:
    most = _SENTENCES.get(name, MAX_CELL_CHARACTERS)
    return make_visible(value, most) if isinstance(value, str) else value
