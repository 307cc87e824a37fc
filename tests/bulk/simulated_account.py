"""A few payments in the simulator, a client, a database, and approved plans for the payments."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tests.payments import MSN, make_event, make_payment, make_state_line
from vippsrecon.api import Client
from vippsrecon.bulk.approval.approve import approve
from vippsrecon.bulk.execution.carry_out import carry_out
from vippsrecon.bulk.execution.context import Timeouts
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.plan.model import Plan, PlanRow, Source
from vippsrecon.bulk.plan.rules import PLAN_FORMAT
from vippsrecon.bulk.times import format_plan_time
from vippsrecon.simulator import Simulator
from vippsrecon.store import Store

CLOCK = "2026-01-31T12:00:00Z"
SOON = Timeouts(
    settle_for=2.0, wait_for=2.0, first_wait=0.01, longest_wait=0.1, recheck_interval=0.05
)
"""Waits as short as a test needs."""


def line(
    reference: str, *, authorized: int = 100_000, captured: int = 0, currency: str = "NOK"
) -> dict[str, Any]:
    """Return a state line: 1,000.00 reserved ten days ago, with `captured` of it captured."""
    steps = [("CREATED", authorized), ("AUTHORIZED", authorized), ("CAPTURED", captured)]
    events = [
        make_event(
            reference,
            name,
            amount,
            f"2026-01-21T1{place}:00:00.123Z",
            currency=currency,
            key=f"shop-{reference}-{name}",
        )
        for place, (name, amount) in enumerate(steps)
        if amount
    ]
    payment = make_payment(
        reference, authorized, currency=currency, authorized=authorized, captured=captured
    )
    return make_state_line(payment, events)


class World(NamedTuple):
    """The simulator, a client for it, and a workspace database."""

    simulator: Simulator
    client: Client
    store: Store
    folder: Path

    def plan(self, verb: str, *amounts: int, **changed: Any) -> Plan:
        """Return a plan with one row for each amount, for the payments from `order-000001` on."""
        captured = 100_000 if verb == "refund" else 0
        rows = tuple(
            PlanRow(
                number, MSN, f"order-{number:06d}", f"#{number}", "NOK", amount, "other", "",
                "", None, None, 100_000, captured, 0, 0, False,
            )
            for number, amount in enumerate(amounts, start=1)
        )  # fmt: skip
        now = self.simulator.now()
        given: dict[str, Any] = {
            "format": PLAN_FORMAT,
            "plan_id": str(uuid.uuid4()),
            "verb": verb,
            "environment": "simulator",
            "host": "127.0.0.1",
            "msns": (MSN,),
            "planner": "kari",
            "made_at": format_plan_time(now),
            "expires_at": format_plan_time(now + timedelta(hours=72)),
            "source": Source("list", "list.csv", "0" * 64, format_plan_time(now)),
            "cancel_created": False,
            "rows": rows,
        }
        return Plan(**(given | changed))

    def approved(self, verb: str, *amounts: int, **changed: Any) -> Plan:
        """Return such a plan, approved by a person other than its planner."""
        plan = self.plan(verb, *amounts, **changed)
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

    def live(self, plan: Plan, **changed: Any):
        """Carry a plan out."""
        given = {"live": True, "confirm": plan.totals, "store": self.store, "patience": SOON}
        return carry_out(plan, self.client, **(given | changed))

    def effects(self) -> dict[str, tuple[str, int, int]]:
        """Return what took effect at Vipps MobilePay: payment to (operation, count, sum)."""
        payments = self.simulator.requests()["payments"].get(MSN, {})
        return {
            reference: (operation, tally["count"], tally["sum"])
            for reference, operations in payments.items()
            for operation, tally in operations.items()
        }

    def asked(self, operation: str) -> int:
        """Return how many requests for an operation were received."""
        return int(self.simulator.requests()["requests"].get(operation, 0))
