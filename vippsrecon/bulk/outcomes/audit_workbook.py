"""The journal as a workbook for the auditor: control totals, outcomes, every entry.

From Entries alone each hash can be computed anew (docs/reliability.md says how), and Control
compares what was planned with what became of it by formulas over the rows of Outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon.bulk.execution.run_result import LIVE_OUTCOMES
from vippsrecon.bulk.outcomes.follow_up import describe_outcome
from vippsrecon.bulk.outcomes.frame import compute_booking_date
from vippsrecon.bulk.outcomes.from_journal import PlanHistory, RowHistory
from vippsrecon.bulk.outcomes.workbook import colour_outcomes
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import PlanError, StoreError
from vippsrecon.money import format_count
from vippsrecon.spreadsheet.control_totals import ControlSheet, ControlTotalLine
from vippsrecon.spreadsheet.formats import NAVY, WorkbookFormats
from vippsrecon.spreadsheet.layout import SheetLayout
from vippsrecon.spreadsheet.sheets import SheetColumn, WrittenSheet, atomic_workbook, write_rows
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

_AGGREGATE_NAMES = ("Authorized", "Captured", "Refunded", "Cancelled")

JOURNAL_OUTCOME_COLUMNS = (
    SheetColumn("plan_id", "Plan", width=36),
    SheetColumn("row", "Row", "count", 6),
    SheetColumn("verb", "Verb", width=8),
    SheetColumn("outcome", "Outcome", width=12),
    SheetColumn("order_number", "Order", width=13),
    SheetColumn("reference", "Reference", width=22),
    SheetColumn("msn", "Sales unit", width=9.5),
    SheetColumn("currency", "Currency", width=8.5),
    SheetColumn("amount_minor", "Amount", "money", 13),
    SheetColumn("booking_date", "Booking day", "date", 11),
    SheetColumn("reason", "Reason", width=15),
    SheetColumn("document_ref", "Document", width=15),
    SheetColumn("sentence", "What became of it", "wrapped", 46),
    SheetColumn("planner", "Planner", width=15),
    SheetColumn("approver", "Approver", width=15),
    SheetColumn("carrier", "Carried out by", width=15),
    SheetColumn("settled_by", "Said by", width=13, printed=False),
    SheetColumn("note", "Note", width=24, printed=False),
    SheetColumn("vat_minor", "VAT", "money", 11, printed=False),
    SheetColumn("discrepancy_id", "Discrepancy", width=40, printed=False),
    SheetColumn("psp_reference", "PSP reference", width=38, printed=False),
    SheetColumn("event_at", "Event (UTC)", "moment", 18, printed=False),
    SheetColumn("intended_at", "Intended (UTC)", "moment", 18, printed=False),
    SheetColumn("decided_at", "Decided (UTC)", "moment", 18, printed=False),
    *(
        SheetColumn(f"{name}_{when}", f"{name} {when}", "money", 13, printed=False)
        for when in ("before", "after")
        for name in _AGGREGATE_NAMES
    ),
    SheetColumn("idempotency_key", "Idempotency key", "mono", 40, printed=False),
    SheetColumn("digest", "Digest of the plan", "mono", 68, printed=False),
    SheetColumn("source_name", "Made from", width=24, printed=False),
    SheetColumn("source_sha256", "SHA-256 of that file", "mono", 68, printed=False),
    SheetColumn("seq", "Entry", "count", 8, printed=False),
    SheetColumn("hash", "Hash of the entry", "mono", 68, printed=False),
)

ENTRY_COLUMNS = (
    SheetColumn("plan_id", "Plan", width=36),
    SheetColumn("seq", "Entry", "count", 8),
    SheetColumn("at", "At (UTC)", width=24),
    SheetColumn("kind", "Kind", width=12),
    SheetColumn("row", "Row", "count", 6),
    SheetColumn("reference", "Reference", width=22),
    SheetColumn("msn", "Sales unit", width=9.5),
    SheetColumn("currency", "Currency", width=8.5),
    SheetColumn("amount_minor", "Amount", "money", 13),
    SheetColumn("said", "What it says", "wrapped", 60),
    *(
        SheetColumn(f"{name}_{when}", f"{name} {when}", "money", 13, printed=False)
        for when in ("before", "after")
        for name in _AGGREGATE_NAMES
    ),
    SheetColumn("idempotency_key", "Idempotency key", "mono", 40, printed=False),
    SheetColumn("verb", "Verb", width=8, printed=False),
    SheetColumn("environment", "Environment", width=11, printed=False),
    SheetColumn("epoch", "Epoch", "count", 7, printed=False),
    SheetColumn("detail", "Detail, as it was hashed", "mono", 60, printed=False),
    SheetColumn("previous_hash", "Previous hash", "mono", 68, printed=False),
    SheetColumn("hash", "Hash", "mono", 68, printed=False),
)


def write_extract(
    store: Store,
    path: str | Path,
    *,
    plan_ids: Sequence[str] = (),
    units: Iterable[SalesUnit] = (),
) -> Path:
    """Write what the journal holds as an Excel workbook. The same journal gives the same bytes.

    Sheets: Control (control totals as live formulas, whether each chain holds, its first and
    last hash), Outcomes (one row per row that the journal has), Entries (every entry).

    Args:
        store: The workspace database.
        path: Ends in .xlsx; a workbook that is there is kept as `<name>.before-1.xlsx`.
        plan_ids: These plans; none: all.
        units: What is configured for the sales units: the zone of booking days.

    Raises:
        PlanError: A plan is not known in this database, or there is none.
        OutputError: The place cannot be written, or a sheet would not hold the rows.
        StoreError: The database cannot be used.
    """
    known = {one.plan_id: one for one in list_plans(store)}
    beheaded = [one for one in every_plan(store) if one not in known]
    if beheaded and not plan_ids:
        raise StoreError(
            f"plan {beheaded[0]} has lost its first entry, and an extract would lack it: "
            "vippsrecon journal --verify says more, --plan extracts the others one by one"
        )
    wanted = [_get_plan_summary(known, plan_id, store) for plan_id in plan_ids] or list(
        known.values()
    )
    if not wanted:
        raise PlanError(f"the workspace database {store.url_masked} knows no plan yet")
    made_at = max(one.last_at for one in wanted)
    with atomic_workbook(path, "extract", title="Journal of money moved", made_at=made_at) as book:
        _fill_journal_workbook(book, store, wanted, {unit.msn: unit for unit in units})
    return Path(path)


def _get_plan_summary(known: dict[str, PlanSummary], plan_id: str, store: Store) -> PlanSummary:
    if plan_id not in known:
        raise PlanError(f"plan {plan_id} is not known in the workspace database {store.url_masked}")
    return known[plan_id]


def _fill_journal_workbook(
    book: Workbook, store: Store, wanted: Sequence[PlanSummary], units: dict[str, SalesUnit]
) -> None:
    looks = WorkbookFormats(book)
    control, outcomes, told = (
        book.add_worksheet(n) for n in (CONTROL_SHEET, OUTCOMES_SHEET, ENTRIES_SHEET)
    )
    for worksheet in (control, outcomes, told):
        set_up_printing(worksheet, worksheet.get_name(), "Journal of money moved")
    kept = [PlanHistory(one.plan_id) for one in wanted]
    write_rows(
        told,
        looks,
        ENTRY_COLUMNS,
        (
            _build_entry_values(entry)
            for one in kept
            for entry in one.replay(read_entries(store, one.plan_id))
        ),
        title="Entries",
        about="Every entry in its order; hash = SHA-256 of previous hash, line break, and the "
        "canonical JSON of the other columns.",
        frozen=4,
    )
    written = write_rows(
        outcomes,
        looks,
        JOURNAL_OUTCOME_COLUMNS,
        (
            _build_outcome_values(one, row, units)
            for one in kept
            for _, row in sorted(one.rows.items())
        ),
        title="Outcomes",
        about="One row per row of a plan that the journal has; rows never begun are on Control.",
        frozen=4,
    )
    colour_outcomes(outcomes, looks, written)
    verdicts = [verify_journal(store, one.plan_id) for one in wanted]
    _write_control_sheet(
        ControlSheet(SheetLayout(control), looks, "Journal", _CONTROL_INTRODUCTION),
        kept,
        verdicts,
        written,
    )
    control.activate()
    control.set_tab_color(NAVY)


_CONTROL_INTRODUCTION = (
    "What was planned, what became of it, and whether the chain of entries holds."
)


def _write_control_sheet(
    sheet: ControlSheet,
    kept: Sequence[PlanHistory],
    verdicts: Sequence[VerificationResult],
    written: WrittenSheet,
) -> None:
    faults = [
        f"Plan {one.plan_id}: {verdict.fault}."
        for one, verdict in zip(kept, verdicts, strict=True)
        if not verdict.ok
    ]
    said = f"{format_count(len(kept), 'plan')}; every chain of entries holds."
    sheet.add_banner(
        " ".join(faults) or said, sheet.formats.verdict("incomplete" if faults else "clean")
    )
    sheet.control(
        "Control total: rows",
        ("Plan", "Verb"),
        LIVE_OUTCOMES,
        [
            ControlTotalLine((one.plan_id, one.verb), {"plan_id": one.plan_id}, one.count, one.counts,
                 one.not_begun)
            for one in kept
        ],
        written,
    )  # fmt: skip
    sheet.control(
        "Control total: amounts",
        ("Plan", "Currency"),
        LIVE_OUTCOMES,
        [
            ControlTotalLine(
                (one.plan_id, currency),
                {"plan_id": one.plan_id, "currency": currency},
                total,
                one.sum_by_outcome(currency),
                one.sum_not_begun(currency),
                currency,
            )
            for one in kept
            for currency, total in one.totals.items()
        ],
        written,
    )
    for one, verdict in zip(kept, verdicts, strict=True):
        sheet.pairs(
            f"{one.verb.capitalize()} plan {one.plan_id}", list(_list_plan_facts(one, verdict))
        )
    sheet.finish()


def _list_plan_facts(one: PlanHistory, verdict: VerificationResult) -> Iterator[tuple[str, str]]:
    said = one.said
    source = said.get("source") or {}
    yield "Digest (SHA-256)", str(said.get("digest", ""))
    yield "Planned by", f"{said.get('planner', '')}, {said.get('made_at', '')}"
    made_from = f"{source.get('kind', '')} {source.get('name', '')}".strip()
    yield "Made from", f"{made_from}, payments as fetched {source.get('fetched_at', '')}"
    if source.get("sha256"):
        yield "SHA-256 of that file", str(source["sha256"])
    for entry in one.approvals:
        yield "Approved by", f"{_describe_entry(entry)}, {entry.at}"
    for entry in one.carriers:
        yield "Carried out by", f"{_describe_entry(entry)}, {entry.at}"
    if one.not_begun:
        yield "Never begun", f"{format_count(one.not_begun, 'row')}, counted as skipped above"
    if one.stopped:
        yield "Last run stopped", one.stopped
    yield "Chain", verdict.fault or f"holds, {format_count(verdict.rows, 'entry', 'entries')}"
    yield "First hash", one.first_hash
    yield "Last hash (head)", f"{one.head[0]}:{one.head[1]}"
    yield (
        "Keep both elsewhere",
        "A tail cut off, or a chain written anew as a whole, shows against them alone.",
    )


def _build_outcome_values(
    one: PlanHistory, row: RowHistory, units: dict[str, SalesUnit]
) -> tuple[Any, ...]:
    planned, result, said = row.planned, row.result, one.said
    source = said.get("source") or {}
    at = None if result.event_at is None else parse_timestamp(result.event_at)
    unit = units.get(planned.msn, SalesUnit(planned.msn))
    return (
        one.plan_id,
        planned.row,
        one.verb,
        result.outcome,
        planned.order_number,
        planned.reference,
        planned.msn,
        planned.currency,
        planned.amount_minor,
        compute_booking_date(at, unit),
        planned.reason,
        planned.document_ref,
        describe_outcome(one.verb, planned, result),
        said.get("planner"),
        row.approver,
        row.carrier,
        row.decided_by,
        planned.note,
        planned.vat_minor,
        planned.discrepancy_id,
        result.psp_reference,
        at,
        None if row.intended_at is None else parse_timestamp(row.intended_at),
        parse_timestamp(row.last_entry.at),
        *(result.before or (None,) * 4),
        *(result.after or (None,) * 4),
        row.key,
        said.get("digest"),
        source.get("name"),
        source.get("sha256"),
        row.last_entry.seq,
        row.last_entry.hash,
    )


def _build_entry_values(entry: Entry) -> tuple[Any, ...]:
    detail = entry.said()
    return (
        entry.plan_id,
        entry.seq,
        entry.at,
        entry.kind,
        entry.row,
        entry.reference,
        entry.msn,
        entry.currency,
        entry.amount_minor,
        _describe_entry(entry),
        *_get_entry_aggregate(detail, "before"),
        *_get_entry_aggregate(detail, "after"),
        entry.idempotency_key,
        entry.verb,
        entry.environment,
        entry.epoch,
        entry.detail,
        entry.previous_hash,
        entry.hash,
    )


def _get_entry_aggregate(detail: dict[str, Any], when: str) -> Sequence[int | None]:
    return detail.get(when) or (None,) * 4


def _describe_entry(entry: Entry) -> str:
    """Return what an entry says, for people."""
    said = entry.said()
    if entry.kind == "seen":
        return f"{format_count(said.get('count', 0), 'row')}, digest {said.get('digest')}"
    if entry.kind == "approved":
        return f"{said.get('approver')} (account {said.get('os_account')}, {said.get('host')})"
    if entry.kind == "carrier":
        return f"{said.get('holder')} on {said.get('host')} (process {said.get('pid')})"
    if entry.kind == "intended":
        return f"{said.get('method')} {said.get('path')} {said.get('body')}"
    if entry.kind == "ended":
        counts = ", ".join(f"{n} {name}" for name, n in (said.get("counts") or {}).items())
        return f"{counts}; {said['stopped']}" if said.get("stopped") else counts
    return str(said.get("why") or "")
