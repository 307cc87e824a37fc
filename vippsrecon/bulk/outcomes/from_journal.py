"""A plan as recorded in its journal, without the plan file and without any request.

    entries ──one pass──► PlanHistory: who planned, approved, carried it out; state of each row
    counts per plan ────► PlanOverview: the same figures for a list of plans, without its rows

The reason and document of every row are in the journal beside its outcome. Rows that were never
started have no entry, so only their number and sum are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vippsrecon.bulk.execution.row.record import restore_planned_row
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.execution.run_result import LIVE_OUTCOMES, RunResult
from vippsrecon.bulk.plan.model import Plan, PlanRow
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import PlanError, StoreError
from vippsrecon.store import (
    ROW_KINDS,
    Entry,
    PlanSummary,
    Store,
    count_outcomes,
    list_plans,
    read_entries,
    read_run_entries,
)

INTERRUPTED_ROW = (
    "a run ended while the row was in progress; run the same command again to resolve it"
)
NOT_BEGUN_ROW = "not started: the journal has no entry of this row"


class RowHistory(NamedTuple):
    """The state of one row.

    Attributes:
        planned: The row as planned; its totals are those before, 0 if not recorded.
        result: Its result; a row in progress is `unknown`.
        approver: Who approved the run that wrote the last entry.
        carrier: Who carried out that run.
        intended_at: Time of the first `intended` entry; None without one.
        key: Its idempotency key.
        last_entry: The row's last entry.
        decided_by: Who decided the outcome, if no reading proved it; else "".
    """

    planned: PlanRow
    result: RowResult
    approver: str
    carrier: str
    intended_at: str | None
    key: str
    last_entry: Entry
    decided_by: str


@dataclass
class PlanHistory:
    """A plan's history, built from its journal entries in order.

    Attributes:
        plan_id, environment, verb: Of the plan.
        plan_detail: Detail of the first entry: digest, count, totals, planner, source, …
        rows: State of each row, by row number.
        approvals: The `approved` entries, in order.
        carriers: The `carrier` entries, one for each run.
        stopped: Why the last run stopped before its end, or "".
        first_hash: Hash of the first entry.
        head: (seq, hash) of the last entry.
    """

    plan_id: str
    environment: str = ""
    verb: str = ""
    plan_detail: dict[str, Any] = field(default_factory=dict)
    rows: dict[int, RowHistory] = field(default_factory=dict)
    approvals: list[Entry] = field(default_factory=list)
    carriers: list[Entry] = field(default_factory=list)
    stopped: str = ""
    first_hash: str = ""
    head: tuple[int, str] = (0, "")

    @property
    def approver(self) -> str:
        """Who approved the last run; before the first run, who approved the plan, or ""."""
        for entry in reversed(self.carriers):
            if entry.parse_detail()["approver"]:
                return str(entry.parse_detail()["approver"])
        return str(self.approvals[-1].parse_detail()["approver"]) if self.approvals else ""

    @property
    def carrier(self) -> str:
        """Who carried out the last run, or ""."""
        return str(self.carriers[-1].parse_detail()["holder"]) if self.carriers else ""

    @property
    def count(self) -> int:
        """Number of rows of the plan."""
        return int(self.plan_detail.get("count", 0))

    @property
    def totals(self) -> Mapping[str, int]:
        """The plan's sum of each currency, in minor units."""
        totals: Mapping[str, int] = self.plan_detail.get("totals", {})
        return totals

    @property
    def counts(self) -> dict[str, int]:
        """Rows by outcome; they add up to the plan. Rows never started count as skipped."""
        counts = dict.fromkeys(LIVE_OUTCOMES, 0)
        for row in self.rows.values():
            counts[row.result.outcome] += 1
        counts["skipped"] += self.not_begun
        return counts

    @property
    def not_begun(self) -> int:
        """Number of rows without a journal entry."""
        return self.count - len(self.rows)

    def sum_by_outcome(self, currency: str) -> dict[str, int]:
        """Return the sums of one currency by outcome, in minor units."""
        sums = dict.fromkeys(LIVE_OUTCOMES, 0)
        for row in self.rows.values():
            if row.planned.currency == currency:
                sums[row.result.outcome] += row.planned.amount_minor
        sums["skipped"] += self.sum_not_begun(currency)
        return sums

    def sum_not_begun(self, currency: str) -> int:
        """Return the sum of the rows without a journal entry, in minor units."""
        listed = sum(
            row.planned.amount_minor
            for row in self.rows.values()
            if row.planned.currency == currency
        )
        return self.totals.get(currency, 0) - listed

    def replay(self, journal_entries: Iterable[Entry]) -> Iterator[Entry]:
        """Apply entries in order and yield each one.

        Raises:
            StoreError: An entry cannot be read, because it was modified.
        """
        for entry in journal_entries:
            try:
                entry.parse_detail()
                self._apply(entry)
            except (ValueError, KeyError, TypeError):
                raise StoreError(
                    f"entry {entry.seq} of plan {self.plan_id} cannot be read: it was "
                    "modified after it was written. Run: vippsrecon journal "
                    f"--plan {self.plan_id} --verify"
                ) from None
            yield entry

    def _apply(self, entry: Entry) -> None:
        self.head = (entry.seq, entry.hash)
        if entry.kind == "seen":
            self.environment, self.verb = entry.environment, entry.verb
            self.plan_detail, self.first_hash = entry.parse_detail(), entry.hash
        elif entry.kind == "approved":
            self.approvals.append(entry)
        elif entry.kind == "carrier":
            self.carriers.append(entry)
        elif entry.kind == "ended":
            self.stopped = str(entry.parse_detail().get("stopped") or "")
        elif entry.row is not None and entry.kind == "verified":
            self._apply_verified(entry, entry.row)
        elif entry.row is not None and entry.kind in ROW_KINDS:
            self.rows[entry.row] = self._row(entry, entry.row)

    def _row(self, entry: Entry, number: int) -> RowHistory:
        detail, before = entry.parse_detail(), self.rows.get(number)
        intended = before.intended_at if before else None
        if entry.kind == "intended":
            intended = intended or entry.at
            result = RowResult.from_journal(number, "unknown", {**detail, "why": INTERRUPTED_ROW})
        else:
            outcome = detail["outcome"] if entry.kind == "settled" else entry.kind
            result = RowResult.from_journal(number, str(outcome), detail)
        return RowHistory(
            _restore_row(entry, detail, result, before),
            result,
            self.approver,
            self.carrier,
            intended,
            entry.idempotency_key or "",
            entry,
            str(detail.get("by", "")) if entry.kind == "settled" else "",
        )

    def _apply_verified(self, entry: Entry, number: int) -> None:
        row_history, detail = self.rows.get(number), entry.parse_detail()
        if row_history is not None:
            event_fields = {
                name: detail[name] for name in ("psp_reference", "event_at") if detail.get(name)
            }
            self.rows[number] = row_history._replace(
                result=row_history.result._replace(**event_fields)
            )


def read_plan_history(store: Store, plan_id: str) -> PlanHistory:
    """Read a plan's journal.

    Raises:
        PlanError: The plan is not in this database.
        StoreError: The database cannot be used.
    """
    history = PlanHistory(plan_id)
    for _ in history.replay(read_entries(store, plan_id)):
        pass
    if not history.plan_detail:
        raise PlanError(
            f"plan {plan_id} is not in the workspace database {store.url_masked}. List the "
            "plans in it with: vippsrecon journal"
        )
    return history


def rebuild_run_result(plan: Plan, store: Store, units: Iterable[SalesUnit] = ()) -> RunResult:
    """Rebuild a plan's result from its journal: the same outcomes at any later time.

    Raises:
        PlanError: The plan is not in this database.
        StoreError: The database cannot be used.
    """
    history = read_plan_history(store, plan.plan_id)
    results = tuple(
        history.rows[row.row].result
        if row.row in history.rows
        else RowResult(row.row, "skipped", NOT_BEGUN_ROW)
        for row in plan.rows
    )
    return RunResult(
        plan,
        True,
        results,
        history.stopped,
        history.approver,
        history.carrier,
        history.head,
        tuple(units),
    )


def _restore_row(
    entry: Entry, detail: Mapping[str, Any], result: RowResult, before: RowHistory | None
) -> PlanRow:
    if "reason" not in detail and before is not None:
        return before.planned
    return restore_planned_row(entry, detail, result.before)


@dataclass
class PlanOverview:
    """One plan in a list of plans.

    Attributes:
        known: The plan's summary in the database.
        counts: Rows by outcome; they add up to the plan. Rows never started count as skipped.
        not_begun: Number of rows without a journal entry.
        approver: Who approved the last run; before the first run, who approved the plan, or "".
        carrier: Who carried out the last run, or "".
        stopped: Why the last run stopped before its end, or "".
    """

    known: PlanSummary
    counts: dict[str, int]
    not_begun: int
    approver: str = ""
    carrier: str = ""
    stopped: str = ""

    @property
    def count(self) -> int:
        """Number of rows of the plan."""
        return int(self.known.detail.get("count", 0))

    @property
    def totals(self) -> Mapping[str, int]:
        """The plan's sum of each currency, in minor units."""
        totals: Mapping[str, int] = self.known.detail.get("totals", {})
        return totals

    @property
    def first_hash(self) -> str:
        """Hash of the first entry."""
        return self.known.first_hash

    @property
    def head(self) -> tuple[int, str]:
        """(seq, hash) of the last entry."""
        return self.known.entries, self.known.last_hash


def list_plan_overviews(store: Store) -> list[PlanOverview]:
    """Return an overview of every plan in a database, the newest last.

    Raises:
        StoreError: The database cannot be used.
    """
    outcomes = count_outcomes(store)
    overviews = {
        plan.plan_id: _build_overview(plan, outcomes.get(plan.plan_id, {}))
        for plan in list_plans(store)
    }
    for entry, detail in read_run_entries(store):
        plan = overviews.get(entry.plan_id)
        if plan is None:
            continue
        if entry.kind == "approved":
            if not plan.carrier:
                plan.approver = str(detail.get("approver", ""))
        elif entry.kind == "carrier":
            plan.carrier = str(detail.get("holder", ""))
            plan.approver = str(detail.get("approver") or plan.approver)
        else:
            plan.stopped = str(detail.get("stopped") or "")
    return list(overviews.values())


def _build_overview(known: PlanSummary, outcomes: Mapping[str, int]) -> PlanOverview:
    counts = dict.fromkeys(LIVE_OUTCOMES, 0)
    for outcome, rows in outcomes.items():
        # The outcome of a row in progress is not known yet.
        shown = "unknown" if outcome == "intended" else outcome
        counts[shown] = counts.get(shown, 0) + rows
    not_begun = int(known.detail.get("count", 0)) - sum(outcomes.values())
    counts["skipped"] += not_begun
    return PlanOverview(known, counts, not_begun)
