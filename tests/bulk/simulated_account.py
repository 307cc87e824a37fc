"""A few payments in the simulator, a client, a database, and approved plans for the payments."""

from __future__ import annotations

import sqlite3
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tests.payments import MSN, make_history_line
from tests.plans import make_plan, make_plan_row
from vippsrecon.api import Client
from vippsrecon.bulk.approval.approve import approve
from vippsrecon.bulk.execution.carry_out import carry_out
from vippsrecon.bulk.execution.context import Timeouts
from vippsrecon.bulk.execution.run_result import RunResult
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.plan.model import Plan, Source
from vippsrecon.bulk.times import format_plan_time
from vippsrecon.simulator import Simulator
from vippsrecon.store import Store

CLOCK = "2026-01-31T12:00:00Z"
SHORT_TIMEOUTS = Timeouts(
    settle_for=2.0, wait_for=2.0, first_wait=0.01, longest_wait=0.1, recheck_interval=0.05
)
"""Waits as short as a test needs."""


def make_payment_line(
    reference: str, *, authorized: int = 100_000, captured: int = 0, currency: str = "NOK"
) -> dict[str, Any]:
    """Return a state line: 1,000.00 reserved ten days ago, with `captured` of it captured."""
    steps = [("CREATED", authorized), ("AUTHORIZED", authorized), ("CAPTURED", captured)]
    return make_history_line(
        reference,
        [(name, amount, f"2026-01-21T1{n}:00:00.123Z") for n, (name, amount) in enumerate(steps)],
        currency=currency,
    )


class SimulatedAccount(NamedTuple):
    """The simulator, a client for it, and a workspace database."""

    simulator: Simulator
    client: Client
    store: Store
    folder: Path

    def make_plan(self, verb: str, *amounts: int, **changed: Any) -> Plan:
        """Return a plan with one row for each amount, for the payments from `order-000001` on."""
        captured = 100_000 if verb == "refund" else 0
        rows = [
            make_plan_row(number, amount_minor=amount, captured_minor=captured)
            for number, amount in enumerate(amounts, start=1)
        ]
        now = self.simulator.now()
        defaults: dict[str, Any] = {
            "plan_id": str(uuid.uuid4()),
            "verb": verb,
            "host": "127.0.0.1",
            "made_at": format_plan_time(now),
            "expires_at": format_plan_time(now + timedelta(hours=72)),
            "source": Source("list", "list.csv", "0" * 64, format_plan_time(now)),
        }
        return make_plan(*rows, **(defaults | changed))

    def make_approved_plan(self, verb: str, *amounts: int, **changed: Any) -> Plan:
        """Return such a plan, approved by a person other than its planner."""
        plan = self.make_plan(verb, *amounts, **changed)
        self.approve(plan)
        return plan

    def approve(self, plan: Plan) -> None:
        """Have a person other than the planner approve a plan."""
        approve(
            plan,
            self.store,
            approver="ola",
            os_account="ola",
            host="desk",
            now=self.simulator.now(),
            limits=Limits.from_settings(self.client.settings.limits),
        )

    def carry_out(self, plan: Plan, **changed: Any):
        """Carry a plan out."""
        defaults = {
            "live": True,
            "confirm": plan.totals,
            "store": self.store,
            "patience": SHORT_TIMEOUTS,
        }
        return carry_out(plan, self.client, **(defaults | changed))

    def effects(self) -> dict[str, tuple[str, int, int]]:
        """Return what took effect at Vipps MobilePay: payment to (operation, count, sum)."""
        payments = self.simulator.requests()["payments"].get(MSN, {})
        return {
            reference: (operation, tally["count"], tally["sum"])
            for reference, operations in payments.items()
            for operation, tally in operations.items()
        }

    def count_requests(self, operation: str) -> int:
        """Return how many requests for an operation were received."""
        return int(self.simulator.requests()["requests"].get(operation, 0))

    def change_database(self, *statements: str) -> None:
        """Change the journal with SQL, as somebody without the package could."""
        with sqlite3.connect(self.folder / "work.db") as database:
            for statement in statements:
                database.execute(statement)


def list_outcomes(carried: RunResult) -> list[str]:
    """Return the outcomes of a run, in the plan's order."""
    return [result.outcome for result in carried.results]
