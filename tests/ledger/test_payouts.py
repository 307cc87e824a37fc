"""Test payouts derived from ledger entries."""

from __future__ import annotations

from datetime import date

import pytest

from tests.ledger.entry_frames import LEDGER, make_entry, make_frame, make_payout
from vippsrecon import schemas
from vippsrecon.config.settings import SalesUnit
from vippsrecon.ledger.payouts import derive_payouts


def test_payout_has_number_amount_day_and_text():
    """A payout is negative on the ledger and positive on the bank account."""
    payouts = derive_payouts(
        make_frame(make_entry("capture", 900, 0), make_payout(2000001, 900)),
        accounts={LEDGER: "NO9386011117947"},
    )

    [payout] = payouts.rows(named=True)
    assert payout["payout_number"] == "2000001"
    assert payout["amount_minor"] == 900
    assert payout["expected_bank_date"] == date(2026, 10, 6)
    assert (payout["status"], payout["account"]) == ("scheduled", "NO9386011117947")
    assert payout["bank_text"] == "Utb. 2000001 Vippsnr 123456"


def test_payout_may_have_its_old_name():
    """The Report API named it otherwise in 2023; a frame of that time has the old name."""
    old = make_frame(make_payout(2000001, 900) | {"entry_type": "scheduled-for-payout"})

    assert derive_payouts(old).equals(derive_payouts(make_frame(make_payout(2000001, 900))))


def test_only_the_newest_payout_of_a_ledger_has_its_account():
    """The Report API states the account of today; an account that was changed is not of all payouts."""
    payouts = derive_payouts(
        make_frame(make_payout(2000001, 900), make_payout(2000002, 400)),
        accounts={LEDGER: "NO9386011117947"},
    )

    assert payouts["account"].to_list() == [None, "NO9386011117947"]


@pytest.mark.parametrize(
    ("currency", "market", "expected"),
    [("NOK", None, 6), ("DKK", None, 5), ("EUR", None, 5), ("EUR", "NO", 6)],
)
def test_bank_days_are_those_of_the_market(currency, market, expected):
    """The market of the sales unit decides; where it is not configured, the currency's."""
    payouts = derive_payouts(
        make_frame(make_payout(2000001, 900, currency=currency)),
        units=[SalesUnit("123456", market=market)],
    )

    assert payouts["expected_bank_date"].to_list() == [date(2026, 10, expected)]


@pytest.mark.parametrize(
    "psp_reference",
    [pytest.param(f"{LEDGER}-2000002", id="its number"), pytest.param("01JB", id="its amount")],
)
def test_aborted_payout_is_one_row(psp_reference):
    """The bank never gets it, and the other payouts of the ledger are not affected."""
    payouts = derive_payouts(
        make_frame(
            make_payout(2000001, 500),
            make_payout(2000002, 900),
            make_payout(2000003, 400),
            make_entry("payout-aborted", 900, 0, psp_reference=psp_reference),
        )
    )

    assert payouts.select("payout_number", "amount_minor", "status").rows() == [
        ("2000001", 500, "scheduled"),
        ("2000002", 900, "aborted"),
        ("2000003", 400, "scheduled"),
    ]


def test_two_aborted_payouts_of_one_amount_take_back_two_payouts():
    """Each entry takes back one payout, the latest first."""
    payouts = derive_payouts(
        make_frame(
            *(make_payout(2000001 + number, 900) for number in range(3)),
            *(make_entry("payout-aborted", 900, 0, psp_reference=f"ulid-{n}") for n in range(2)),
        )
    )

    assert payouts["status"].to_list() == ["scheduled", "aborted", "aborted"]


def test_payout_of_an_earlier_period_that_is_aborted_now_has_a_row():
    """Its money came back to the ledger in this period, so it must not be lost."""
    payouts = derive_payouts(
        make_frame(make_entry("payout-aborted", 900, 0, psp_reference=f"{LEDGER}-1999999"))
    )

    assert payouts.select("payout_number", "amount_minor", "status").rows() == [
        ("1999999", 900, "aborted")
    ]


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        ({"psp_reference": "01JB", "reference": "Utb. 2000007 Vippsnr 1"}, "2000007"),
        ({"psp_reference": "01JB", "reference": "02001234560010402244"}, "01JB"),
        ({"psp_reference": None, "reference": None}, "20261001"),
        ({"psp_reference": "999999-2000001", "reference": None}, "999999-2000001"),
    ],
)
def test_number_without_the_usual_reference(changed, number):
    """Two payouts without a number must still be told apart."""
    payouts = derive_payouts(make_frame(make_payout(1, 900) | changed))

    assert payouts["payout_number"].to_list() == [number]


def test_entries_of_other_types_are_no_payouts():
    """Nothing is paid out by a capture, a fee or the fees ledger."""
    payouts = derive_payouts(
        make_frame(
            make_entry("capture", 900, 0),
            make_entry("fees-retained", -9, 900),
            make_payout(2000001, 891, topic="fees"),
        )
    )

    assert len(payouts) == 0
    assert tuple(payouts.columns) == schemas.PAYOUTS.names


def test_pandas_entries_are_taken_too():
    """A notebook has pandas frames."""
    entries = schemas.to_pandas(make_frame(make_payout(2000001, 900)))

    assert derive_payouts(entries)["amount_minor"].to_list() == [900]
