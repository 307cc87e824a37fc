"""Fixtures for the crash tests: a simulator, a fork server and databases."""

from __future__ import annotations

import itertools

import pytest

from tests.crash.carrier_processes import fork_server
from tests.crash.databases import DATABASES, sqlite
from tests.crash.simulator_process import run_simulator
from tests.crash.workspace import Workspace


@pytest.fixture(scope="session")
def begin():
    """Return a function that starts a carrier in its own process."""
    with fork_server() as begin:
        yield begin


@pytest.fixture(scope="session")
def shared_simulator(tmp_path_factory):
    """Run one simulator for all tests. Each test takes payments that no other test has used."""
    with run_simulator(tmp_path_factory.mktemp("simulator"), seed=7, payments=1000) as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator):
    """Return the simulator, with no delay and no faults at the beginning of each test."""
    _remove_faults(shared_simulator)
    yield shared_simulator
    _remove_faults(shared_simulator)


def _remove_faults(simulator):
    simulator.faults()
    simulator.settings(latency_ms=0, event_log_lag_ms=0, key_lifetime_seconds=86_400)


@pytest.fixture
def workspace_on(tmp_path, simulator, request):
    """Return a function that makes a workspace on a database of the given kind."""
    workspaces = []
    numbers = itertools.count()

    def make(kind):
        if kind == "sqlite":
            url = sqlite(tmp_path)
        else:
            url = request.getfixturevalue("postgres").database()
        workspaces.append(Workspace(tmp_path / f"{kind}-{next(numbers)}", url, simulator))
        return workspaces[-1]

    yield make
    for workspace in workspaces:
        workspace.close()


@pytest.fixture(params=DATABASES)
def workspace(request, workspace_on):
    """Return a workspace, once for each kind of database."""
    return workspace_on(request.param)
