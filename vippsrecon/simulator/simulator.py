"""A stand-in for Vipps MobilePay: Access Token, ePayment and Report APIs on this machine.

It imports nothing of the rest of vippsrecon: a shared decoder would share its mistakes. Callers
reach it over loopback (`serve`, `run`) or in process, by wrapping `Simulator.app` in the ASGI
transport of their HTTP client.

>>> simulator = Simulator([{"clock": "2026-01-31T23:00:00Z"}])
>>> simulator.advance(3600)
>>> simulator.now().isoformat(timespec="minutes")
'2026-02-01T00:00+00:00'
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from vippsrecon.simulator import state_file
from vippsrecon.simulator.errors import SimulatorInputError
from vippsrecon.simulator.http.app import AsgiApp, Receive, Scope, Send, SimulatorApp
from vippsrecon.simulator.http.server import run_app, serve_app
from vippsrecon.simulator.payment_store import StateFile
from vippsrecon.simulator.world import World, create_world


class Simulator:
    """A simulated Vipps MobilePay with payments, ledgers, keys and a clock of its own.

    Args:
        lines: state lines, as objects or as JSON text. See `state_file.py` for their kinds.
        seed: of the dice that faults are drawn with.
        latency_ms: what every request takes at least, in milliseconds.
        faults: fault tables, as `read_faults` gives them.

    Raises:
        SimulatorInputError: a line or a fault is not what it has to be; names the line.
    """

    def __init__(
        self,
        lines: Iterable[dict[str, Any] | bytes | str] = (),
        *,
        seed: int = 0,
        latency_ms: int = 0,
        faults: Iterable[dict[str, Any]] = (),
    ) -> None:
        self.world = create_world(seed, faults, None)
        state_file.load_state_lines(self.world, lines)
        self._slow_down(latency_ms)

    def _slow_down(self, latency_ms: int) -> None:
        # After the lines: what the caller says counts more than what the file does.
        if latency_ms:
            self.set_settings(latency_ms=latency_ms)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        seed: int = 0,
        latency_ms: int = 0,
        faults: Iterable[dict[str, Any]] = (),
    ) -> Simulator:
        """Load a state file. Its lines are read again when asked for, so it has to stay.

        Raises:
            SimulatorInputError: the file cannot be read or a line is wrong; names both.
        """
        try:
            file = StateFile(Path(path))
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise SimulatorInputError(reason, file=str(path)) from error
        simulator = cls.__new__(cls)
        simulator.world = create_world(seed, faults, file)
        state_file.load_state_file(simulator.world)
        simulator._slow_down(latency_ms)
        return simulator

    @cached_property
    def app(self) -> SimulatorApp:
        """The ASGI application."""
        return SimulatorApp(self.world, _Control(self.world))

    def state(self) -> Iterator[dict[str, Any]]:
        """Write down what is there now: the lines of GET /_simulator/state."""
        return state_file.dump_state_lines(self.world)

    def requests(self) -> dict[str, Any]:
        """Return what was asked, and which operations took effect on which payment.

        `{"requests": {operation: count}, "faults": {kind: count}, "payments": {msn: {reference:
        {operation: {"count", "sum"}}}}}`, sums in minor units. A repeated request that got its
        first answer again did not take effect.
        """
        return self.world.counted()

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.world.clock.advance(seconds)

    def now(self) -> datetime:
        """Return the time by the simulator's clock, in UTC."""
        return self.world.clock.now()

    def set_settings(self, **settings: Any) -> None:
        """Change settings by name (see `settings.py`)."""
        with self.world.lock:
            self.world.settings.update(settings)

    def set_faults(self, faults: list[dict[str, Any]]) -> None:
        """Set these faults instead of those there are."""
        with self.world.lock:
            self.world.faults.replace(faults)

    def set_connection_error(self, error: Callable[[str], Exception]) -> None:
        """Say what a cut connection raises where the app is called in process.

        An HTTP client's own error, say `httpx.ReadError`, makes its ASGI transport look like
        a network that failed. Over a socket the connection is really cut.
        """
        self.app.connection_error = error


class _Control:
    """The control endpoints, made when first called: importing Starlette takes a while."""

    def __init__(self, world: World) -> None:
        self.world = world

    @cached_property
    def app(self) -> AsgiApp:
        from vippsrecon.simulator.http.control import create_control_app

        return create_control_app(self.world)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@contextlib.contextmanager
def serve(simulator: Simulator, *, port: int = 0) -> Iterator[str]:
    """Serve on loopback in a thread until the block ends.

    Yields:
        The base URL, `http://127.0.0.1:54321`. Port 0 takes any free one.
    """
    with serve_app(simulator.app, port) as url:
        yield url


def run(simulator: Simulator, *, port: int, started: Callable[[str], None] | None = None) -> None:
    """Serve on loopback until SIGTERM or SIGINT; prints nothing.

    Args:
        simulator: what is served.
        port: 0 takes any free one.
        started: called with the base URL once the port is bound.

    Raises:
        OSError: the port is taken.
    """
    run_app(simulator.app, port, started)
