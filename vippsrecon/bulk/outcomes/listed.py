"""Every plan of a journal in a line or two, without reading any plan's rows.

What is said of a plan is what `kept` says of it; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vippsrecon.bulk.execution.run_result import LIVE_OUTCOMES
from vippsrecon.store import PlanSummary, Store, count_outcomes, list_plans, read_run_entries


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
