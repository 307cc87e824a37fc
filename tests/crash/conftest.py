"""Fixtures for the crash tests: a simulator, a fork server and databases."""

from __future__ import annotations

import itertools

import pytest

from tests.crash.carrier_processes import fork_server
from tests.crash.databases import DATABASES, sqlite
from tests.crash.simulator_process import simulated
from tests.crash.workspace import Workspace
from tests.postgres import binaries, running


@pytest.fixture(scope="session")
def begin():
    """Return a function that starts a carrier in its own process."""
    with fork_server() as begin:
        yield begin


@pytest.fixture(scope="session")
def postgres():
    """Run a PostgreSQL server."""
    if binaries() is None:
        pytest.skip("there are no PostgreSQL binaries here (Debian: postgresql)")
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def shared_world(tmp_path_factory):
    """Run one simulator for all tests. Each test takes payments that no other test has used."""
    with simulated(tmp_path_factory.mktemp("simulator"), seed=7, payments=1000) as world:
        yield world


@pytest.fixture
def world(shared_world):
    """Return the simulator, with no delay and no faults at the beginning of each test."""
    _calm(shared_world)
    yield shared_world
    _calm(shared_world)


def _calm(world):
    world.faults()
    world.settings(latency_ms=0, event_log_lag_ms=0, key_lifetime_seconds=86_400)


@pytest.fixture
def workspace_on(tmp_path, world, request):
    """Return a function that makes a workspace on a database of the given kind."""
    made = []
    numbers = itertools.count()

    def make(kind):
        if kind == "sqlite":
            url = sqlite(tmp_path)
        else:
            url = request.getfixturevalue("postgres").database()
        made.append(Workspace(tmp_path / f"{kind}-{next(numbers)}", url, world))
        return made[-1]

    yield make
    for workspace in made:
        workspace.close()


@pytest.fixture(params=DATABASES)
def workspace(request, workspace_on):
    """Return a workspace, once for each kind of database."""
    return workspace_on(request.param)
