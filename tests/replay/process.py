"""One life of the process that carries a plan out, and the parts it is made of.

The process runs the package's own code from `run_live` down. It can die or be suspended before any
step of its event loop.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from tests.replay.simulated_disk import SimulatedDisk, SimulatedJournal
from tests.replay.simulated_vipps import Connection, SimulatedVipps
from tests.replay.virtual_loop import Crash, Suspension, VirtualLoop
from vippsrecon.bulk.execution.carry_out import RowSteps, run_live
from vippsrecon.bulk.execution.clock import RunClock
from vippsrecon.bulk.execution.context import RunContext, Timeouts
from vippsrecon.bulk.execution.journal_writer import JournalWriter
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.execution.workers.circuit_breaker import CircuitBreaker
from vippsrecon.bulk.execution.workers.pool import PoolOptions
from vippsrecon.bulk.plan.model import Plan
from vippsrecon.store import RowState
from vippsrecon.store.journal.reservations import Reservations

TIMEOUTS = Timeouts()


class Parts(NamedTuple):
    """What a process is made of. A mutant replaces one part by a broken one.

    Attributes:
        steps: How a row is prepared and sent.
        context: What all rows share.
        writer: Writes the journal.
        journal: The disk as one process uses it.
        connection: The client.
        reservations: What the journal's rows hold.
        read_states: Reads the state of each row when the process begins.
    """

    steps: RowSteps = RowSteps()
    context: type[RunContext] = RunContext
    writer: type[JournalWriter] = JournalWriter
    journal: type[SimulatedJournal] = SimulatedJournal
    connection: type[Connection] = Connection
    reservations: type[Reservations] = Reservations
    read_states: Callable[[SimulatedDisk], dict[int, RowState]] = SimulatedDisk.read_row_states


class Surroundings(NamedTuple):
    """What every process of a schedule uses.

    Attributes:
        plan: The plan.
        approval_expires_at: When its approval expires.
        caps: Maps a local day to the caps of each currency.
        vipps: Vipps MobilePay and the network.
        disk: The journal.
        dice: Draws the order of steps.
        check_request: Called with the process, the payment and the key before a request is sent.
    """

    plan: Plan
    approval_expires_at: datetime
    caps: Callable[[str], Any]
    vipps: SimulatedVipps
    disk: SimulatedDisk
    dice: random.Random
    check_request: Callable[[Process, str, str], None]


class _ProcessClock(RunClock):
    """The clock of a process in the simulated world."""

    def __init__(self, vipps: SimulatedVipps) -> None:
        self._vipps = vipps

    def count_seconds(self) -> float:
        return self._vipps.time.now

    def machine_time(self) -> datetime:
        return self._vipps.machine_time()


class Process:
    """One life of the process. It takes the plan lock when it begins.

    Args:
        around: What it uses.
        parts: What it is made of.
        crash_at: It dies before this step. 0 means never.
        suspend_at: It is suspended before this step. 0 means never.

    Attributes:
        results: The results of the rows; None until it has ended, or if it died.
        is_suspended: Whether it stopped in the middle of a step and can be resumed.
        connection: Its client.
        sent: For each row, the times of the requests it sent.
    """

    def __init__(
        self, around: Surroundings, parts: Parts, *, crash_at: int = 0, suspend_at: int = 0
    ) -> None:
        self.results: list[RowResult] | None = None
        self.is_suspended = False
        self.sent: dict[int, list[float]] = {}
        self.connection = parts.connection(
            around.vipps, lambda reference, key: around.check_request(self, reference, key)
        )
        self._disk = around.disk
        self._loop = VirtualLoop(around.vipps.time, around.dice, crash_at, suspend_at)
        journal = parts.journal(around.disk, around.disk.acquire())
        clock = _ProcessClock(around.vipps)
        context = parts.context(
            self.connection,  # type: ignore[arg-type]
            around.plan,
            around.approval_expires_at,
            around.caps,
            TIMEOUTS,
            parts.writer(journal, clock),  # type: ignore[arg-type]
            journal,  # type: ignore[arg-type]
            clock,
        )
        states = parts.read_states(around.disk)
        pool_options = PoolOptions(around.dice.randrange(1, 4))
        self._task = self._loop.create_task(
            run_live(context, states, CircuitBreaker(5, 1.0), pool_options, parts.steps)
        )

    def run(self) -> None:
        """Run until the process ends, dies or is suspended. To resume it, call this again."""
        self.is_suspended = False
        try:
            self.results = self._loop.run_until_complete(self._task)
        except Suspension:
            self.is_suspended = True
        except Crash:
            self.kill()
            self._disk.crash()
        except BaseException:
            self.kill()
            raise
        else:
            self._loop.close()
        finally:
            asyncio.set_event_loop(None)

    def kill(self) -> None:
        """End the process, if it has not ended."""
        if not self._loop.is_closed():
            self._loop.kill()
            self._loop.close()
