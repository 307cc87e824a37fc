"""A plan as its journal knows it, without its file and without asking anybody.

    entries ──one pass──► Kept: who planned, approved, carried it out; where each row stands

What every row was planned for (reason, document) is in the journal beside its outcome; rows that
were never begun have no entry, so only their number is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vippsrecon.bulk.execution.row_record import planned_row
from vippsrecon.bulk.execution.row_result import Result
from vippsrecon.bulk.execution.run_result import LIVE, Carried
from vippsrecon.bulk.plan.model import Plan, PlanRow
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import PlanError, StoreError
from vippsrecon.store import OF_A_ROW, Entry, Store, entries

INTERRUPTED = "a run ended while it was under way; the same command again settles it"
NOT_BEGUN = "not begun: the journal has nothing of this row"


class KeptRow(NamedTuple):
    """Where one row stands.

    Attributes:
        planned: The row as planned; its aggregate is the one before, 0 where not kept.
        result: What became of it; one that is under way is unknown.
        approver: Under whose approval it was carried out then.
        carrier: Who carried it out then.
        intended_at: When it was first intended; None where it never was.
        key: The key it was, or would be, asked with.
        last: The entry that says so.
        settled_by: Whose word it is, where no reading proved it.
    """

    planned: PlanRow
    result: Result
    approver: str
    carrier: str
    intended_at: str | None
    key: str
    last: Entry
    settled_by: str


@dataclass
class Kept:
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
    rows: dict[int, KeptRow] = field(default_factory=dict)
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
        found = dict.fromkeys(LIVE, 0)
        for row in self.rows.values():
            found[row.result.outcome] += 1
        found["skipped"] += self.unlisted
        return found

    @property
    def unlisted(self) -> int:
        """How many rows the journal has nothing of."""
        return self.count - len(self.rows)

    def sums(self, currency: str) -> dict[str, int]:
        """Return outcome to the sum of one currency, in minor units, likewise."""
        found = dict.fromkeys(LIVE, 0)
        for row in self.rows.values():
            if row.planned.currency == currency:
                found[row.result.outcome] += row.planned.amount_minor
        found["skipped"] += self.unlisted_minor(currency)
        return found

    def unlisted_minor(self, currency: str) -> int:
        """Return what the rows add up to that the journal has nothing of."""
        listed = sum(
            row.planned.amount_minor
            for row in self.rows.values()
            if row.planned.currency == currency
        )
        return self.totals.get(currency, 0) - listed

    def hear(self, told: Iterable[Entry]) -> Iterator[Entry]:
        """Take in entries, in order, and pass each on.

        Raises:
            StoreError: An entry cannot be understood: it was changed after it was written.
        """
        for entry in told:
            try:
                entry.said()
                self._take(entry)
            except (ValueError, KeyError, TypeError):
                raise StoreError(
                    f"entry {entry.seq} of plan {self.plan_id} cannot be understood: it was "
                    f"changed after it was written. vippsrecon journal --plan {self.plan_id} "
                    "--verify says more"
                ) from None
            yield entry

    def _take(self, entry: Entry) -> None:
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
            self._verified(entry, entry.row)
        elif entry.row is not None and entry.kind in OF_A_ROW:
            self.rows[entry.row] = self._row(entry, entry.row)

    def _row(self, entry: Entry, number: int) -> KeptRow:
        said, before = entry.said(), self.rows.get(number)
        intended = before.intended_at if before else None
        if entry.kind == "intended":
            intended = intended or entry.at
            result = Result.kept(number, "unknown", {**said, "why": INTERRUPTED})
        else:
            outcome = said["outcome"] if entry.kind == "settled" else entry.kind
            result = Result.kept(number, str(outcome), said)
        return KeptRow(
            _planned(entry, said, result, before),
            result,
            self.approver,
            self.carrier,
            intended,
            entry.idempotency_key or "",
            entry,
            str(said.get("by", "")) if entry.kind == "settled" else "",
        )

    def _verified(self, entry: Entry, number: int) -> None:
        known, said = self.rows.get(number), entry.said()
        if known is not None:
            seen = {name: said[name] for name in ("psp_reference", "event_at") if said.get(name)}
            self.rows[number] = known._replace(result=known.result._replace(**seen))


def kept(store: Store, plan_id: str) -> Kept:
    """Read a plan's journal.

    Raises:
        PlanError: The plan is not known in this database.
        StoreError: The database cannot be used.
    """
    found = Kept(plan_id)
    for _ in found.hear(entries(store, plan_id)):
        pass
    if not found.said:
        raise PlanError(
            f"plan {plan_id} is not known in the workspace database {store.url_masked}; "
            "vippsrecon journal lists those that are"
        )
    return found


def rebuilt(plan: Plan, store: Store, units: Iterable[SalesUnit] = ()) -> Carried:
    """Return what became of a plan from its journal alone: the same outcomes, any time later.

    Raises:
        PlanError: The plan is not known in this database.
        StoreError: The database cannot be used.
    """
    found = kept(store, plan.plan_id)
    results = tuple(
        found.rows[row.row].result
        if row.row in found.rows
        else Result(row.row, "skipped", NOT_BEGUN)
        for row in plan.rows
    )
    return Carried(
        plan,
        True,
        results,
        found.stopped,
        found.approver,
        found.carrier,
        found.head,
        tuple(units),
    )


def _planned(
    entry: Entry, said: Mapping[str, Any], result: Result, before: KeptRow | None
) -> PlanRow:
    if "reason" not in said and before is not None:
        return before.planned
    return planned_row(entry, said, result.before)
