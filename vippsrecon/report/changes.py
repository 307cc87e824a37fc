"""Compare a reconciliation with an earlier report: carry its entries over, and list what changed.

    earlier workbook ──read──► owner, decision, note ──discrepancy_id──► rows of Discrepancies
                         └───► amounts ────────────────────────────────► rows of What changed

Rows are matched by `discrepancy_id`, which is the same in every run.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from vippsrecon.errors import InputError
from vippsrecon.money import format_count
from vippsrecon.report.frames import build_report_frames, select_compared_pairs
from vippsrecon.report.names import ITEM_STATUS_NAMES
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.sources.reviewed_report.read import read_reviewed_report

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.frames import ReportFrames
    from vippsrecon.sources.reviewed_report.read import ReportRow, ReviewedReport

IN_PROGRESS = "in progress"
"""The decision that somebody works on a discrepancy: the status of its open item."""

ENTRY_COLUMNS = ("owner", "decision", "note")
"""Columns of *Discrepancies* that people fill in."""

CHANGE_SENTENCES = {
    "reopened": "An earlier run showed it, the earlier report did not, and it is here again.",
    "new": "It was not in the earlier report.",
    "changed": "Its amounts differ from the earlier report.",
    "aged": "It is as it was in the earlier report.",
    "cleared": "Its order and payment were checked again, and the discrepancy is gone.",
    "waived": "The ignore file lists its payment, so it left the totals.",
    "not compared": "Its order and payment were not checked in this run, so it may still be there.",
}
"""What became of a discrepancy since the earlier report, in the order of the sheet, with its meaning."""

_ROW_WAS_CHANGED = (
    "Its row in the earlier report was changed or shifted: its amounts then are not known, and its "
    "entries were not carried over."
)
_NOT_ABOUT_AMOUNTS = ("", IN_PROGRESS)
_AMOUNTS = ("expected_minor", "actual_minor", "at_risk_minor", "proposal", "proposal_minor")
_FACTS = ("kind", "order_number", "reference", "msn", "currency")
_MAX_NAMED_ROWS = 10


class ReportChanges(NamedTuple):
    """What an earlier report adds to a new one.

    Attributes:
        entries: One row per discrepancy whose entries are carried over: discrepancy_id, owner,
            decision, note.
        rows: One row per discrepancy of either report, for *What changed*.
        notices: Sentences for the report.
        name: File name of the earlier report.
        sha256: Its hash.
    """

    entries: pl.DataFrame
    rows: pl.DataFrame
    notices: tuple[str, ...]
    name: str
    sha256: str

    def add_to(self, reconciliation: Reconciliation) -> Reconciliation:
        """Return the reconciliation with the notices, and the earlier report among its inputs."""
        manifest = reconciliation.manifest
        inputs = {**(manifest.get("inputs") or {}), f"{self.name} (earlier report)": self.sha256}
        return reconciliation.with_changes(
            notices=(*reconciliation.notices, *self.notices),
            manifest={**manifest, "inputs": inputs},
        )


def find_changes(
    reconciliation: Reconciliation, earlier: str | Path | ReportChanges | None
) -> ReportChanges | None:
    """Return what an earlier report adds: it is read and compared if its path is given.

    Raises:
        InputError: The earlier report is of another environment.
        SourceError: It cannot be read as a report.
    """
    if isinstance(earlier, str | Path):
        return compare_with_report(reconciliation, read_reviewed_report(earlier))
    return earlier


def compare_with_report(reconciliation: Reconciliation, earlier: ReviewedReport) -> ReportChanges:
    """Compare the discrepancies of a reconciliation with those of an earlier report.

    A decision other than *in progress* is carried over only while the amounts of its discrepancy are
    the same: it was made for those amounts. A discrepancy that is gone is *cleared* only if this run compared its order
    and payment again.

    Args:
        reconciliation: The new reconciliation. Not changed.
        earlier: The earlier report, as people worked in it.

    Raises:
        InputError: The earlier report is of another environment.
    """
    environment = reconciliation.manifest.get("environment")
    if earlier.environment != environment:
        raise InputError(
            f"{earlier.name} is a report of the environment {earlier.environment or 'unknown'}, and "
            f"this run is of {environment or 'unknown'}. Give the earlier report of the same environment."
        )
    earlier_rows, conflicts = _choose_rows(earlier)
    frames = build_report_frames(reconciliation)
    checked = select_compared_pairs(frames.orders, frames.payments, reconciliation.manifest)
    rows = _match_rows(frames, earlier, earlier_rows, checked)
    withdrawn = ~pl.col("decision").is_in(_NOT_ABOUT_AMOUNTS) & pl.col("change").eq("changed")
    entries = rows.filter(
        pl.col("change").is_in(["changed", "aged"]) & pl.any_horizontal(_is_filled(*ENTRY_COLUMNS))
    ).select(
        "discrepancy_id", "owner", pl.when(~withdrawn).then("decision").alias("decision"), "note"
    )
    entries = entries.filter(pl.any_horizontal(_is_filled(*ENTRY_COLUMNS)))
    notices = _describe(earlier, rows, entries.height, rows.filter(withdrawn).height, conflicts)
    return ReportChanges(entries, rows, notices, earlier.name, earlier.sha256)


def _is_filled(*names: str) -> list[pl.Expr]:
    return [pl.col(name).fill_null("").ne("") for name in names]


def _choose_rows(earlier: ReviewedReport) -> tuple[dict[str, ReportRow], list[int]]:
    """Return one row per discrepancy, and the numbers of rows that repeat one with other entries."""
    chosen: dict[str, ReportRow] = {}
    conflicts = []
    for row in earlier.rows:
        known = chosen.setdefault(row.discrepancy_id, row)
        if (row.owner, row.decision, row.entry_note) != (
            known.owner,
            known.decision,
            known.entry_note,
        ):
            conflicts.append(row.row)
    return chosen, conflicts


def _match_rows(
    frames: ReportFrames,
    earlier: ReviewedReport,
    earlier_rows: dict[str, ReportRow],
    checked: pl.DataFrame,
) -> pl.DataFrame:
    """Return the rows of *What changed*, in the order of `CHANGE_SENTENCES`, highest risk first."""
    now = frames.discrepancies.select(
        "discrepancy_id", *_FACTS, *_AMOUNTS, "first_seen_date", present=pl.lit(True)
    )
    then = pl.DataFrame(
        [_list_values(row) for row in earlier_rows.values()],
        schema={
            "discrepancy_id": pl.String,
            **dict.fromkeys(_FACTS, pl.String),
            **{name: now.schema[name] for name in _AMOUNTS},
            **dict.fromkeys(ENTRY_COLUMNS, pl.String),
            "was_present": pl.Boolean,
        },
        orient="row",
    )
    refused = pl.col("discrepancy_id").is_in(sorted(earlier.refused_ids))
    both = now.join(then, on="discrepancy_id", how="full", coalesce=True, suffix="_then")
    both = both.with_columns(
        *(pl.coalesce(name, f"{name}_then").alias(name) for name in _FACTS),
        *(pl.col(name).fill_null("") for name in ENTRY_COLUMNS),
    )
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_then")) for name in _AMOUNTS)
    seen_before = pl.lit(False)
    if earlier.as_of is not None:
        seen_before = pl.col("first_seen_date") < pl.lit(earlier.as_of.date(), pl.Date)
    checked_pairs = checked.select(pl.struct(PAYMENT_KEY)).to_series()
    present, was_present = pl.col("present").is_not_null(), pl.col("was_present").is_not_null()
    change = (
        pl.when(present & (was_present & same | refused & ~was_present))
        .then(pl.lit("aged"))
        .when(present & was_present)
        .then(pl.lit("changed"))
        .when(present & seen_before)
        .then(pl.lit("reopened"))
        .when(present)
        .then(pl.lit("new"))
        .when(pl.col("discrepancy_id").is_in(_list_waived(frames).implode()))
        .then(pl.lit("waived"))
        .when(pl.struct("msn", "reference").is_in(checked_pairs.implode()))
        .then(pl.lit("cleared"))
        .otherwise(pl.lit("not compared"))
    )
    order = {name: place for place, name in enumerate(CHANGE_SENTENCES)}
    sentence = pl.col("change").replace_strict(CHANGE_SENTENCES, return_dtype=pl.String)
    decision = pl.col("decision")
    return (
        both.with_columns(change=change)
        .with_columns(
            what=pl.when(present & refused & ~was_present)
            .then(pl.lit(_ROW_WAS_CHANGED))
            .when(pl.col("change").eq("changed") & ~decision.is_in(_NOT_ABOUT_AMOUNTS))
            .then(
                pl.format(
                    '{} The decision "{}" was for those amounts, so it was not carried over.',
                    sentence,
                    decision,
                )
            )
            .otherwise(sentence),
            at_risk_then_minor=pl.col("at_risk_minor_then"),
            place=pl.col("change").replace_strict(order, return_dtype=pl.Int64),
        )
        .with_columns(
            at_risk_minor=pl.when(pl.col("change").is_in(["cleared", "waived"]))
            .then(0)
            .otherwise("at_risk_minor"),
        )
        .with_columns(
            at_risk_change_minor=pl.when(
                pl.col("change").eq("not compared") | (present & refused & ~was_present)
            )
            .then(None)
            .otherwise(pl.col("at_risk_minor") - pl.col("at_risk_then_minor").fill_null(0))
        )
        .sort(
            "place",
            pl.max_horizontal("at_risk_minor", "at_risk_then_minor"),
            "discrepancy_id",
            descending=[False, True, False],
        )
        .join(
            _list_statuses(frames.open_items),
            on="discrepancy_id",
            how="left",
            maintain_order="left",
        )
        .select(
            "change",
            *_FACTS,
            "at_risk_then_minor",
            "at_risk_minor",
            "at_risk_change_minor",
            *ENTRY_COLUMNS,
            "what",
            "discrepancy_id",
            "item_status",
            pl.coalesce("first_seen_date", "item_first_seen_date").alias("first_seen_date"),
            "last_seen_date",
        )
    )


def _list_statuses(open_items: pl.DataFrame) -> pl.DataFrame:
    return open_items.select(
        "discrepancy_id",
        pl.col("first_seen_date").alias("item_first_seen_date"),
        "last_seen_date",
        item_status=pl.col("status").replace_strict(ITEM_STATUS_NAMES, return_dtype=pl.String),
    )


def _list_waived(frames: ReportFrames) -> pl.Series:
    return frames.open_items.filter(status="waived")["discrepancy_id"]


def _list_values(row: ReportRow) -> tuple[Any, ...]:
    facts = [getattr(row, name) or None for name in _FACTS]
    amounts = [getattr(row, name) for name in _AMOUNTS]
    return (row.discrepancy_id, *facts, *amounts, row.owner, row.decision, row.entry_note, True)


def _describe(
    earlier: ReviewedReport, rows: pl.DataFrame, carried: int, withdrawn: int, conflicts: list[int]
) -> tuple[str, ...]:
    counts = Counter(rows["change"].to_list())
    listed = ", ".join(f"{counts[name]} {name}" for name in CHANGE_SENTENCES if counts[name])
    sentences = [
        f"Compared with the earlier report {earlier.name}: {listed or 'no discrepancies in either'} "
        "(sheet What changed)."
    ]
    if carried:
        have = format_count(carried, "discrepancy has", "discrepancies have")
        sentences.append(
            f"{have} the owner, decision or note that {earlier.name} had; check them before you use them."
        )
    if withdrawn:
        were = format_count(withdrawn, "decision was", "decisions were")
        sentences.append(f"{were} not carried over, because the amounts changed since.")
    for numbers, problem in (
        (
            [reject.source_row for reject in earlier.refused],
            "changed or shifted, so entries in them were not carried over",
        ),
        (
            conflicts,
            "repeat an earlier row with other entries; those of the first row were carried over",
        ),
    ):
        if numbers:
            listed = ", ".join(str(number) for number in numbers[:_MAX_NAMED_ROWS])
            more = (
                f" and {len(numbers) - _MAX_NAMED_ROWS} more"
                if len(numbers) > _MAX_NAMED_ROWS
                else ""
            )
            verb = "were " if problem.startswith("changed") else ""
            sentences.append(f"Rows of {earlier.name} {verb}{problem}: {listed}{more}.")
    return tuple(sentences)
