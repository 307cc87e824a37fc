"""Simulate Vipps MobilePay: Access Token, ePayment and Report APIs on the local machine.

The simulator imports nothing from the rest of vippsrecon: a shared decoder would share its mistakes.
Callers use it over loopback (`serve`, `run`) or in process, by wrapping `Simulator.app` in the ASGI
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
from vippsrecon.simulator.payments.store import StateFile
from vippsrecon.simulator.world import World, create_world


class Simulator:
    """A simulated Vipps MobilePay with its own payments, ledgers, keys and clock.

    Args:
        lines: state lines, as objects or as JSON text. See `state_file.py` for their kinds.
        seed: seed of the random draws of faults.
        latency_ms: minimum duration of every request, in milliseconds.
        faults: fault tables, as `read_faults` returns them.

    Raises:
        SimulatorInputError: a line or a fault is not valid; the message names the line.
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
        self._set_latency(latency_ms)

    def _set_latency(self, latency_ms: int) -> None:
        # After the lines: the argument overrides the setting in the file.
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
        """Load a state file. Its lines are read again when needed, so do not remove it.

        Raises:
            SimulatorInputError: the file cannot be read or a line is not valid; the message names both.
        """
        try:
            file = StateFile(Path(path))
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise SimulatorInputError(reason, file=str(path)) from error
        simulator = cls.__new__(cls)
        simulator.world = create_world(seed, faults, file)
        state_file.load_state_file(simulator.world)
        simulator._set_latency(latency_ms)
        return simulator

    @cached_property
    def app(self) -> SimulatorApp:
        """The ASGI application."""
        return SimulatorApp(self.world, _LazyControlApp(self.world))

    def state(self) -> Iterator[dict[str, Any]]:
        """Yield the current state: the lines of GET /_simulator/state."""
        return state_file.dump_state_lines(self.world)

    def requests(self) -> dict[str, Any]:
        """Return the number of requests, and which operations took effect on which payment.

        `{"requests": {operation: count}, "faults": {kind: count}, "payments": {msn: {reference:
        {operation: {"count", "sum"}}}}}`, sums in minor units. A repeated request that gets
        its first answer again is not counted as an effect.
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
        """Replace all faults by these."""
        with self.world.lock:
            self.world.faults.replace(faults)

    def set_connection_error(self, error: Callable[[str], Exception]) -> None:
        """Set the exception for a cut connection when the app is called in process.

        With the HTTP client's own error, such as `httpx.ReadError`, its ASGI transport behaves
        like a network that failed. Over a socket the simulator really cuts the connection.
        """
        self.app.connection_error = error


class _LazyControlApp:
    """The control endpoints, created at the first call, because importing Starlette is slow."""

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
        The base URL, `http://127.0.0.1:54321`. Port 0 chooses a free port.
    """
    with serve_app(simulator.app, port) as url:
        yield url


def run(simulator: Simulator, *, port: int, started: Callable[[str], None] | None = None) -> None:
    """Serve on loopback until SIGTERM or SIGINT; prints nothing.

    Port 0 chooses a free port. `started` is called with the base URL when the port is bound.

    Raises:
        OSError: the port is in use.
    """
    run_app(simulator.app, port, started)
