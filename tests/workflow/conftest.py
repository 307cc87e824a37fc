"""Fixtures: a few orders, and their payments at a simulator that has no ledger."""

from __future__ import annotations

import pytest

from tests.fetching.recording_transport import Watched
from tests.payments import MSN, make_event, make_payment, make_state_line
from vippsrecon.api import Client
from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import SalesUnit
from vippsrecon.simulator import Simulator

HEAD = "reference,order_number,currency,total,refunded,status,paid,ordered_at,fulfilled_at"
MOMENTS = "2026-10-12T10:00:00Z,2026-10-13T10:00:00Z"
CLOCK = {"clock": "2026-11-05T12:00:00Z"}


def payment(reference, *, captured=0, released=0, aborted=False):
    """Return a state line that reserved what was captured and released, or reserved nothing."""
    reserved = captured + released
    moved = [("CREATED", max(reserved, 1000)), ("AUTHORIZED", reserved), ("CAPTURED", captured)]
    moved += [("CANCELLED", released), ("ABORTED", 1000 if aborted else 0)]
    names = [(name, amount) for name, amount in moved if amount]
    events = [
        make_event(reference, name, amount, f"2026-10-12T10:0{minute}:00Z")
        for minute, (name, amount) in enumerate(names)
    ]
    made = make_payment(
        reference,
        max(reserved, 1000),
        state="ABORTED" if aborted else "AUTHORIZED",
        authorized=reserved,
        captured=captured,
        cancelled=released,
    )
    return make_state_line(made, events)


@pytest.fixture
def world(tmp_path):
    """Return `world(order lines, payments) -> (orders.csv, settings, client, transport)`."""
    opened = []

    def make(lines, payments, instead=None, **changed):
        path = tmp_path / "orders.csv"
        path.write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
        settings = load_settings(
            folder=tmp_path,
            environment="simulator",
            base_url="http://127.0.0.1:9",
            client_id="invented",
            client_secret="invented",
            subscription_key="invented",
            msn=MSN,
            **{"units": (SalesUnit(MSN, market="NO"),)} | changed,
        )
        door = Watched(Simulator([CLOCK, *payments]).app, instead)
        opened.append(Client(settings, transport=door))
        return path, settings, opened[-1], door

    yield make
    for client in opened:
        client.close()


def order(reference, number="#1", status="fulfilled", paid="yes", total="10.00"):
    """Return an order line of the export."""
    return f"{reference},{number},NOK,{total},0.00,{status},{paid},{MOMENTS}"
