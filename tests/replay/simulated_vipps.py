"""A small model of Vipps MobilePay and the network: payments, keys, locks and a late event log.

It shares nothing with `vippsrecon.simulator`. Faults are drawn by seed. A request that reached
Vipps MobilePay is carried out there, even if the process that sent it has died.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

from tests.replay.virtual_loop import VirtualTime
from vippsrecon.api.models import Event, Modification, Payment
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import (
    LockedError,
    NoAnswerError,
    NotConnectedError,
    RateLimitedError,
    RefusedError,
    ServiceError,
    UnreadableAnswerError,
    VippsReconError,
)

MSN = "123456"
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
EVENT_OF_VERB = {"refund": "REFUNDED", "capture": "CAPTURED", "cancel": "CANCELLED"}

OLD = 40 * 86_400.0

Totals = tuple[int, int, int, int]
"""Authorized, captured, refunded, cancelled."""


class Logged(NamedTuple):
    """An event, and the time from which the log shows it."""

    name: str
    amount: int
    key: str | None
    at: float
    visible_at: float


@dataclass
class SimulatedPayment:
    """A payment at Vipps MobilePay.

    Attributes:
        history: The times of changes with the new totals, in order.
        keys: For each key, its outcome and the time until which it is remembered.
    """

    reference: str
    history: list[tuple[float, Totals]]
    log: list[Logged] = field(default_factory=list)
    keys: dict[str, tuple[Totals | str, float]] = field(default_factory=dict)
    locked: bool = False
    done_by_key: dict[str, int] = field(default_factory=dict)

    @property
    def totals(self) -> Totals:
        """The present totals."""
        return self.history[-1][1]

    def totals_at(self, time: float) -> Totals:
        """Return the totals at a time."""
        return next(totals for since, totals in reversed(self.history) if since <= time)


class SimulatedVipps:
    """Everything outside the process: time, clocks and payments.

    Args:
        dice: Draws latencies and faults.
        lag: The log shows an event after at most this many seconds.
        key_life: Seconds for which a key is remembered after its operation.
        late: Whether a request may arrive after its sender has given up.
    """

    def __init__(self, dice: random.Random, *, lag: float, key_life: float, late: bool) -> None:
        self.time = VirtualTime()
        self.dice = dice
        self.payments: dict[str, SimulatedPayment] = {}
        self.clock_wrong_from = float("inf")
        self.clock_wrong_until = float("inf")
        self.fault_share = 0.0
        self.late = late
        self._lag = lag
        self._key_life = key_life

    def machine_time(self) -> datetime:
        """Return the correct time."""
        return START + timedelta(seconds=self.time.now)

    def server_date(self) -> datetime:
        """Return the `Date` of an answer, in whole seconds.

        It is an hour off while the clock is wrong.
        """
        wrong = self.clock_wrong_from <= self.time.now < self.clock_wrong_until
        return self.machine_time().replace(microsecond=0) + timedelta(hours=wrong)

    def add(self, reference: str, totals: Totals) -> SimulatedPayment:
        """Add a payment. Its earlier changes are too old to look like a duplicate of a row."""
        log = [Logged("AUTHORIZED", totals[0], None, -OLD, -OLD)]
        names = ("CAPTURED", "REFUNDED", "CANCELLED")
        for name, amount in zip(names, totals[1:], strict=True):
            if amount:
                log.append(Logged(name, amount, f"shop-{name}", -OLD, -OLD))
        payment = SimulatedPayment(reference, [(float("-inf"), totals)], log)
        self.payments[reference] = payment
        return payment

    def arrive(
        self,
        verb: str,
        payment: SimulatedPayment,
        amount: int,
        key: str,
        answer: Callable[[Totals | str], None],
    ) -> None:
        """Receive a request.

        When it is processed, `answer` gets the new totals or the reason for refusal.
        """
        known = payment.keys.get(key)
        if known is not None and known[1] >= self.time.now:
            answer(known[0])
            return
        if payment.locked:
            answer("locked")
            return
        payment.locked = True

        def process() -> None:
            payment.locked = False
            outcome = self._execute(verb, payment, amount, key)
            payment.keys[key] = (outcome, self.time.now + self._key_life)
            answer(outcome)

        self.time.schedule(self.time.now + self.dice.random() * 0.5, process)

    def _execute(self, verb: str, payment: SimulatedPayment, amount: int, key: str) -> Totals | str:
        authorized, captured, refunded, cancelled = payment.totals
        left = authorized - captured - cancelled
        if verb == "refund":
            if amount > captured - refunded:
                return "6180" if captured == refunded else "6150"
            after = (authorized, captured, refunded + amount, cancelled)
        elif left <= 0:
            return "6190" if verb == "cancel" else "6170"
        elif verb == "capture":
            if amount > left:
                return "6090"
            after = (authorized, captured + amount, refunded, cancelled)
        else:
            amount = left
            after = (authorized, captured, refunded, cancelled + left)
        now = self.time.now
        payment.history.append((now, after))
        visible_at = now + self.dice.random() * self._lag
        echoed = None if verb == "cancel" else key
        payment.log.append(Logged(EVENT_OF_VERB[verb], amount, echoed, now, visible_at))
        payment.done_by_key[key] = payment.done_by_key.get(key, 0) + 1
        return after

    def format_time(self, at: float) -> str:
        """Return a time in the API's format."""
        return (START + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Connection:
    """The client that one life of the process uses. It has the methods of `AsyncClient`.

    Args:
        vipps: The simulated Vipps MobilePay.
        on_send: Called for each request that would move money, just before it is sent.

    Attributes:
        answered_at: For each payment, when this process got the last answer to a request.
    """

    def __init__(self, vipps: SimulatedVipps, on_send: Callable[[str, str], None]) -> None:
        self._vipps = vipps
        self._on_send = on_send
        self.answered_at: dict[str, float] = {}
        self._date: datetime | None = None
        unit = SalesUnit(MSN, market="NO")
        self.settings: Any = SimpleNamespace(unit=lambda msn: unit)

    def now(self) -> datetime:
        """Return the `Date` of the last answer, or the machine's time."""
        return self._date or self._vipps.machine_time()

    async def payment(self, reference: str, msn: str, *, retry: bool = True) -> Payment:
        """Read a payment."""
        await self._pass_network(retry)
        payment = self._vipps.payments[reference]
        totals = payment.totals
        await self._hear_answer()
        return Payment(
            msn, reference, f"{reference}-psp", "AUTHORIZED", "NOK", totals[0], *totals, "WALLET",
            None,
        )  # fmt: skip

    async def events(self, reference: str, msn: str, *, retry: bool = True) -> list[Event]:
        """Read the events that the log shows now."""
        await self._pass_network(retry)
        payment, now = self._vipps.payments[reference], self._vipps.time.now
        events = [
            Event(
                msn, reference, f"{reference}-{number}", logged.name, logged.amount, "NOK",
                self._vipps.format_time(logged.at), logged.key, True,
            )
            for number, logged in enumerate(payment.log)
            if logged.visible_at <= now
        ]  # fmt: skip
        await self._hear_answer()
        return events

    async def refund(self, reference: str, amount: int, *_: Any, **named: Any) -> Modification:
        """Send a refund once."""
        return await self._modify("refund", reference, amount, named["idempotency_key"])

    async def capture(self, reference: str, amount: int, *_: Any, **named: Any) -> Modification:
        """Send a capture once."""
        return await self._modify("capture", reference, amount, named["idempotency_key"])

    async def cancel(self, reference: str, **named: Any) -> Modification:
        """Send a cancel once."""
        return await self._modify("cancel", reference, 0, named["idempotency_key"])

    async def _pass_network(self, retry: bool) -> None:
        """Simulate the network on the way of a reading.

        The client repeats a failed reading, within limits.
        """
        dice = self._vipps.dice
        while True:
            await asyncio.sleep(dice.random() * 0.2)
            if dice.random() >= self._vipps.fault_share / 2:
                return
            if not retry or dice.random() < 0.2:
                raise dice.choice([NoAnswerError("cut"), ServiceError(503), RateLimitedError(429)])
            await asyncio.sleep(dice.choice([0.5, 2.0, 8.0]))

    async def _hear_answer(self) -> None:
        date = self._vipps.server_date()
        await asyncio.sleep(self._vipps.dice.random() * 0.2)
        self._date = date

    async def _modify(self, verb: str, reference: str, amount: int, key: str) -> Modification:
        try:
            return await self._request(verb, reference, amount, key)
        finally:
            self.answered_at[reference] = self._vipps.time.now

    async def _request(self, verb: str, reference: str, amount: int, key: str) -> Modification:
        vipps, dice = self._vipps, self._vipps.dice
        self._on_send(reference, key)
        fate = "through"
        if dice.random() < vipps.fault_share:
            fates = ["not connected", "busy", "locked", "lost", "failed before", "answer lost"]
            fates += ["failed after", "cut short", *["late"] * vipps.late]
            fate = dice.choice(fates)
        if fate in ("not connected", "busy", "locked", "lost", "failed before"):
            await asyncio.sleep(dice.random())
            raise self._refuse_without_effect(fate)
        answers: list[Totals | str] = []
        payment, transit = vipps.payments[reference], dice.random() * 0.3
        if fate == "late":
            transit += dice.random() * 20
        vipps.time.schedule(
            vipps.time.now + transit,
            lambda: vipps.arrive(verb, payment, amount, key, answers.append),
        )
        if fate == "late":
            await asyncio.sleep(dice.random())
            raise NoAnswerError("the connection broke")
        while not answers:
            await asyncio.sleep(0.1)
        await self._hear_answer()
        if fate == "answer lost":
            raise NoAnswerError("the connection broke")
        if fate == "failed after":
            raise ServiceError(500)
        if fate == "cut short":
            raise UnreadableAnswerError(200)
        return self._decode(reference, answers[0])

    def _refuse_without_effect(self, fate: str) -> VippsReconError:
        if fate == "not connected":
            return NotConnectedError("no connection")
        if fate == "lost":
            return NoAnswerError("no answer")
        if fate == "failed before":
            return ServiceError(503)
        if fate == "locked":
            return self._vipps.dice.choice([LockedError(423), RefusedError(409, code="6160")])
        busy = RateLimitedError(429)
        busy.retry_after = self._vipps.dice.choice([None, 0.0, 0.0, 0.0, 6.0, 60.0])
        return busy

    def _decode(self, reference: str, answer: Totals | str) -> Modification:
        if answer == "locked":
            raise LockedError(423)
        if isinstance(answer, str):
            raise RefusedError(400, code=answer)
        return Modification(
            MSN, reference, f"{reference}-psp", "AUTHORIZED", "NOK", answer[0], *answer
        )
