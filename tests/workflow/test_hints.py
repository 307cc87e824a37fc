"""If a shop captures when an order is placed, a notice proposes the setting for it."""

from __future__ import annotations

import pytest

from tests.fetching.conftest import MSN
from tests.workflow.conftest import order, payment
from vippsrecon.config.settings import SalesUnit
from vippsrecon.workflow.reconcile_month import reconcile_month


def line(number, status="open"):
    """Return an order line of the export with a reference made from a number."""
    return order(f"order-{number:06d}", f"#{number}", status)


def paid(number, **moved):
    """Return the payment of that order."""
    return payment(f"order-{number:06d}", **moved)


@pytest.mark.parametrize(
    ("open_orders", "captured", "fulfilled", "capture", "message"),
    [
        pytest.param(20, 11, 0, "on_fulfilment", "11 of 20 open orders", id="most"),
        pytest.param(20, 10, 0, "on_fulfilment", None, id="half"),
        pytest.param(19, 19, 0, "on_fulfilment", None, id="too few to be a habit"),
        pytest.param(20, 8, 9, "on_fulfilment", None, id="those fulfilled do not count"),
        pytest.param(20, 20, 0, "at_once", None, id="set already"),
    ],
)
def test_capture_setting_is_proposed_if_most_open_orders_are_captured(
    make_inputs, open_orders, captured, fulfilled, capture, message
):
    """Without the setting, every open order of such a shop would be a discrepancy."""
    lines = [line(number) for number in range(open_orders)]
    lines += [line(number, "fulfilled") for number in range(open_orders, open_orders + fulfilled)]
    payments = [paid(number, captured=1000) for number in range(captured)]
    payments += [paid(number, released=1000) for number in range(captured, open_orders)]
    payments += [
        paid(number, captured=1000) for number in range(open_orders, open_orders + fulfilled)
    ]
    units = (SalesUnit(MSN, market="NO", capture=capture),)
    orders, settings, client, _ = make_inputs(lines, payments, units=units)

    result = reconcile_month([orders], settings, client=client)
    hints = [notice for notice in result.notices if 'capture = "at_once" for it' in notice]

    assert len(hints) == (message is not None)
    assert all(f"Sales unit {MSN}: {message} are captured" in notice for notice in hints)


def test_older_export_proposes_no_capture_setting(make_inputs, tmp_path):
    """The orders are open in last month's file, but this month's file shows them as sent."""
    numbers = range(20)
    newer, settings, client, _ = make_inputs(
        [line(number, "fulfilled") for number in numbers],
        [paid(number, captured=1000) for number in numbers],
    )
    older = tmp_path / "older.csv"
    older.write_text(newer.read_text().replace(",fulfilled,", ",open,"), encoding="utf-8")

    result = reconcile_month([older, newer], settings, client=client)

    assert set(result.buckets["kind"]) == {"", "superseded_row"}
    assert not [notice for notice in result.notices if "at_once" in notice]
