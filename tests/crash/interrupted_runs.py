"""Carry plans out against a simulator in this process, in several runs that end in chosen ways."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import datetime, timedelta
from typing import NamedTuple

import httpx
from sqlalchemy import event

from tests.crash.carrier import PATIENCE
from tests.crash.kill_rounds import FAULTS
from tests.crash.simulator_process import KEYS, MONEY_OPERATIONS, MSN, PaymentCase
from vippsrecon.api.client import Client
from vippsrecon.bulk.execution.carry_out import carry_out
from vippsrecon.config.load import load_settings
from vippsrecon.errors import StoreError
from vippsrecon.simulator import Simulator

QUICK = {"latency_ms": {"latency_ms": 30}, "slow_body": {"slow_body": 0.03}}
BRIEF = {
    name: QUICK.get(name, fault_fields)
    for name, fault_fields in FAULTS.items()
    if name != "429 retry_after"
}


class Run(NamedTuple):
    """How one run goes: which faults occur, and where it ends.

    Attributes:
        faults: Names of faults. Each affects a share of the money operations.
        ends: "by itself", or before or after the n-th request is processed, or at the n-th
            commit, which fails.
        nth: See `ends`.
        in_flight: Number of rows carried out at the same time.
    """

    faults: tuple[str, ...]
    ends: str
    nth: int
    in_flight: int


BY_ITSELF = Run((), "by itself", 0, 2)


class Crash(BaseException):
    """Simulates the end of the process. No code that catches errors catches it."""


class InterruptingTransport(httpx.AsyncBaseTransport):
    """A transport to a simulator in this process. It can end the run at a chosen request."""

    def __init__(self, simulator: Simulator, run: Run) -> None:
        self._inner = httpx.ASGITransport(app=simulator.app)
        self._run = run
        self._requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Forward a request, unless the run ends here."""
        self._requests += 1
        ends_here = self._requests >= self._run.nth
        if ends_here and self._run.ends == "before a request":
            raise Crash
        answer = await self._inner.handle_async_request(request)
        if ends_here and self._run.ends == "after a request":
            raise Crash
        return answer


class Slow(httpx.AsyncBaseTransport):
    """A transport that holds a run's first operation back until the next run has read once."""

    def __init__(self, simulator: Simulator) -> None:
        self._inner = httpx.ASGITransport(app=simulator.app)
        self._held: httpx.Request | None = None
        self._arrived = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hold the first operation back, and forward it after the next reading."""
        if request.url.path.rpartition("/")[2] in MONEY_OPERATIONS and self._held is None:
            self._held = request
            raise Crash
        answer = await self._inner.handle_async_request(request)
        if self._held is not None and request.method == "GET" and not self._arrived:
            self._arrived = True
            await self._inner.handle_async_request(self._held)
        return answer


class InProcess:
    """A simulator in this process, with the same methods as `SimulatorProcess`."""

    base_url = "http://127.0.0.1"

    def __init__(self, cases: list[PaymentCase], seed: int) -> None:
        at = f"{datetime.now().astimezone() - timedelta(days=1):%Y-%m-%dT12:00:00}"
        unit = {"sales_unit": {"msn": MSN, "market": "NO", **KEYS}}
        self.simulator = Simulator([unit, *(case.line(at) for case in cases)], seed=seed)
        self.simulator.set_settings(writes_per_minute=None, reads_per_minute=None)
        self.simulator.set_connection_error(httpx.ReadError)

    def now(self):
        """Return the simulator's time."""
        return self.simulator.now().replace(microsecond=0)

    def effects(self):
        """Return the operations that took effect."""
        return self.simulator.requests()["payments"].get(MSN, {})

    def payments(self):
        """Return all payments by reference."""
        lines = (line for line in self.simulator.state() if "payment" in line)
        return {line["payment"]["reference"]: line for line in lines}


def carry_out_once(workspace, plan, run, faults=None, transport=None):
    """Carry a plan out in one run and return the result, or None if the run crashed.

    Args:
        workspace: A workspace on an InProcess simulator.
        plan: A plan approved in the workspace.
        run: How the run goes.
        faults: Faults used instead of those of the run.
        transport: The transport used instead of an `InterruptingTransport`.
    """
    # If the database failed, the last carrier could not release the plan. End its lease here.
    workspace.sql("UPDATE carriers SET heartbeat_at = '2020-01-01T00:00:00.000Z'")
    in_process = workspace.simulator
    operations, share = list(MONEY_OPERATIONS), 0.5 / max(1, len(run.faults))
    drawn = [{"operations": operations, "share": share} | BRIEF[name] for name in run.faults]
    in_process.simulator.set_faults(drawn if faults is None else faults)
    settings = load_settings(
        folder=workspace.folder,
        environment="simulator",
        base_url=in_process.base_url,
        database_url=workspace.database_url,
        msn=MSN,
        **KEYS,
    )
    with (
        Client(
            settings, transport=transport or InterruptingTransport(in_process.simulator, run)
        ) as client,
        failing_commit(workspace.store, run),
    ):
        try:
            return carry_out(
                plan,
                client,
                live=True,
                confirm=plan.totals,
                store=workspace.store,
                in_flight=run.in_flight,
                patience=PATIENCE._replace(first_wait=0.005, longest_wait=0.02),
            )
        except (Crash, BaseExceptionGroup) as crash:
            crashes = crash.exceptions if isinstance(crash, BaseExceptionGroup) else [crash]
            if not all(isinstance(crash, Crash) for crash in crashes):
                raise
        except StoreError:
            if run.ends != "at a commit":
                raise
    return None


@contextlib.contextmanager
def failing_commit(store, run):
    """Make every commit fail, from the n-th one until the end of the run."""
    commits = 0

    def commit(connection):
        nonlocal commits
        commits += 1
        if commits >= run.nth:
            raise sqlite3.OperationalError("disk I/O error")

    if run.ends != "at a commit":
        yield
        return
    event.listen(store._engine, "commit", commit)
    try:
        yield
    finally:
        event.remove(store._engine, "commit", commit)
