"""The journal as a workbook for the auditor: control totals, outcomes, every entry.

Each hash can be recomputed from the sheet Entries (see docs/reliability.md). The sheet Control
compares the plan with its outcomes, by formulas over the rows of Outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon.bulk.execution.run_result import LIVE_OUTCOMES
from vippsrecon.bulk.outcomes.columns import ENTRY_COLUMNS, JOURNAL_OUTCOME_COLUMNS
from vippsrecon.bulk.outcomes.frame import build_row_values, name_totals
from vippsrecon.bulk.outcomes.from_journal import PlanHistory, RowHistory
from vippsrecon.bulk.outcomes.workbook import colour_outcomes
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import PlanError, StoreError
from vippsrecon.money import format_count
from vippsrecon.spreadsheet.control_totals import ControlSheet, ControlTotalLine
from vippsrecon.spreadsheet.formats import NAVY, WorkbookFormats
from vippsrecon.spreadsheet.layout import SheetLayout
from vippsrecon.spreadsheet.sheets import WrittenSheet, atomic_workbook, write_sheet
from vippsrecon.spreadsheet.workbook_file import set_up_printing
from vippsrecon.store import (
    Entry,
    PlanSummary,
    Store,
    VerificationResult,
    list_plans,
    read_entries,
    verify_journal,
)
from vippsrecon.store import list_plan_ids as every_plan

if TYPE_CHECKING:
    from xlsxwriter import Workbook

CONTROL_SHEET, OUTCOMES_SHEET, ENTRIES_SHEET = "Control", "Outcomes", "Entries"


def write_extract(
    store: Store,
    path: str | Path,
    *,
    plan_ids: Sequence[str] = (),
    units: Iterable[SalesUnit] = (),
) -> Path:
    """Write the journal as an Excel workbook. The same journal gives the same bytes.

    Sheets: Control (control totals as live formulas, whether each hash chain is intact, its first
    and last hash), Outcomes (one row per row in the journal), Entries (every entry).

    Args:
        store: The workspace database.
        path: Ends in .xlsx; an existing workbook is renamed to `<name>.before-1.xlsx`.
        plan_ids: The plans to write; empty: all plans.
        units: The sales units as configured; their time zones decide the booking days.

    Raises:
        PlanError: A plan is not in this database, or the database has no plan.
        OutputError: The file cannot be written, or a sheet has too many rows.
        StoreError: The database cannot be used.
    """
    known_plans = {plan.plan_id: plan for plan in list_plans(store)}
    missing_first_entry = [plan_id for plan_id in every_plan(store) if plan_id not in known_plans]
    if missing_first_entry and not plan_ids:
        raise StoreError(
            f"plan {missing_first_entry[0]} has lost its first entry, so an extract would not contain "
            "it. Run vippsrecon journal --verify, and extract the other plans with --plan"
        )
    selected = [_get_plan_summary(known_plans, plan_id, store) for plan_id in plan_ids] or list(
        known_plans.values()
    )
    if not selected:
        raise PlanError(f"the workspace database {store.url_masked} contains no plan yet")
    made_at = max(plan.last_at for plan in selected)
    with atomic_workbook(path, "extract", title="Journal of money moved", made_at=made_at) as book:
        _fill_journal_workbook(book, store, selected, {unit.msn: unit for unit in units})
    return Path(path)


def _get_plan_summary(
    known_plans: dict[str, PlanSummary], plan_id: str, store: Store
) -> PlanSummary:
    if plan_id not in known_plans:
        raise PlanError(f"plan {plan_id} is not in the workspace database {store.url_masked}")
    return known_plans[plan_id]


def _fill_journal_workbook(
    book: Workbook, store: Store, selected: Sequence[PlanSummary], units: dict[str, SalesUnit]
) -> None:
    formats = WorkbookFormats(book)
    control, outcomes, entries_sheet = (
        book.add_worksheet(n) for n in (CONTROL_SHEET, OUTCOMES_SHEET, ENTRIES_SHEET)
    )
    for worksheet in (control, outcomes, entries_sheet):
        set_up_printing(worksheet, worksheet.get_name(), "Journal of money moved")
    histories = [PlanHistory(plan.plan_id) for plan in selected]
    write_sheet(
        entries_sheet,
        formats,
        ENTRY_COLUMNS,
        (
            _build_entry_values(entry)
            for plan in histories
            for entry in plan.replay(read_entries(store, plan.plan_id))
        ),
        title="Entries",
        about="Every entry in order; hash = SHA-256 of previous hash, line break, and the "
        "canonical JSON of the other columns.",
        frozen=4,
    )
    written = write_sheet(
        outcomes,
        formats,
        JOURNAL_OUTCOME_COLUMNS,
        (
            _build_outcome_values(plan, row, units)
            for plan in histories
            for _, row in sorted(plan.rows.items())
        ),
        title="Outcomes",
        about="One row per plan row that has an entry; rows never started are on Control.",
        frozen=4,
    )
    colour_outcomes(outcomes, formats, written)
    verdicts = [verify_journal(store, plan.plan_id) for plan in selected]
    _write_control_sheet(
        ControlSheet(SheetLayout(control), formats, "Journal", _CONTROL_INTRODUCTION),
        histories,
        verdicts,
        written,
    )
    control.activate()
    control.set_tab_color(NAVY)


_CONTROL_INTRODUCTION = "What was planned, the outcomes, and whether each hash chain is intact."


def _write_control_sheet(
    sheet: ControlSheet,
    histories: Sequence[PlanHistory],
    verdicts: Sequence[VerificationResult],
    written: WrittenSheet,
) -> None:
    faults = [
        f"Plan {plan.plan_id}: {verdict.fault}."
        for plan, verdict in zip(histories, verdicts, strict=True)
        if not verdict.ok
    ]
    all_hold = f"{format_count(len(histories), 'plan')}; every hash chain is intact."
    sheet.add_banner(
        " ".join(faults) or all_hold, sheet.formats.verdict("incomplete" if faults else "clean")
    )
    sheet.control(
        "Control total: rows",
        ("Plan", "Verb"),
        LIVE_OUTCOMES,
        [
            ControlTotalLine((plan.plan_id, plan.verb), {"plan_id": plan.plan_id}, plan.count, plan.counts,
                 plan.not_begun)
            for plan in histories
        ],
        written,
    )  # fmt: skip
    sheet.control(
        "Control total: amounts",
        ("Plan", "Currency"),
        LIVE_OUTCOMES,
        [
            ControlTotalLine(
                (plan.plan_id, currency),
                {"plan_id": plan.plan_id, "currency": currency},
                total,
                plan.sum_by_outcome(currency),
                plan.sum_not_begun(currency),
                currency,
            )
            for plan in histories
            for currency, total in plan.totals.items()
        ],
        written,
    )
    for plan, verdict in zip(histories, verdicts, strict=True):
        sheet.pairs(
            f"{plan.verb.capitalize()} plan {plan.plan_id}", list(_list_plan_facts(plan, verdict))
        )
    sheet.finish()


def _list_plan_facts(plan: PlanHistory, verdict: VerificationResult) -> Iterator[tuple[str, str]]:
    detail = plan.plan_detail
    source = detail.get("source") or {}
    yield "Digest (SHA-256)", str(detail.get("digest", ""))
    yield "Planned by", f"{detail.get('planner', '')}, {detail.get('made_at', '')}"
    made_from = f"{source.get('kind', '')} {source.get('name', '')}".strip()
    yield "Made from", f"{made_from}, payments as fetched {source.get('fetched_at', '')}"
    if source.get("sha256"):
        yield "SHA-256 of that file", str(source["sha256"])
    for entry in plan.approvals:
        yield "Approved by", f"{_describe_entry(entry)}, {entry.at}"
    for entry in plan.carriers:
        yield "Carried out by", f"{_describe_entry(entry)}, {entry.at}"
    if plan.not_begun:
        yield "Never started", f"{format_count(plan.not_begun, 'row')}, counted as skipped above"
    if plan.stopped:
        yield "Last run stopped", plan.stopped
    yield "Chain", verdict.fault or f"intact, {format_count(verdict.rows, 'entry', 'entries')}"
    yield "First hash", plan.first_hash
    yield "Last hash (head)", f"{plan.head[0]}:{plan.head[1]}"
    yield (
        "Save both elsewhere",
        "Only they show that the end was cut off or that the whole journal was rewritten.",
    )


def _build_outcome_values(
    plan: PlanHistory, row: RowHistory, units: dict[str, SalesUnit]
) -> list[Any]:
    """Return the values of one row in the order of `JOURNAL_OUTCOME_COLUMNS`."""
    planned, detail = row.planned, plan.plan_detail
    source = detail.get("source") or {}
    unit = units.get(planned.msn, SalesUnit(planned.msn))
    values = {
        **build_row_values(plan.verb, planned, row.result, unit),
        "plan_id": plan.plan_id,
        "planner": detail.get("planner"),
        "approver": row.approver,
        "carrier": row.carrier,
        "settled_by": row.decided_by,
        "intended_at": None if row.intended_at is None else parse_timestamp(row.intended_at),
        "decided_at": parse_timestamp(row.last_entry.at),
        "idempotency_key": row.key,
        "digest": detail.get("digest"),
        "source_name": source.get("name"),
        "source_sha256": source.get("sha256"),
        "seq": row.last_entry.seq,
        "hash": row.last_entry.hash,
    }
    return [values[column.name] for column in JOURNAL_OUTCOME_COLUMNS]


def _build_entry_values(entry: Entry) -> list[Any]:
    """Return the values of one entry in the order of `ENTRY_COLUMNS`."""
    detail = entry.parse_detail()
    values = {
        **entry._asdict(),
        "description": _describe_entry(entry),
        **name_totals("before", detail.get("before")),
        **name_totals("after", detail.get("after")),
    }
    return [values[column.name] for column in ENTRY_COLUMNS]


def _describe_entry(entry: Entry) -> str:
    """Describe an entry for readers."""
    detail = entry.parse_detail()
    if entry.kind == "seen":
        return f"{format_count(detail.get('count', 0), 'row')}, digest {detail.get('digest')}"
    if entry.kind == "approved":
        return (
            f"{detail.get('approver')} (account {detail.get('os_account')}, {detail.get('host')})"
        )
    if entry.kind == "carrier":
        return f"{detail.get('holder')} on {detail.get('host')} (process {detail.get('pid')})"
    if entry.kind == "intended":
        return f"{detail.get('method')} {detail.get('path')} {detail.get('body')}"
    if entry.kind == "ended":
        counts = ", ".join(f"{n} {name}" for name, n in (detail.get("counts") or {}).items())
        return f"{counts}; {detail['stopped']}" if detail.get("stopped") else counts
    return str(detail.get("why") or "")
