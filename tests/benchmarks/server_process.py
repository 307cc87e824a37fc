"""Run a benchmark's server in a separate process, on its own core if there are two."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

HOST = "127.0.0.1"


async def serve_protocol(protocol: Callable[[], asyncio.Protocol]) -> None:
    """Serve a protocol on a free port, and print the port."""
    server = await asyncio.get_running_loop().create_server(protocol, HOST, 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextlib.contextmanager
def start_server(module: str, *options: str) -> Iterator[int]:
    """Start a module that calls `serve_protocol`, and yield the port."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--serve", *options], stdout=subprocess.PIPE
    )
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if len(cores) > 1:
        os.sched_setaffinity(process.pid, {cores[-1]})
        os.sched_setaffinity(0, set(cores[:-1]))
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        if len(cores) > 1:
            os.sched_setaffinity(0, set(cores))


async def measure_rate(
    tasks: Sequence[asyncio.Task[None]], count: Callable[[], int], seconds: float
) -> float:
    """Return how much `count()` grows per second while the tasks run; then cancel them."""
    await asyncio.sleep(min(0.5, seconds))
    before, since = count(), time.perf_counter()
    await asyncio.sleep(seconds)
    rate = (count() - before) / (time.perf_counter() - since)
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(ended, asyncio.CancelledError):
            raise RuntimeError("a reader failed") from ended
    return rate
