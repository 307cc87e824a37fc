"""A month on disk, served on loopback, and the command line to work on it."""

from __future__ import annotations

import contextlib
import json
import shutil

import pytest
from typer.testing import CliRunner

from tests.bulk.world import CLOCK, line
from tests.cli.desks import MSN, Desk
from vippsrecon.cli import app
from vippsrecon.scenario import write_month
from vippsrecon.simulator import Simulator, serve

KEYS = {
    "VIPPS_CLIENT_ID": "scenario-client-123456",
    "VIPPS_CLIENT_SECRET": "scenario-secret-123456",
    "VIPPS_SUBSCRIPTION_KEY": "scenario-subscription-123456",
    "VIPPS_MSN": "123456",
}


@pytest.fixture(scope="session")
def month(tmp_path_factory):
    """A small month, the same for every test; nothing writes here."""
    folder = tmp_path_factory.mktemp("month")
    write_month(folder, payments=300, seed=7)
    return folder


@pytest.fixture(scope="session")
def base_url(month):
    """Where that month is served without faults."""
    with serve(Simulator.from_file(month / "simulator.jsonl")) as url:
        yield url


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def orders(month, folder):
    """The month's export in the working folder, with its time of export."""
    return shutil.copy2(month / "orders.csv", folder / "orders.csv")


@pytest.fixture
def run():
    """Run a command, and give its exit code and what it printed."""

    def run(*arguments, env=None, **settings):
        return CliRunner().invoke(app, [str(one) for one in arguments], env=env, **settings)

    return run


@pytest.fixture
def keys(monkeypatch, base_url):
    """The environment of a merchant whose Vipps MobilePay is the simulator."""
    monkeypatch.setenv("VIPPS_ENVIRONMENT", "simulator")
    monkeypatch.setenv("VIPPS_BASE_URL", base_url)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def served_with(month, keys):
    """Serve the month again, with faults, for this test only."""
    opened = []

    def start(*faults, **settings):
        simulator = Simulator.from_file(month / "simulator.jsonl", faults=faults, **settings)
        door = serve(simulator)
        keys.setenv("VIPPS_BASE_URL", door.__enter__())
        opened.append(door)
        return simulator

    yield start
    for door in opened:
        door.__exit__(None, None, None)


@pytest.fixture
def printed():
    """Read the one JSON object a command printed."""

    def read(done):
        return json.loads(done.stdout)

    return read


@pytest.fixture
def desk(run, folder, monkeypatch):
    """Return `desk(count, *lines)`: so many captured payments, and further state lines."""
    with contextlib.ExitStack() as stack:

        def make(count: int = 3, *lines) -> Desk:
            paid = [line(f"order-{n:06d}", captured=100_000) for n in range(1, count + 1)]
            busy = {"settings": {"writes_per_minute": None, "reads_per_minute": None}}
            simulator = Simulator([{"clock": CLOCK}, busy, *paid, *lines])
            monkeypatch.setenv("VIPPS_ENVIRONMENT", "simulator")
            monkeypatch.setenv("VIPPS_BASE_URL", stack.enter_context(serve(simulator)))
            for name in ("CLIENT_ID", "CLIENT_SECRET", "SUBSCRIPTION_KEY"):
                monkeypatch.setenv(f"VIPPS_{name}", name.lower())
            monkeypatch.setenv("VIPPS_MSN", MSN)
            return Desk(run, simulator, folder)

        yield make


@pytest.fixture
def ready(desk):
    """A desk with an approved plan of three refunds, 1 250.50 NOK in all."""
    here = desk(3)
    here.plan("1000.00", "250.00", "0.50")
    here.approve()
    return here
