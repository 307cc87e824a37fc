"""Test references from the funds ledger: payments that the shop does not know."""

from __future__ import annotations

from datetime import date

import httpx
import pytest

from tests.fetching.conftest import MSN, OTHER_MSN, make_payment_line
from vippsrecon.api import Client
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import InputError, ServiceError
from vippsrecon.fetching import fetch, ledger_references

FIRST, LAST = date(2026, 1, 10), date(2026, 1, 12)


def ledger(ledger_id="302321", *handles):
    """Return the state line of a ledger that settles for these handles."""
    return {
        "ledger": {
            "ledgerId": ledger_id,
            "currency": "NOK",
            "payoutBankAccount": {"scheme": "BBAN:NO", "id": "86011117947"},
            "owner": {"scheme": "business:NO:ORG", "id": "987654321"},
            "settlesForRecipientHandles": list(handles or [f"api:{MSN}"]),
        }
    }


def entry(reference, day="2026-01-11", kind="capture", handle=f"api:{MSN}", ledger_id="302321"):
    """Return the state line of one entry of the funds ledger."""
    return {
        "ledgerId": ledger_id,
        "topic": "funds",
        "entry": {
            "pspReference": f"{reference}-{kind}-{day}",
            "time": f"{day}T10:00:00.000000Z",
            "ledgerDate": day,
            "entryType": kind,
            "reference": reference,
            "currency": "NOK",
            "amount": 100,
            "balanceBefore": 0,
            "balanceAfter": 100,
            "recipientHandle": handle,
        },
    }


def list_references(walk):
    """Return the payments that were found in the ledger."""
    return walk.references[["msn", "reference"]].values.tolist()


def test_captures_and_refunds_of_the_period_are_found_once(opened):
    """The first and the last day are included; a captured and refunded payment is one payment."""
    client, _ = opened(
        ledger(),
        entry("order-before", "2026-01-09"),
        entry("order-000001", "2026-01-10"),
        entry("order-000001", "2026-01-11", "refund"),
        entry("order-000002", "2026-01-12"),
        entry("order-after-1", "2026-01-13"),
        entry("", "2026-01-11", "payout-scheduled"),
        entry("order-000003", "2026-01-11", "correction"),
    )

    walk = ledger_references(client, FIRST, LAST)

    assert walk.read
    assert list_references(walk) == [[MSN, "order-000001"], [MSN, "order-000002"]]
    assert walk.references["discovered_by"].unique().tolist() == ["ledger"]
    assert walk.open_dates == ()


def test_payment_from_the_ledger_can_be_fetched(opened):
    """This is the purpose of the ledger: a payment that no order names can be fetched too."""
    client, _ = opened(ledger(), entry("order-000001"), make_payment_line("order-000001"))

    payments = fetch(ledger_references(client, FIRST, LAST).references, client).payments

    assert payments[["reference", "discovered_by"]].values.tolist() == [["order-000001", "ledger"]]


def test_open_ledger_date_is_read_and_named(opened):
    """A date can stay open for weeks, so it is read, but it is reported as not final."""
    client, _ = opened(ledger(), entry("order-000001", "2026-01-31"), clock="2026-01-31T12:00:00Z")

    walk = ledger_references(client, date(2026, 1, 30), date(2026, 1, 31))

    assert list_references(walk) == [[MSN, "order-000001"]]
    assert walk.open_dates == (date(2026, 1, 31),)
    assert "not final" in walk.notes[0]


def test_each_entry_goes_to_its_own_sales_unit(opened):
    """Older ledgers settle for several sales units; only configured ones can be requested."""
    client, _ = opened(
        ledger("302321", f"api:{MSN}", f"api:{OTHER_MSN}", "api:777777"),
        ledger("302322", f"api:{OTHER_MSN}"),
        entry("order-000001", handle=f"api:{MSN}"),
        entry("order-000002", handle=f"api:{OTHER_MSN}"),
        entry("order-000003", handle="api:777777"),
        entry("order-000004", handle="NO:57860"),
        entry("order-000005", handle=None),
        entry("order-000006", handle=None, ledger_id="302322"),
        units=(SalesUnit(MSN, market="NO"), SalesUnit(OTHER_MSN, market="NO")),
    )

    walk = ledger_references(client, FIRST, LAST)

    assert list_references(walk) == [
        [MSN, "order-000001"],
        [OTHER_MSN, "order-000002"],
        [OTHER_MSN, "order-000006"],
    ]
    assert [note.split(",")[0][:40] for note in walk.notes] == [
        "The ledger also holds payments of sales ",
        "2 ledger entries name no ePayment sales ",
    ]
    assert "777777" in walk.notes[0]


def test_ledger_is_read_for_chosen_sales_units(opened):
    """A month for one shop needs only the ledger of that shop."""
    client, _ = opened(
        ledger("302321", f"api:{MSN}"),
        ledger("302322", f"api:{OTHER_MSN}"),
        entry("order-000001"),
        entry("order-000002", handle=f"api:{OTHER_MSN}", ledger_id="302322"),
        units=(SalesUnit(MSN, market="NO"), SalesUnit(OTHER_MSN, market="NO")),
    )

    assert list_references(ledger_references(client, FIRST, LAST, [OTHER_MSN])) == [
        [OTHER_MSN, "order-000002"]
    ]


def test_missing_ledger_differs_from_an_empty_ledger(opened):
    """If no ledger was read, this does not show that there are no payments."""
    client, _ = opened()

    walk = ledger_references(client, FIRST, LAST)

    assert (walk.read, list_references(walk)) == (False, [])
    assert "No ledger settles" in walk.notes[0]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_ledger_without_permission_does_not_stop_the_month(settings, status):
    """Partner keys have no access: a note states this, and the orders are still reconciled."""
    transport = httpx.MockTransport(
        lambda request: (
            httpx.Response(200, json={"access_token": "t", "expires_in": "3600"})
            if "accesstoken" in request.url.path
            else httpx.Response(status, json={"code": "Unauthorized", "message": "no"})
        )
    )

    with Client(settings(), transport=transport) as client:
        walk = ledger_references(client, FIRST, LAST)

    assert (walk.read, len(walk.references)) == (False, 0)
    assert str(status) in walk.notes[0]


def test_test_environment_ledger_is_not_requested(settings):
    """The test environment has no Report API."""
    transport = httpx.MockTransport(lambda request: pytest.fail(f"asked {request.url.path}"))

    with Client(settings(environment="test", base_url=None), transport=transport) as client:
        walk = ledger_references(client, FIRST, LAST)

    assert not walk.read


def test_incomplete_ledger_raises(opened, no_waiting):
    """An incomplete ledger, taken as complete, would hide the payments it is read for."""
    client, simulator = opened(ledger(), entry("order-000001"))
    simulator.set_faults([{"operations": ["dates"], "share": 1, "status": 503}])

    with pytest.raises(ServiceError):
        ledger_references(client, FIRST, LAST)


@pytest.mark.parametrize(
    ("first", "last"), [(LAST, FIRST), (date(2000, 1, 1), LAST)], ids=["backwards", "too long"]
)
def test_impossible_period_is_refused(opened, first, last):
    """If day and month are exchanged, the period can be years long, with one call for each day."""
    client, _ = opened()

    with pytest.raises(InputError, match="cannot be read from"):
        ledger_references(client, first, last)
