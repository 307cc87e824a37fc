"""Read back what people decided in a report, and add what they waived to the ignore file.

    report.xlsx ──read──► owner, decision, note of each discrepancy ──► totals by decision
                                      ├──waive, with owner and note──► ignore file
                                      └──in progress──► workspace database, for the next run

A row that was changed or shifted since it was written does not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vippsrecon.config.settings import ENVIRONMENTS
from vippsrecon.sources.reviewed_report.read import read_reviewed_report
from vippsrecon.store import ItemDecision, Store, record_item_decisions
from vippsrecon.workflow.decisions.ignore_file import Waiver
from vippsrecon.workflow.history.database import query_database
from vippsrecon.workflow.history.item_tracking import list_item_decisions

if TYPE_CHECKING:
    from pathlib import Path

    from vippsrecon.sources.rejects import Reject
    from vippsrecon.sources.reviewed_report.read import ReportRow

WAIVE = "waive"
UNDECIDED = "undecided"


class DecisionTotals(NamedTuple):
    """The discrepancies of one currency with one decision; `decision` is *undecided* if it is empty."""

    currency: str
    decision: str
    rows: int
    at_risk_minor: int


class ResolvedReport(NamedTuple):
    """What people decided in a report.

    Attributes:
        name: File name of the report.
        environment: test, production or simulator.
        rows: Its discrepancies, in the sheet's order.
        totals: Per currency and decision, undecided last.
        refused: Rows that were changed or shifted, so that their decision may belong to another
            payment.
        incomplete: Rows that are waived without an owner or a note.
        waivers: What to add to the ignore file.
        item_decisions: Whether somebody works on each discrepancy.
    """

    name: str
    environment: str
    rows: tuple[ReportRow, ...]
    totals: tuple[DecisionTotals, ...]
    refused: tuple[Reject, ...]
    incomplete: tuple[ReportRow, ...]
    waivers: tuple[Waiver, ...]
    item_decisions: tuple[ItemDecision, ...]


def resolve_report(path: str | Path) -> ResolvedReport:
    """Read back a report in which people worked. Nothing is written.

    Args:
        path: The workbook, as `reconcile` wrote it and people filled it in.

    Raises:
        SourceError: It is not a report, or its sheets were changed too much.
    """
    report = read_reviewed_report(path)
    waived = [row for row in report.rows if row.decision == WAIVE]
    incomplete = tuple(row for row in waived if not (row.owner and row.note))
    waivers = {
        (row.msn, row.reference): Waiver(row.msn, row.reference, row.note, row.owner)
        for row in waived
        if row.owner and row.note and row.reference
    }
    return ResolvedReport(
        report.name,
        report.environment,
        report.rows,
        _sum_decisions(report.rows),
        report.refused,
        incomplete,
        tuple(waivers.values()),
        tuple(list_item_decisions(report, report.environment).values()),
    )


def record_progress(resolved: ResolvedReport, url: str) -> int | None:
    """Record in the workspace database who works on what, so that the next run knows it.

    Args:
        resolved: What `resolve_report` returned.
        url: The URL of the database.

    Returns:
        How many discrepancies are in progress; None if there is no database, or if the report does
        not state its cut-off time or environment.

    Raises:
        StoreError: The database cannot be used.
    """
    decisions = [decision for decision in resolved.item_decisions if decision.as_of]
    if resolved.environment not in ENVIRONMENTS or len(decisions) < len(resolved.item_decisions):
        return None

    def record(store: Store) -> int | None:
        record_item_decisions(store, resolved.environment, decisions)
        return sum(decision.in_progress for decision in decisions)

    return query_database(url, record, None)


def _sum_decisions(rows: tuple[ReportRow, ...]) -> tuple[DecisionTotals, ...]:
    sums: dict[tuple[str, bool, str], list[int]] = {}
    for row in rows:
        key = (row.currency, not row.decision, row.decision or UNDECIDED)
        totals = sums.setdefault(key, [0, 0])
        totals[0] += 1
        totals[1] += row.at_risk_minor
    return tuple(
        DecisionTotals(currency, decision, count, at_risk)
        for (currency, _, decision), (count, at_risk) in sorted(sums.items())
    )
