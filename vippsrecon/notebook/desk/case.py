"""One plan on the desk: made, checked, looked up in the journal, carried out.

Each method calls what a program or a command calls: `plan_refunds` or its like, `write_plan`, `carry_out`. There
is no method that approves.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from vippsrecon.api import Client
from vippsrecon.bulk.approval.approve import Approval, find_valid_approval
from vippsrecon.bulk.execution.carry_out import carry_out
from vippsrecon.bulk.execution.row_result import FINAL_OUTCOMES
from vippsrecon.bulk.execution.run_result import RunResult
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.outcomes.from_journal import read_plan_history, rebuild_run_result
from vippsrecon.bulk.plan.file import compute_digest, read_plan, write_plan
from vippsrecon.bulk.plan.make import plan_cancels, plan_captures, plan_refunds
from vippsrecon.bulk.plan.model import Plan
from vippsrecon.errors import PlanError
from vippsrecon.reconciliation import Reconciliation
from vippsrecon.store import Store, list_plan_ids
from vippsrecon.texts import say

PLANNERS = {"refund": plan_refunds, "capture": plan_captures, "cancel": plan_cancels}


class Case:
    """The plan on the desk, its file, and where it is carried out.

    Args:
        client: An open client.
        store: The workspace database.
        planner: Who makes plans; None: the operating system account.
        plan_file: Where plans are written.
        verb: The operation of the plans that are made: refund, capture or cancel.

    Attributes:
        plan: The plan; None if there is none on the desk.
    """

    def __init__(
        self,
        client: Client,
        store: Store,
        planner: str | None,
        plan_file: Path,
        verb: str = "refund",
    ) -> None:
        self.verb = verb
        self.plan_file = plan_file
        self.store = store
        self.plan: Plan | None = None
        self._client = client
        self._planner = planner
        self._knows_server_time = False

    def make_plan(self, reconciliation: Reconciliation, only: Collection[str]) -> Plan:
        """Plan the operations of some discrepancies and write the plan's file.

        Raises:
            VippsReconError: As `plan_refunds` and `write_plan`.
        """
        plan = PLANNERS[self.verb](
            reconciliation,
            client=self._client,
            store=self.store,
            planner=self._planner,
            only=only,
            progress=True,
        )
        write_plan(plan, self.plan_file)
        self.plan = plan
        return plan

    def read_file(self) -> Plan | None:
        """Return the plan in the file; None if there is no file.

        Raises:
            PlanError: The file holds no plan, or was changed.
        """
        return read_plan(self.plan_file) if self.plan_file.exists() else None

    def was_begun(self, plan: Plan) -> bool:
        """Return whether a live run of a plan is in this database's journal."""
        if plan.plan_id not in list_plan_ids(self.store):
            return False
        return bool(read_plan_history(self.store, plan.plan_id).carriers)

    def read_standing(self) -> RunResult:
        """Return the plan's outcomes as the journal has them. Makes no request.

        Raises:
            PlanError: The plan is not in this database.
        """
        plan = self.get_plan()
        units = [self._client.settings.unit(msn) for msn in plan.msns]
        return rebuild_run_result(plan, self.store, units)

    def dry_run(self) -> RunResult:
        """Check each row against its payment. Sends nothing."""
        return carry_out(self.get_plan(), self._client, store=self.store, progress=True)

    def find_approval(self) -> Approval:
        """Return the approval under which the plan may be carried out now.

        Raises:
            PlanError: There is none; the sentence says why.
            VippsReconError: The keys are not accepted, or the database cannot be used.
        """
        if not self._knows_server_time:  # by which the approval's end is measured
            self._client.check_keys(self.get_plan().msns[0])
            self._knows_server_time = True
        limits = Limits.from_settings(self._client.settings.limits)
        return find_valid_approval(self.get_plan(), self.store, limits, self._client.now())

    def send(self, confirm: Sequence[str]) -> RunResult:
        """Carry out the plan: this moves money.

        Raises:
            VippsReconError: As `carry_out`; or the file does not hold this plan any more, so that
                nobody could continue it after a crash.
        """
        plan = self.get_plan()
        in_file = self.read_file()
        if in_file is None or compute_digest(in_file) != compute_digest(plan):
            raise PlanError(say("desk.other_file", name=self.plan_file.name))
        return carry_out(
            plan, self._client, live=True, confirm=confirm, store=self.store, progress=True
        )

    def get_plan(self) -> Plan:
        """Return the plan on the desk."""
        assert self.plan is not None
        return self.plan


def is_finished(run: RunResult) -> bool:
    """Return whether every row is final, so that a further run has nothing to do."""
    return all(result.outcome in FINAL_OUTCOMES for result in run.results)
