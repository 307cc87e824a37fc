"""Serve the simulator over a socket, on loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from vippsrecon.simulator.http.app import CUT_STATE_KEY, AsgiApp

if TYPE_CHECKING:
    import uvicorn

LOOPBACK_HOST = "127.0.0.1"
_START_SECONDS = 10.0


def _make_protocol() -> type[asyncio.Protocol]:
    """Build a variant of uvicorn's HTTP protocol whose connections the app can cut.

    Each connection has a copy of the server's state in the scope of its requests; the function
    that cuts the connection is stored there.
    """
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Base
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol as Base  # type: ignore[assignment]  # the same interface

    class Cuttable(Base):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # the same signature as uvicorn's
            super().connection_made(transport)

            def cut(at_once: bool) -> None:
                # close() still sends what was written, so the client gets a truncated answer.
                transport.abort() if at_once else transport.close()

            self.app_state = {**self.app_state, CUT_STATE_KEY: cut}

    return Cuttable


def _create_server(app: AsgiApp) -> uvicorn.Server:
    import uvicorn

    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=_make_protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=75,
        )
    )


def _listen(port: int) -> socket.socket:
    # With TCP given, asyncio switches off Nagle's algorithm; otherwise every answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK_HOST, port))
        listener.listen(2048)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def get_base_url(listener: socket.socket) -> str:
    """Return the base URL of a listening socket."""
    return f"http://{LOOPBACK_HOST}:{listener.getsockname()[1]}"


@contextlib.contextmanager
def serve_app(app: AsgiApp, port: int) -> Iterator[str]:
    """Serve in a separate thread until the block ends; yields the base URL."""
    server = _create_server(app)
    with _listen(port) as listener:
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True
        )
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield get_base_url(listener)
        finally:
            server.should_exit = True
            thread.join(timeout=10)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    until = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > until:
            raise RuntimeError("the simulator did not start")
        time.sleep(0.005)


def run_app(app: AsgiApp, port: int, started: Callable[[str], None] | None) -> None:
    """Serve until SIGTERM or SIGINT, then return.

    uvicorn would raise the signal again after it stopped; a command that was asked to stop must
    end normally instead.
    """
    server = _create_server(app)

    def stop(*_: Any) -> None:
        server.should_exit = True

    with _listen(port) as listener:
        if started is not None:
            started(get_base_url(listener))
        previous = {sig: signal.signal(sig, stop) for sig in (signal.SIGINT, signal.SIGTERM)}
        # In a separate thread uvicorn does not handle signals.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(timeout=0.2)
        finally:
            server.should_exit = True
            thread.join(timeout=5)
            for sig, handler in previous.items():
                signal.signal(sig, handler)
