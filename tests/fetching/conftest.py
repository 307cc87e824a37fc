"""Provide a month of payments in the simulator, and clients that call it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina

from tests.payments import MSN, make_history_line
from tests.simulator_settings import load_simulator_settings
from vippsrecon.api import Client
from vippsrecon.config.settings import Settings
from vippsrecon.fetching import workers
from vippsrecon.simulator import Simulator, serve

OTHER_MSN = "654321"
CLOCK = "2026-01-31T12:00:00Z"


def make_payment_line(
    reference: str, *, msn: str = MSN, captured: int | None = None
) -> dict[str, Any]:
    """Return a state line: 1000 authorized and captured.

    `captured` changes the captured total only.
    """
    steps = [
        (name, 1000, f"2026-01-{10 + place}T23:30:00.5333258Z")
        for place, name in enumerate(("CREATED", "AUTHORIZED", "CAPTURED"))
    ]
    totals = {} if captured is None else {"captured": captured}
    return make_history_line(reference, steps, msn=msn, **totals)


def references(count: int) -> list[str]:
    """Return the references of this many payments, sorted."""
    return [f"order-{number:06d}" for number in range(count)]


@pytest.fixture
def settings(tmp_path_factory) -> Callable[..., Settings]:
    """Return a function that makes settings for the simulator; the default is one sales unit."""

    def make(**changed: Any) -> Settings:
        return load_simulator_settings(tmp_path_factory.mktemp("settings"), **changed)

    return make


@pytest.fixture
def opened(settings) -> Iterator[Callable[..., tuple[Client, Simulator]]]:
    """Return `opened(*lines, **settings) -> (client, simulator)`, in this process."""
    with contextlib.ExitStack() as stack:

        def make(*lines: dict[str, Any], clock: str = CLOCK, **changed: Any):
            simulator = Simulator([{"clock": clock}, *lines])
            simulator.set_connection_error(httpx.ReadError)
            transport = httpx.ASGITransport(app=simulator.app)
            return stack.enter_context(Client(settings(**changed), transport=transport)), simulator

        yield make


@pytest.fixture
def served(settings) -> Iterator[Callable[..., tuple[Client, Simulator, str]]]:
    """Return `served(*lines, **settings) -> (client, simulator, url)`, over a socket."""
    with contextlib.ExitStack() as stack:

        def make(*lines: dict[str, Any], clock: str = CLOCK, latency_ms: int = 0, **changed: Any):
            simulator = Simulator([{"clock": clock}, *lines], latency_ms=latency_ms)
            url = stack.enter_context(serve(simulator))
            client = stack.enter_context(Client(settings(base_url=url, **changed)))
            return client, simulator, url

        yield make


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch) -> None:
    """Read a payment that disagrees with its events again at once; the simulator has no delay."""
    monkeypatch.setattr(workers, "REREAD_PAUSES", (0.01, 0.01))


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """Remove the waits between attempts, and allow ten attempts at most."""
    with stamina.set_testing(True, attempts=10):
        yield


def count_payment_requests(simulator: Simulator) -> int:
    """Return how often a payment was requested from the simulator."""
    return simulator.requests()["requests"].get("getPayment", 0)


def read_files(folder: Path, *names: str) -> list[bytes]:
    """Return the bytes of these files."""
    return [(folder / name).read_bytes() for name in names]
