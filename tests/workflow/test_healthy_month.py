"""A month without errors: no shop's export may give a false alarm.

There are 400 orders of each shop: sent, returned, waiting, cancelled, tried again, paid by card. A
finance team that gets false alarms stops reading the reports.
"""

from __future__ import annotations

import pytest

from tests.fetching.recording_transport import RecordingTransport
from tests.simulator_settings import load_simulator_settings
from tests.workflow.healthy_sales import EXPORTED, MSN, state_lines
from tests.workflow.healthy_shops import SHOPS, make_sales
from vippsrecon.api import Client
from vippsrecon.config.settings import SalesUnit
from vippsrecon.simulator import Simulator
from vippsrecon.workflow.reconcile_month import reconcile_month

ORDERS = 400


def reconcile_sales(shop, sales, folder):
    """Write the shop's export, serve the payments, and compare."""
    path = folder / shop.file
    path.write_text(shop.write(sales), encoding="utf-8")
    capture = "at_once" if shop.at_once else "on_fulfilment"
    settings = load_simulator_settings(
        folder, msn=MSN, units=(SalesUnit(MSN, market="NO", currency="NOK", capture=capture),)
    )
    with Client(
        settings, transport=RecordingTransport(Simulator(state_lines(sales)).app)
    ) as client:
        return reconcile_month([path], settings, client=client, exported_at=EXPORTED)


def list_alarms(result):
    """Return the discrepancies that somebody has to look at: all but information."""
    columns = ["kind", "severity", "reference", "order_number", "at_risk_minor", "cause"]
    rows = result.discrepancies[columns].to_dict("records")
    return [row for row in rows if row["severity"] != "info"]


@pytest.mark.ci
@pytest.mark.parametrize("name", SHOPS)
def test_a_healthy_month_raises_no_alarm(name, tmp_path):
    """There is no discrepancy and no reject; the verdict is clean and the exit code is 0.

    An øre that Shopware's plugin left out is information: nobody has to do anything.
    """
    shop = SHOPS[name]
    result = reconcile_sales(shop, make_sales(shop, ORDERS, seed=7), tmp_path)

    assert list_alarms(result) == []
    information = result.discrepancies.loc[result.discrepancies["severity"] == "info"]
    assert set(information["kind"]) == ({"rounding_difference"} if name == "shopware" else set())
    assert set(information["at_risk_minor"]) <= {0}
    assert result.rejects.to_dict("records") == []
    assert len(result.orders) == ORDERS
    assert (result.verdict, result.exit_code) == ("clean", 0)
    buckets = result.buckets.groupby(["side", "bucket"]).size()
    assert buckets["orders", "matched"] > ORDERS // 2
    assert buckets["payments", "matched"] > ORDERS // 2


@pytest.mark.ci
@pytest.mark.parametrize("name", SHOPS)
def test_one_error_in_a_healthy_month_is_the_only_alarm(name, tmp_path):
    """One order of the same month is captured twice, and only this order is reported."""
    shop = SHOPS[name]
    sales = make_sales(shop, 40, seed=7)
    faulty = next(sale for sale in sales if sale.charged and sale.by_vipps and not sale.given_back)
    faulty.capture(faulty.charged)
    result = reconcile_sales(shop, sales, tmp_path)

    (alarm,) = list_alarms(result)
    assert alarm["reference"] == faulty.reference
    assert alarm["kind"] in {"duplicate_capture", "over_captured"}
    assert alarm["at_risk_minor"] == 2 * faulty.charged - faulty.total
    assert (result.verdict, result.exit_code) == ("discrepancies", 1)
