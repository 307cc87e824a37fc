"""A plan as its journal knows it, without its file and without asking anybody.

    entries ──one pass──► Kept: who planned, approved, carried it out; where each row stands

What every row was planned for (reason, document) is in the journal beside its outcome; rows that
were never begun have no entry, so only their number is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vippsrecon.bulk.execution.row_record import restore_planned_row
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

INTERRUPTED_ROW = "a run ended while it was under way; the same command again settles it"
NOT_BEGUN_ROW = "not begun: the journal has nothing of this row"


class RowHistory(NamedTuple):
    """Where one row stands.

    Attributes:
        planned: The row as planned; its aggregate is the one before, 0 where not kept.
        result: What became of it; one that is under way is unknown.
        approver: Under whose approval it was carried out then.
        carrier: Who carried it out then.
        intended_at: When it was first intended; None where it never was.
        key: The key it was, or would be, asked with.
        last_entry: The entry that says so.
        decided_by: Whose word it is, where no reading proved it.
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
    """A plan's chain, told by its entries one after the other.

    Attributes:
        plan_id, environment, verb: The plan's.
        said: What its first entry says: digest, count, totals, planner, source, …
        rows: Row to where it stands.
        approvals: Entries that approve it, in order.
        carriers: Entries of those who took it.
        stopped: Why the last run stopped before its end, or "".
        first_hash: The first entry's hash.
        head: (seq, hash) of the last one.
    """

    plan_id: str
    environment: str = ""
    verb: str = ""
    said: dict[str, Any] = field(default_factory=dict)
    rows: dict[int, RowHistory] = field(default_factory=dict)
    approvals: list[Entry] = field(default_factory=list)
    carriers: list[Entry] = field(default_factory=list)
    stopped: str = ""
    first_hash: str = ""
    head: tuple[int, str] = (0, "")

    @property
    def approver(self) -> str:
        """Under whose approval it was carried out last; before that, who approved it, or ""."""
        for entry in reversed(self.carriers):
            if entry.said()["approver"]:
                return str(entry.said()["approver"])
        return str(self.approvals[-1].said()["approver"]) if self.approvals else ""

    @property
    def carrier(self) -> str:
        """Who took it last, or ""."""
        return str(self.carriers[-1].said()["holder"]) if self.carriers else ""

    @property
    def count(self) -> int:
        """Rows of the plan."""
        return int(self.said.get("count", 0))

    @property
    def totals(self) -> Mapping[str, int]:
        """Currency to the plan's sum in minor units."""
        totals: Mapping[str, int] = self.said.get("totals", {})
        return totals

    @property
    def counts(self) -> dict[str, int]:
        """Outcome to rows; they add up to the plan's. Rows never begun count as skipped."""
        found = dict.fromkeys(LIVE_OUTCOMES, 0)
        for row in self.rows.values():
            found[row.result.outcome] += 1
        found["skipped"] += self.not_begun
        return found

    @property
    def not_begun(self) -> int:
        """How many rows the journal has nothing of."""
        return self.count - len(self.rows)

    def sum_by_outcome(self, currency: str) -> dict[str, int]:
        """Return outcome to the sum of one currency, in minor units, likewise."""
        found = dict.fromkeys(LIVE_OUTCOMES, 0)
        for row in self.rows.values():
            if row.planned.currency == currency:
                found[row.result.outcome] += row.planned.amount_minor
        found["skipped"] += self.sum_not_begun(currency)
        return found

    def sum_not_begun(self, currency: str) -> int:
        """Return what the rows add up to that the journal has nothing of."""
        listed = sum(
            row.planned.amount_minor
            for row in self.rows.values()
            if row.planned.currency == currency
        )
        return self.totals.get(currency, 0) - listed

    def replay(self, told: Iterable[Entry]) -> Iterator[Entry]:
        """Take in entries, in order, and pass each on.

        Raises:
            StoreError: An entry cannot be understood: it was changed after it was written.
        """
        for entry in told:
            try:
                entry.said()
                self._apply(entry)
            except (ValueError, KeyError, TypeError):
                raise StoreError(
                    f"entry {entry.seq} of plan {self.plan_id} cannot be understood: it was "
                    f"changed after it was written. vippsrecon journal --plan {self.plan_id} "
                    "--verify says more"
                ) from None
            yield entry

    def _apply(self, entry: Entry) -> None:
        self.head = (entry.seq, entry.hash)
        if entry.kind == "seen":
            self.environment, self.verb = entry.environment, entry.verb
            self.said, self.first_hash = entry.said(), entry.hash
        elif entry.kind == "approved":
            self.approvals.append(entry)
        elif entry.kind == "carrier":
            self.carriers.append(entry)
        elif entry.kind == "ended":
            self.stopped = str(entry.said().get("stopped") or "")
        elif entry.row is not None and entry.kind == "verified":
            self._apply_verified(entry, entry.row)
        elif entry.row is not None and entry.kind in ROW_KINDS:
            self.rows[entry.row] = self._row(entry, entry.row)

    def _row(self, entry: Entry, number: int) -> RowHistory:
        said, before = entry.said(), self.rows.get(number)
        intended = before.intended_at if before else None
        if entry.kind == "intended":
            intended = intended or entry.at
            result = RowResult.from_journal(number, "unknown", {**said, "why": INTERRUPTED_ROW})
        else:
            outcome = said["outcome"] if entry.kind == "settled" else entry.kind
            result = RowResult.from_journal(number, str(outcome), said)
        return RowHistory(
            _restore_row(entry, said, result, before),
            result,
            self.approver,
            self.carrier,
            intended,
            entry.idempotency_key or "",
            entry,
            str(said.get("by", "")) if entry.kind == "settled" else "",
        )

    def _apply_verified(self, entry: Entry, number: int) -> None:
        known, said = self.rows.get(number), entry.said()
        if known is not None:
            seen = {name: said[name] for name in ("psp_reference", "event_at") if said.get(name)}
            self.rows[number] = known._replace(result=known.result._replace(**seen))


def read_plan_history(store: Store, plan_id: str) -> PlanHistory:
    """Read a plan's journal.

    Raises:
        PlanError: The plan is not known in this database.
        StoreError: The database cannot be used.
    """
    found = PlanHistory(plan_id)
    for _ in found.replay(read_entries(store, plan_id)):
        pass
    if not found.said:
        raise PlanError(
            f"plan {plan_id} is not known in the workspace database {store.url_masked}; "
            "vippsrecon journal lists those that are"
        )
    return found


def rebuild_run_result(plan: Plan, store: Store, units: Iterable[SalesUnit] = ()) -> RunResult:
    """Return what became of a plan from its journal alone: the same outcomes, any time later.

    Raises:
        PlanError: The plan is not known in this database.
        StoreError: The database cannot be used.
    """
    found = read_plan_history(store, plan.plan_id)
    results = tuple(
        found.rows[row.row].result
        if row.row in found.rows
        else RowResult(row.row, "skipped", NOT_BEGUN_ROW)
        for row in plan.rows
    )
    return RunResult(
        plan,
        True,
        results,
        found.stopped,
        found.approver,
        found.carrier,
        found.head,
        tuple(units),
    )


def _restore_row(
    entry: Entry, said: Mapping[str, Any], result: RowResult, before: RowHistory | None
) -> PlanRow:
    if "reason" not in said and before is not None:
        return before.planned
    return restore_planned_row(entry, said, result.before)


@dataclass
class PlanOverview:
    """A plan as a list of plans shows it.

    Attributes:
        known: The plan as the database knows it.
        counts: Outcome to rows; they add up to the plan's. Rows never begun count as skipped.
        not_begun: How many rows the journal has nothing of.
        approver: Under whose approval it was carried out last; before, who approved it, or "".
        carrier: Who took it last, or "".
        stopped: Why its last run stopped before its end, or "".
    """

    known: PlanSummary
    counts: dict[str, int]
    not_begun: int
    approver: str = ""
    carrier: str = ""
    stopped: str = ""

    @property
    def count(self) -> int:
        """Rows of the plan."""
        return int(self.known.detail.get("count", 0))

    @property
    def totals(self) -> Mapping[str, int]:
        """Currency to the plan's sum in minor units."""
        totals: Mapping[str, int] = self.known.detail.get("totals", {})
        return totals

    @property
    def first_hash(self) -> str:
        """The first entry's hash."""
        return self.known.first_hash

    @property
    def head(self) -> tuple[int, str]:
        """(seq, hash) of the last entry."""
        return self.known.entries, self.known.last_hash


def list_plan_overviews(store: Store) -> list[PlanOverview]:
    """Return every plan known in a database, the one seen last at the end.

    Raises:
        StoreError: The database cannot be used.
    """
    outcomes = count_outcomes(store)
    found = {
        one.plan_id: _build_overview(one, outcomes.get(one.plan_id, {}))
        for one in list_plans(store)
    }
    for entry, said in read_run_entries(store):
        plan = found.get(entry.plan_id)
        if plan is None:
            continue
        if entry.kind == "approved":
            if not plan.carrier:
                plan.approver = str(said.get("approver", ""))
        elif entry.kind == "carrier":
            plan.carrier = str(said.get("holder", ""))
            plan.approver = str(said.get("approver") or plan.approver)
        else:
            plan.stopped = str(said.get("stopped") or "")
    return list(found.values())


def _build_overview(known: PlanSummary, outcomes: Mapping[str, int]) -> PlanOverview:
    counts = dict.fromkeys(LIVE_OUTCOMES, 0)
    for outcome, rows in outcomes.items():
        # One that is under way is not known yet.
        shown = "unknown" if outcome == "intended" else outcome
        counts[shown] = counts.get(shown, 0) + rows
    unlisted = int(known.detail.get("count", 0)) - sum(outcomes.values())
    counts["skipped"] += unlisted
    return PlanOverview(known, counts, unlisted)
