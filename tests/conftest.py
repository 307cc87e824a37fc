"""Set the conditions of every test: only loopback connections, and no keys of the user."""

from __future__ import annotations

import functools
import gc
import os
import socket
from pathlib import Path

import pytest
import typer.testing
from hypothesis import HealthCheck, settings

from tests.postgres import binaries, running

# `pytest --hypothesis-profile=nightly` draws more examples: see tests/hypothesis_sizes.py.
for name in ("default", "nightly"):
    settings.register_profile(
        name,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
settings.load_profile("default")

# The commands that tests start keep their bytecode: compiling the package each time would take a
# third of a command's time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Polars wakes its threads for each of the many small frames: a tenth of the tests' CPU time. The
# tests with the lowest versions and the nightly ones use several (.ci/run), as users do.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

# Building the commands takes 40 ms, as long as most commands take: built once, not each time.
typer.testing._get_command = functools.cache(typer.testing._get_command)


def pytest_xdist_auto_num_workers() -> int | None:
    """Run one process more than there are cores: tests wait a third of the time for programs."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else None


def pytest_collection_finish() -> None:
    """Let garbage collection pass over modules and tests, a million objects, and run less often.

    It took an eighth of the tests' CPU time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


LOOPBACK = ("127.0.0.1", "::1", "localhost")


@pytest.fixture(autouse=True)
def no_keys_of_whoever_runs_it(monkeypatch, tmp_path_factory):
    """Remove the user's own settings: a test must not pass because of them."""
    for name in list(os.environ):
        if name.startswith(("VIPPS_", "VIPPSRECON_")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def no_network():
    """Refuse every address outside this machine before any data is sent."""
    connect = socket.socket.connect

    def refuse(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise AssertionError(f"a test tried to reach {address}")
        return connect(self, address)

    socket.socket.connect = refuse
    yield
    socket.socket.connect = connect


@pytest.fixture(scope="session")
def postgres():
    """Return a PostgreSQL server, one per test process. Each test has its own database in it."""
    if binaries() is None:
        pytest.skip("PostgreSQL's programs are not installed (Debian: apt-get install postgresql)")
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def root():
    """Return the project's folder."""
    return Path(__file__).parent.parent
