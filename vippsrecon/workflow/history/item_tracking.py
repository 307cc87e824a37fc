"""Bring the open items of earlier runs up to date with a run's result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon.config.settings import ENVIRONMENTS, SalesUnit
from vippsrecon.report.changes import IN_PROGRESS
from vippsrecon.report.frames import read_sides
from vippsrecon.report.money.compared import EarlierItem, find_compared_items
from vippsrecon.sources.reviewed_report.read import ReviewedReport, read_reviewed_report
from vippsrecon.store import ItemDecision, OpenItem
from vippsrecon.workflow.history.open_items import (
    CLOSED,
    WAIVED,
    JudgingRun,
    build_open_items,
    find_local_day,
    judge_items,
)

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.workflow.decisions.ignore_file import Waiver
    from vippsrecon.workflow.history.earlier_runs import RunRecords


def track_open_items(
    result: Reconciliation,
    records: RunRecords,
    *,
    period: tuple[date | None, date | None],
    units: Sequence[SalesUnit],
    waivers: Iterable[Waiver],
    previous: ReviewedReport | Path | str | None = None,
) -> tuple[Reconciliation, list[OpenItem]]:
    """Return the result with its open items and its run's ID, and every item to record.

    Without a known environment, there are no open items: those of two environments must never mix.

    Args:
        result: The comparison.
        records: What earlier runs recorded.
        period: First and last day; None for no limit.
        units: The sales units.
        waivers: The payments that are ignored at the cut-off time.
        previous: An earlier report that people worked in.
    """
    manifest = result.manifest
    if manifest.get("environment") not in ENVIRONMENTS:
        return result, []
    identified = records.identify_run(result, period)
    run = JudgingRun(
        identified.run_id, identified.as_of, find_local_day(result, units), result.complete
    )
    orders, payments = read_sides(result)
    waivers_by_pair = {(waiver.msn, waiver.reference): waiver for waiver in waivers}
    decisions = records.read_item_decisions(run.as_of)
    if previous is not None:
        decisions |= list_item_decisions(previous, manifest["environment"], run.as_of)
    known = records.read_open_items()
    discrepancies = result.polars_frame("discrepancies")
    reported = set(discrepancies["discrepancy_id"])
    absent = [
        EarlierItem(item.discrepancy_id, item.kind, item.msn, item.reference)
        for item in known.values()
        if item.discrepancy_id not in reported and item.status != CLOSED
    ]
    items = judge_items(
        known,
        discrepancies,
        compared=find_compared_items(result, orders, payments, absent),
        waivers=waivers_by_pair,
        decisions=decisions,
        run=run,
    )
    frame = build_open_items(
        items.values(), _list_waived_rows(orders, payments), waivers_by_pair, run
    )
    manifest = {**manifest, "run_id": run.run_id}
    return result.with_changes(open_items=frame, manifest=manifest), list(items.values())


def list_item_decisions(
    report: ReviewedReport | Path | str, environment: str, default_as_of: str = ""
) -> dict[str, ItemDecision]:
    """Return for each discrepancy of a report whether somebody works on it.

    Args:
        report: The report, or its path.
        environment: A report of another environment has no decisions here.
        default_as_of: Its cut-off time, if the report does not state it.

    Raises:
        SourceError: It cannot be read as a report.
    """
    if not isinstance(report, ReviewedReport):
        report = read_reviewed_report(report)
    if report.environment != environment:
        return {}
    as_of = f"{report.as_of.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if report.as_of else default_as_of
    decisions: dict[str, ItemDecision] = {}
    for row in report.rows:
        in_progress = row.decision == IN_PROGRESS
        decision = ItemDecision(row.discrepancy_id, in_progress, row.owner, row.entry_note, as_of)
        # Orders without reference and number share an ID: one of them in progress is enough.
        if in_progress or row.discrepancy_id not in decisions:
            decisions[row.discrepancy_id] = decision
    return decisions


def _list_waived_rows(
    orders: pl.DataFrame, payments: pl.DataFrame
) -> Iterable[Mapping[str, str | None]]:
    facts = ["msn", "reference", "order_number", "currency"]
    both = pl.concat(
        side.filter(pl.col("kind") == WAIVED).select(
            pl.col(name) if name in side.columns else pl.lit(None, pl.String).alias(name)
            for name in facts
        )
        for side in (orders, payments)
    )
    rows = both.drop_nulls("reference").unique(
        ["msn", "reference"], keep="first", maintain_order=True
    )
    return rows.iter_rows(named=True)
