"""Fixtures: a month on disk, a local simulator that serves it, and the command line."""

from __future__ import annotations

import contextlib
import json
import shutil

import pytest
from typer.testing import CliRunner

from tests.bulk.simulated_account import CLOCK, make_payment_line
from tests.cli.refund_folder import MSN, RefundFolder
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
    """Return a small month, the same for every test; no test writes to it."""
    folder = tmp_path_factory.mktemp("month")
    write_month(folder, payments=200, seed=7)
    return folder


@pytest.fixture(scope="session")
def base_url(month):
    """Serve that month without faults, and yield the address."""
    with serve(Simulator.from_file(month / "simulator.jsonl")) as url:
        yield url


@pytest.fixture(scope="session")
def fetched(month, base_url, tmp_path_factory):
    """Fetch that month once, and return the folder; no test writes to it."""
    out = tmp_path_factory.mktemp("fetched") / "october"
    settings = {"VIPPS_ENVIRONMENT": "simulator", "VIPPS_BASE_URL": base_url, **KEYS}
    done = CliRunner().invoke(
        app, ["fetch", str(month / "orders.csv"), "--out", str(out)], env=settings
    )
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def orders(month, folder):
    """Copy the month's export, with its time of export, into the working folder."""
    return shutil.copy2(month / "orders.csv", folder / "orders.csv")


@pytest.fixture
def few_orders(orders):
    """Leave only the first orders in the export, for a test in which every payment is read."""
    lines = orders.read_text(encoding="utf-8").splitlines(keepends=True)
    orders.write_text("".join(lines[:20]), encoding="utf-8")
    return orders


@pytest.fixture
def run():
    """Return a function that runs a command and gives its exit code and output."""

    def run(*arguments, env=None, **settings):
        return CliRunner().invoke(
            app, [str(argument) for argument in arguments], env=env, **settings
        )

    return run


@pytest.fixture
def keys(monkeypatch, base_url):
    """Set the environment of a merchant who uses the simulator as Vipps MobilePay."""
    monkeypatch.setenv("VIPPS_ENVIRONMENT", "simulator")
    monkeypatch.setenv("VIPPS_BASE_URL", base_url)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def serve_with_faults(month, keys):
    """Return a function that serves the month with faults, for this test only."""
    opened = []

    def start(*faults, **settings):
        simulator = Simulator.from_file(month / "simulator.jsonl", faults=faults, **settings)
        server = serve(simulator)
        keys.setenv("VIPPS_BASE_URL", server.__enter__())
        opened.append(server)
        return simulator

    yield start
    for server in opened:
        server.__exit__(None, None, None)


@pytest.fixture
def read_json():
    """Return a function that reads the one JSON object a command printed."""

    def read(result):
        return json.loads(result.stdout)

    return read


@pytest.fixture
def make_refund_folder(run, folder, monkeypatch):
    """Return `make_refund_folder(count, *lines)`: a folder with `count` captured payments and more state lines."""
    with contextlib.ExitStack() as stack:

        def make(count: int = 3, *lines) -> RefundFolder:
            paid = [
                make_payment_line(f"order-{n:06d}", captured=100_000) for n in range(1, count + 1)
            ]
            busy = {"settings": {"writes_per_minute": None, "reads_per_minute": None}}
            simulator = Simulator([{"clock": CLOCK}, busy, *paid, *lines])
            monkeypatch.setenv("VIPPS_ENVIRONMENT", "simulator")
            monkeypatch.setenv("VIPPS_BASE_URL", stack.enter_context(serve(simulator)))
            for name in ("CLIENT_ID", "CLIENT_SECRET", "SUBSCRIPTION_KEY"):
                monkeypatch.setenv(f"VIPPS_{name}", name.lower())
            monkeypatch.setenv("VIPPS_MSN", MSN)
            return RefundFolder(run, simulator, folder)

        yield make


@pytest.fixture
def ready(make_refund_folder):
    """Return a folder with an approved plan of three refunds, 1 250.50 NOK in total."""
    refund_folder = make_refund_folder(3)
    refund_folder.plan("1000.00", "250.00", "0.50")
    refund_folder.approve()
    return refund_folder
