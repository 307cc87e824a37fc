"""If a shop captures when an order is placed, a notice proposes the setting for it."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import polars as pl
import pytest

from tests.fetching.conftest import MSN
from tests.workflow.conftest import order, payment
from vippsrecon.config.settings import SalesUnit
from vippsrecon.workflow.hints import unknown_refund_hints
from vippsrecon.workflow.reconcile_month import reconcile_month


def line(number, status="open"):
    """Return an order line of the export with a reference made from a number."""
    return order(f"order-{number:06d}", f"#{number}", status)


def paid(number, **moved):
    """Return the payment of that order."""
    return payment(f"order-{number:06d}", **moved)


@pytest.mark.ci
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


@pytest.mark.parametrize(
    ("saved", "hinted"),
    [
        pytest.param("2026-11-05T11:00:00+00:00", False, id="before the fetch"),
        pytest.param("2026-11-27T11:00:00+00:00", True, id="a copy, made later"),
    ],
)
def test_notice_if_the_time_of_a_file_is_later_than_the_fetch(make_inputs, saved, hinted):
    """A checkout or a copy changes the time of a file, and with it amounts at risk."""
    orders, settings, client, _ = make_inputs([line(1, "fulfilled")], [paid(1, captured=1000)])
    at = datetime.fromisoformat(saved).timestamp()
    os.utime(orders, (at, at))

    result = reconcile_month([orders], settings, client=client)

    later = [each for each in result.notices if "later than the fetch of the payments" in each]
    assert bool(later) is hinted
    assert all("2026-11-05 12:0" in each and "--exported-at" in each for each in later)


def test_notice_if_the_cutoff_is_later_than_the_fetch(make_inputs):
    """A typing error in --as-of would show every order as overdue."""
    orders, settings, client, _ = make_inputs([line(1, "fulfilled")], [paid(1, captured=1000)])

    late = reconcile_month(
        [orders], settings, client=client, as_of=datetime(2030, 1, 1, tzinfo=UTC)
    )
    now = reconcile_month([orders], settings, client=client)

    assert any("--as-of 2030-01-01 00:00 UTC is later than the fetch" in n for n in late.notices)
    assert not any("--as-of" in notice for notice in now.notices)


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


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("orders.csv", "orders.csv does not say what was refunded for 2 orders"),
        ("orders.xlsx", "Open the workbook in Excel and save it"),
    ],
)
def test_only_a_workbook_is_to_be_saved_in_excel(name, advice):
    """A formula without a value can only be in a workbook."""
    orders = pl.DataFrame({"source_file": [name] * 2, "refunded_minor": [None, None]})
    (hint,) = unknown_refund_hints(orders)
    assert advice in hint
    assert ("Excel" in hint) == name.endswith(".xlsx")
