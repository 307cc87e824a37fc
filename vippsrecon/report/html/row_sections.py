"""Choose the rows that the page lists: discrepancies, open items, changes, timing, rejects and failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from vippsrecon.report import sentences
from vippsrecon.report.changes import ENTRY_COLUMNS
from vippsrecon.report.excel.tables import (
    add_item_status,
    build_item_rows,
    build_pair_rows,
    build_reject_and_failure_rows,
)
from vippsrecon.report.html.visible_text import make_visible
from vippsrecon.report.restated import describe_restatement, name_restated_facts
from vippsrecon.schemas import SEVERITIES
from vippsrecon.texts import say, translate_words

if TYPE_CHECKING:
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
        rows = rows.with_columns(pl.col("decision").replace(dict(translate_words("decisions"))))
        about = sentences.describe_change_rows(changes.name)
        named = changes.rows.with_columns(
            pl.col("change").replace(dict(translate_words("changes.words")))
        )
        changed = _select_rows(named, MAX_ROWS, about, "changed", workbook)
    discrepancies = _select_rows(
        rows,
        MAX_DISCREPANCIES,
        say("about.discrepancies"),
        "discrepancies",
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
        else _select_rows(items, MAX_ROWS, say("about.open_items"), "open_items", workbook),
        "restated": None
        if frames.restatement.is_empty()
        else _select_rows(
            name_restated_facts(frames.restatement),
            MAX_ROWS,
            say("about.restatement"),
            "restatement",
            workbook,
        ),
        "restated_sums": describe_restatement(frames.restatement),
        "kinds": sorted(kinds),
        "severities": [severity for severity in SEVERITIES if severity in severities],
        "severity_rank": {name: -place for place, name in enumerate(SEVERITIES)},
        "timing": _select_rows(
            build_pair_rows(frames, "timing"),
            MAX_ROWS,
            say("about.timing"),
            "timing",
            workbook,
        ),
        "rejects": _select_rows(
            build_reject_and_failure_rows(frames),
            MAX_ROWS,
            say("about.rejects"),
            "rejects",
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
