"""A simulator, a fork server and databases for carriers that are killed."""

from __future__ import annotations

import itertools

import pytest

from tests.crash.carrier_processes import fork_server
from tests.crash.checks import Workspace
from tests.crash.databases import DATABASES, sqlite
from tests.crash.world import simulated
from tests.postgres import binaries, running


@pytest.fixture(scope="session")
def begin():
    """Begin a carrier in a process of its own."""
    with fork_server() as begin:
        yield begin


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server."""
    if binaries() is None:
        pytest.skip("there are no PostgreSQL binaries here (Debian: postgresql)")
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def shared_world(tmp_path_factory):
    """One simulator for all tests: each takes payments nobody has touched yet."""
    with simulated(tmp_path_factory.mktemp("simulator"), seed=7, payments=1000) as world:
        yield world


@pytest.fixture
def world(shared_world):
    """The simulator, quick and without faults at the beginning of each test."""
    _calm(shared_world)
    yield shared_world
    _calm(shared_world)


def _calm(world):
    world.faults()
    world.settings(latency_ms=0, event_log_lag_ms=0, key_lifetime_seconds=86_400)


@pytest.fixture
def workspace_on(tmp_path, world, request):
    """Make a workspace on a database of this kind."""
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
    """A workspace on each kind of database."""
    return workspace_on(request.param)
