"""Fixtures: a few orders, and their payments at a simulator that has no ledger."""

from __future__ import annotations

import pytest
import stamina

from tests.fetching.recording_transport import RecordingTransport
from tests.payments import make_history_line
from tests.simulator_settings import load_simulator_settings
from vippsrecon.api import Client
from vippsrecon.simulator import Simulator

HEAD = "reference,order_number,currency,total,refunded,status,paid,ordered_at,fulfilled_at"
MOMENTS = "2026-10-12T10:00:00Z,2026-10-13T10:00:00Z"
CLOCK = {"clock": "2026-11-05T12:00:00Z"}


def payment(reference, *, captured=0, refunded=0, released=0, aborted=False):
    """Return a state line that reserved what was captured and released, or reserved nothing."""
    reserved = captured + released
    steps = [("CREATED", max(reserved, 1000)), ("AUTHORIZED", reserved), ("CAPTURED", captured)]
    steps += [("CANCELLED", released), ("REFUNDED", refunded), ("ABORTED", 1000 if aborted else 0)]
    return make_history_line(
        reference,
        [(name, amount, f"2026-10-12T10:0{n}:00Z") for n, (name, amount) in enumerate(steps)],
        state="ABORTED" if aborted else "AUTHORIZED",
    )


@pytest.fixture
def no_waiting():
    """Remove the waits between attempts, and allow two attempts at most."""
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.fixture
def make_inputs(tmp_path):
    """Return `make_inputs(order lines, payments) -> (orders.csv, settings, client, transport)`."""
    opened = []

    def make(lines, payments, instead=None, **changed):
        path = tmp_path / "orders.csv"
        path.write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
        settings = load_simulator_settings(tmp_path, **changed)
        transport = RecordingTransport(Simulator([CLOCK, *payments]).app, instead)
        opened.append(Client(settings, transport=transport))
        return path, settings, opened[-1], transport

    yield make
    for client in opened:
        client.close()


def order(reference, number="#1", status="fulfilled", paid="yes", total="10.00", refunded="0.00"):
    """Return an order line of the export."""
    return f"{reference},{number},NOK,{total},{refunded},{status},{paid},{MOMENTS}"
