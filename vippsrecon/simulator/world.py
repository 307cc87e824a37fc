"""Hold the state of the simulated world that all answers read and change."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vippsrecon.simulator.clock import Clock
from vippsrecon.simulator.credentials import KeyRegistry
from vippsrecon.simulator.faults import OPERATIONS, FaultInjector
from vippsrecon.simulator.ledgers import LedgerStore
from vippsrecon.simulator.payments.expiry import apply_elapsed_time
from vippsrecon.simulator.payments.idempotency import IdempotencyStore
from vippsrecon.simulator.payments.state_machine import SimulatedPayment
from vippsrecon.simulator.payments.store import PaymentStore, StateFile
from vippsrecon.simulator.rate_limits import RateLimits
from vippsrecon.simulator.settings import SimulatorSettings


@dataclass(slots=True)
class IncomingRequest:
    """The parts of an HTTP request that the APIs use."""

    operation: str
    path: str
    args: dict[str, str]
    headers: dict[str, str]
    query: dict[str, str]
    body: bytes

    @property
    def msn(self) -> str:
        """The sales unit that the request names."""
        return self.headers.get("merchant-serial-number", "")

    @property
    def reference(self) -> str:
        """The reference in the path."""
        return self.args.get("reference", "")


@dataclass
class World:
    """Holds payments, ledgers, keys, clock, settings, faults and counters."""

    clock: Clock
    faults: FaultInjector
    file: StateFile | None = None
    settings: SimulatorSettings = field(default_factory=SimulatorSettings)
    keys: KeyRegistry = field(default_factory=KeyRegistry)
    idempotency_store: IdempotencyStore = field(default_factory=IdempotencyStore)
    limits: RateLimits = field(default_factory=RateLimits)
    requests: Counter[str] = field(default_factory=Counter)
    fault_counts: Counter[str] = field(default_factory=Counter)
    effects: dict[str, dict[str, dict[str, dict[str, int]]]] = field(default_factory=dict)
    locked_payments: set[tuple[str, str]] = field(default_factory=set)
    """Payments with a capture, refund or cancel in progress."""

    def __post_init__(self) -> None:
        self.payments = PaymentStore(self.file)
        self.ledgers = LedgerStore(self.file)
        # The server answers in one thread while a test reads the state in another.
        self.lock = threading.RLock()

    def payment(self, msn: str, reference: str, now: datetime) -> SimulatedPayment | None:
        """Return a payment as of `now`, with expiry and releases applied."""
        payment = self.payments.get(msn, reference)
        if payment is not None and apply_elapsed_time(
            payment, self.keys.unit(msn), self.clock.start, now
        ):
            self.payments.put(payment)
        return payment

    def count_effect(self, payment: SimulatedPayment, operation: str, value: int) -> None:
        """Count an operation that changed a payment."""
        operations = self.effects.setdefault(payment.msn, {}).setdefault(payment.reference, {})
        tally = operations.setdefault(operation, {"count": 0, "sum": 0})
        tally["count"] += 1
        tally["sum"] += value

    def counted(self) -> dict[str, Any]:
        """Return the answer to GET /_simulator/requests."""
        with self.lock:
            return {
                "requests": {name: self.requests[name] for name in OPERATIONS},
                "faults": dict(self.fault_counts),
                "payments": {
                    msn: {
                        reference: {name: dict(tally) for name, tally in operations.items()}
                        for reference, operations in payments.items()
                    }
                    for msn, payments in self.effects.items()
                },
            }


def create_world(seed: int, faults: Iterable[dict[str, Any]], file: StateFile | None) -> World:
    """Make an empty world."""
    return World(Clock(), FaultInjector(faults, seed), file)
