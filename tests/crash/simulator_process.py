"""A simulated Vipps MobilePay in its own process, and plans for the payments in it."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.payments import MSN, make_history_line
from tests.plans import make_plan, make_plan_row
from tests.waiting import wait_until
from vippsrecon.bulk.plan.model import Plan, PlanRow, Source
from vippsrecon.bulk.times import format_plan_time

ROOT = Path(__file__).parent.parent.parent
KEYS: dict[str, Any] = {
    "client_id": "11111111-1111-4111-8111-111111111111",
    "client_secret": "scenario-secret-123456",
    "subscription_key": "0123456789abcdef0123456789abcdef",
}
MONEY_OPERATIONS = ("refund", "capture", "cancel")
AMOUNT = 100_000


def make_payment_line(reference: str, at: str, *, captured: int = 0, refunded: int = 0) -> Any:
    """Return a state line: 1000.00 NOK reserved, with these amounts captured and refunded."""
    steps = [("CREATED", AMOUNT), ("AUTHORIZED", AMOUNT)]
    steps += [("CAPTURED", captured), ("REFUNDED", refunded)]
    return make_history_line(
        reference, [(name, value, f"{at}.{100 + n}Z") for n, (name, value) in enumerate(steps)]
    )


class PaymentCase:
    """One payment and the plan row that changes it.

    The seed decides if the amount is partial or full.
    """

    def __init__(self, verb: str, number: int, dice: random.Random) -> None:
        self.verb = verb
        self.reference = f"{verb}-{number:06d}"
        partly = dice.choice((0, 0, 30_000))
        full = dice.random() < 0.4
        self.captured = {"refund": AMOUNT, "capture": partly, "cancel": partly}[verb]
        self.refunded = partly if verb == "refund" else 0
        room = AMOUNT - self.refunded if verb == "refund" else AMOUNT - self.captured
        self.amount = room if full or verb == "cancel" else dice.randrange(200, room)

    def line(self, at: str) -> Any:
        """Return the payment as a state line."""
        return make_payment_line(self.reference, at, captured=self.captured, refunded=self.refunded)

    def row(self, number: int, **changed: Any) -> PlanRow:
        """Return the plan row for the payment."""
        defaults: dict[str, Any] = {
            "reference": self.reference,
            "order_number": None,
            "amount_minor": self.amount,
            "reason": "other",
            "authorized_minor": AMOUNT,
            "captured_minor": self.captured,
            "refunded_minor": self.refunded,
        }
        return make_plan_row(number, **(defaults | changed))


def make_numbered_plan(verb: str, rows: list[PlanRow], dice: random.Random, now: datetime) -> Plan:
    """Return a plan of these rows, numbered from 1."""
    return make_plan(
        *(row._replace(row=number) for number, row in enumerate(rows, start=1)),
        plan_id=str(uuid.UUID(int=dice.getrandbits(128), version=4)),
        verb=verb,
        host="127.0.0.1",
        made_at=format_plan_time(now),
        expires_at=format_plan_time(now + timedelta(hours=48)),
        source=Source("python", "", "", format_plan_time(now)),
    )


class SimulatorProcess:
    """The simulator's process as a test sees it, with payments that are in no plan yet."""

    def __init__(
        self, base_url: str, cases: dict[str, list[PaymentCase]], dice: random.Random
    ) -> None:
        self.base_url = base_url
        self._cases = cases
        self._dice = dice
        self._http = httpx.Client(base_url=base_url, trust_env=False, timeout=30)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def take_cases(self, verb: str, count: int) -> list[PaymentCase]:
        """Take payments that no test has used yet."""
        taken = self._cases[verb][:count]
        assert len(taken) == count, f"no payments left to {verb}"
        del self._cases[verb][:count]
        return taken

    def plan(self, verb: str, count: int) -> Plan:
        """Make a plan for payments that no test has used yet."""
        rows = [case.row(1) for case in self.take_cases(verb, count)]
        return make_numbered_plan(verb, rows, self._dice, self.now())

    def plan_for(self, verb: str, rows: list[PlanRow]) -> Plan:
        """Make a plan of these rows."""
        return make_numbered_plan(verb, rows, self._dice, self.now())

    def now(self) -> datetime:
        """Return the simulator's time, to the second."""
        clock = self._control("clock", {"advance_seconds": 0})["clock"]
        return datetime.fromisoformat(clock).replace(microsecond=0)

    def advance(self, seconds: float) -> None:
        """Move the simulator's clock forward."""
        self._control("clock", {"advance_seconds": seconds})

    def settings(self, **settings: Any) -> None:
        """Change the simulator's settings."""
        self._control("settings", settings)

    def faults(self, *faults: dict[str, Any]) -> None:
        """Set these faults and remove all others."""
        self._control("faults", {"faults": list(faults)})

    def read_counts(self) -> dict[str, Any]:
        """Return the simulator's own counts."""
        answer: dict[str, Any] = self._http.get("/_simulator/requests").json()
        return answer

    def effects(self) -> dict[str, dict[str, dict[str, int]]]:
        """Return what took effect. For each reference and operation, it gives the count and sum."""
        payments: dict[str, dict[str, dict[str, int]]] = self.read_counts()["payments"].get(MSN, {})
        return payments

    def slow_down(self) -> None:
        """Slow each request down.

        A plan then takes seconds, and a test can act while it is carried out.
        """
        self.settings(latency_ms=200)

    def speed_up(self) -> None:
        """Answer without delay again."""
        self.settings(latency_ms=0)

    def wait_for_effects(self, plans: Iterable[Plan], count: int) -> None:
        """Wait until `count` rows of each of these plans have taken effect."""

        def each_has_begun() -> bool:
            changed = set(self.effects())
            return all(
                len({row.reference for row in plan.rows} & changed) >= count for plan in plans
            )

        wait_until(each_has_begun)

    def payments(self) -> dict[str, Any]:
        """Return all payments as the simulator has them now, by reference."""
        lines = map(orjson.loads, self._http.get("/_simulator/state").content.splitlines())
        return {
            state_line["payment"]["reference"]: state_line
            for state_line in lines
            if "payment" in state_line
        }

    def _control(self, control: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(f"/_simulator/{control}", json=body)
        assert answer.status_code == 200, answer.text
        body_read: dict[str, Any] = answer.json()
        return body_read


@contextlib.contextmanager
def run_simulator(folder: Path, *, seed: int, payments: int = 400) -> Iterator[SimulatorProcess]:
    """Run a simulator in its own process, with this number of payments for each verb."""
    dice = random.Random(seed)
    cases = {
        verb: [PaymentCase(verb, number, dice) for number in range(payments)]
        for verb in MONEY_OPERATIONS
    }
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "state.jsonl"
    at = f"{datetime.now().astimezone() - timedelta(days=1):%Y-%m-%dT12:00:00}"
    unit = {"sales_unit": {"msn": MSN, "market": "NO", **KEYS}}
    lines = [unit] + [case.line(at) for verb_cases in cases.values() for case in verb_cases]
    state.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    command = [sys.executable, "-m", "vippsrecon", "simulator", "--state", str(state)]
    log = folder / "simulator.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, "--seed", str(seed)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        first_line = process.stdout.readline()
        simulator = SimulatorProcess(
            first_line.strip().rpartition("VIPPS_BASE_URL=")[2], cases, dice
        )
        try:
            yield simulator
        finally:
            simulator.close()
    finally:
        ended = process.poll()
        process.kill()
        process.wait()
        if ended is not None:
            print(f"the simulator had ended by itself, {ended}: {log.read_text()[-2000:]}")
        if process.stdout is not None:
            process.stdout.close()
