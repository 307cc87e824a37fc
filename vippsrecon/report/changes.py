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
from vippsrecon.report.frames import build_report_frames
from vippsrecon.report.money.compared import EarlierItem, find_compared_items
from vippsrecon.report.names import find_payout_number, list_item_statuses
from vippsrecon.sources.reviewed_report.read import read_reviewed_report
from vippsrecon.texts import in_language_of_result, list_texts_in, say, translate_words

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.frames import ReportFrames
    from vippsrecon.sources.reviewed_report.read import ReportRow, ReviewedReport

IN_PROGRESS = "in progress"
"""The decision that somebody works on a discrepancy: the status of its open item."""

ENTRY_COLUMNS = ("owner", "decision", "note")
"""Columns of *Discrepancies* that people fill in."""

CHANGES = ("reopened", "new", "changed", "aged", "cleared", "waived", "not_compared")
"""What became of a discrepancy since the earlier report, in the order of the sheet. Its word and its
meaning are in the catalogues."""

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
        name = say("changes.sentences.input", report=self.name)
        inputs = {**(manifest.get("inputs") or {}), name: self.sha256}
        return reconciliation.with_changes(
            notices=(*reconciliation.notices, *self.notices),
            manifest={**manifest, "inputs": inputs},
        )


@in_language_of_result
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


@in_language_of_result
def compare_with_report(reconciliation: Reconciliation, earlier: ReviewedReport) -> ReportChanges:
    """Compare the discrepancies of a reconciliation with those of an earlier report.

    A decision other than *in progress* is carried over only while the amounts of its discrepancy are
    the same: it was made for those amounts. A discrepancy that is gone is *cleared* only if this run
    compared its sides again, such as its order and payment, or its payout and the bank.

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
    present = set(frames.discrepancies["discrepancy_id"])
    absent = [
        EarlierItem(row.discrepancy_id, row.kind, row.msn, row.reference or None)
        for row in earlier_rows.values()
        if row.discrepancy_id not in present
    ]
    checked = find_compared_items(reconciliation, frames.orders, frames.payments, absent)
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
    checked: set[str],
) -> pl.DataFrame:
    """Return the rows of *What changed*, in the order of `CHANGES`, highest risk first."""
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
    ids = both.select(pl.coalesce("kind", "kind_then"), "discrepancy_id")
    numbers = [find_payout_number(*row) for row in ids.iter_rows()]
    both = both.with_columns(
        *(pl.coalesce(name, f"{name}_then").alias(name) for name in _FACTS),
        *(pl.col(name).fill_null("") for name in ENTRY_COLUMNS),
        payout_number=pl.Series(numbers, dtype=pl.String),
    )
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_then")) for name in _AMOUNTS)
    seen_before = pl.lit(False)
    if earlier.as_of is not None:
        seen_before = pl.col("first_seen_date") < pl.lit(earlier.as_of.date(), pl.Date)
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
        .when(pl.col("discrepancy_id").is_in(sorted(checked)))
        .then(pl.lit("cleared"))
        .otherwise(pl.lit("not compared"))
    )
    words = list_texts_in("changes.words", "en")
    order = {words[name]: place for place, name in enumerate(CHANGES)}
    meanings = {words[name]: say(f"changes.meanings.{name}") for name in CHANGES}
    sentence = pl.col("change").replace_strict(meanings, return_dtype=pl.String)
    withdrawn = say("changes.sentences.decision_withdrawn", decision="{}")
    decision = pl.col("decision")
    return (
        both.with_columns(change=change)
        .with_columns(
            what=pl.when(present & refused & ~was_present)
            .then(pl.lit(say("changes.sentences.row_was_changed")))
            .when(pl.col("change").eq("changed") & ~decision.is_in(_NOT_ABOUT_AMOUNTS))
            .then(
                pl.format(
                    f"{{}} {withdrawn}",
                    sentence,
                    decision.replace(dict(translate_words("decisions"))),
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
            "payout_number",
        )
    )


def _list_statuses(open_items: pl.DataFrame) -> pl.DataFrame:
    return open_items.select(
        "discrepancy_id",
        pl.col("first_seen_date").alias("item_first_seen_date"),
        "last_seen_date",
        item_status=pl.col("status").replace_strict(list_item_statuses(), return_dtype=pl.String),
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
    listed = ", ".join(
        say("changes.sentences.one_count", count=counts[english], change=word)
        for english, word in translate_words("changes.words").items()
        if counts[english]
    )
    sentences = [
        say(
            "changes.sentences.compared",
            report=earlier.name,
            counts=listed or say("changes.sentences.none"),
            sheet=say("sheets.changed"),
        )
    ]
    for key, count in (("carried", carried), ("withdrawn", withdrawn)):
        if count:
            sentences.append(say(f"changes.sentences.{key}", count=count, report=earlier.name))
    changed_rows = [reject.source_row for reject in earlier.refused]
    for key, numbers in (("rows_changed", changed_rows), ("rows_repeated", conflicts)):
        if numbers:
            listed = ", ".join(str(number) for number in numbers[:_MAX_NAMED_ROWS])
            if len(numbers) > _MAX_NAMED_ROWS:
                listed += say("words.and_more", count=len(numbers) - _MAX_NAMED_ROWS)
            sentences.append(say(f"changes.sentences.{key}", report=earlier.name, rows=listed))
    return tuple(sentences)
