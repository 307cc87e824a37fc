"""Ledgers, payouts and bank agree with the payments and each other, but for what is planted."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from vippsrecon.api import Client
from vippsrecon.notebook.session import serve_scenario
from vippsrecon.scenario import JANUARY_2027, OCTOBER_2026, SHOPS, write_month

from .conftest import read
from .oracle import (
    find_in_bank,
    find_in_ledgers,
    find_in_payouts,
    list_payouts,
    read_bank,
    read_planted,
    read_settlement,
)

KINDS = {
    "payment_ledger": {
        "balance_chain_break",
        "capture_not_on_ledger",
        "dispute_retained",
        "dispute_returned",
        "fee_missing",
        "fee_variance",
        "ledger_amount_difference",
        "ledger_without_event",
        "manual_correction",
        "refund_not_on_ledger",
        "timing_fee_late",
        "timing_not_on_ledger",
        "unknown_entry_type",
    },
    "ledger_payout": {
        "negative_balance_carried",
        "payout_aborted",
        "payout_account_changed",
        "payout_number_gap",
    },
    "payout_bank": {
        "bank_credit_unexplained",
        "payout_amount_difference",
        "payout_not_in_bank",
        "timing_payout_in_transit",
    },
}


def write_and_read(folder, shop, **arguments):
    """Write a month and read it."""
    write_month(folder, shop=shop, **arguments)
    return read(folder, shop)


def find_all(month):
    """Return what the oracle finds."""
    return sorted([*find_in_ledgers(month), *find_in_payouts(month), *find_in_bank(month)])


def count_kinds(month):
    """Return the planted kinds of each leg."""
    kinds = {leg: set() for leg in KINDS}
    for found in read_planted(month):
        kinds[found.leg].add(found.kind)
    return kinds


def test_all_that_is_wrong_in_a_month_is_in_the_truth(month):
    """The oracle shares no rule with the scenario, and finds the same to the minor unit."""
    assert find_all(month) == read_planted(month)
    assert count_kinds(month) == KINDS


@draw_examples(12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shop=st.sampled_from(sorted(SHOPS)),
    currency=st.sampled_from(["NOK", "DKK", "EUR"]),
    when=st.sampled_from([OCTOBER_2026, JANUARY_2027]),
)
def test_every_seed_shop_and_market_has_every_kind(tmp_path_factory, seed, shop, currency, when):
    """A month of 200 payments holds every kind, and nothing else is wrong."""
    folder = tmp_path_factory.mktemp("month")
    month = write_and_read(folder, shop, payments=200, seed=seed, currency=currency, month=when)

    assert find_all(month) == read_planted(month)
    assert count_kinds(month) == KINDS


@pytest.mark.parametrize("payments", [1, 50, 199])
def test_in_a_small_month_nothing_is_planted(tmp_path, payments):
    """Payouts are in transit, and a day may end below zero by itself."""
    kinds = count_kinds(write_and_read(tmp_path, "plain", payments=payments))

    assert kinds["payment_ledger"] == set()
    assert kinds["ledger_payout"] <= {"negative_balance_carried"}
    assert kinds["payout_bank"] <= {"timing_payout_in_transit"}


def test_of_several_sales_units_only_the_first_has_what_is_planted(tmp_path):
    """The ledgers of the others prove complete."""
    month = write_and_read(
        tmp_path, "plain", payments=900, sales_units=3, currencies=("NOK", "DKK", "EUR")
    )
    by_itself = {"negative_balance_carried", "timing_payout_in_transit"}
    planted = {
        row["msn"]
        for row in month.truth
        if row["leg"] != "order_payment" and row["kind"] not in by_itself
    }

    assert planted == {"123456"}


def test_the_settlement_report_is_the_funds_ledger(month):
    """A merchant without keys has the same month; a fee that came late is on the row of its capture."""
    topics = {topic: entries for (_, topic), entries in month.entries.items()}
    rows = read_settlement(month)
    fees = Counter()
    for entry in topics["fees"]:
        if entry["entryType"] == "capture-fee":
            fees[entry["pspReference"]] += entry["amount"]
    shown = Counter()
    for row in rows:
        shown[row["PSP-referanse"]] += int(Decimal(row["Gebyr"]) * 100)

    assert [
        (row["PSP-referanse"], Decimal(row["Beløp"]) * 100, Decimal(row["Balanse"]) * 100)
        for row in rows
    ] == [(e["pspReference"], e["amount"], e["balanceAfter"]) for e in topics["funds"]]
    assert {psp: fee for psp, fee in shown.items() if fee} == fees


def test_fees_that_are_retained_are_the_fees_of_the_captures(month):
    """Both topics have the retention, with opposite signs."""
    topics = {topic: entries for (_, topic), entries in month.entries.items()}
    retained = {
        topic: sum(e["amount"] for e in entries if e["entryType"] == "fees-retained")
        for topic, entries in topics.items()
    }
    charged = sum(e["amount"] for e in topics["fees"] if e["entryType"] == "capture-fee")

    assert retained["funds"] == charged == -retained["fees"]


def test_a_fee_may_come_two_days_after_its_capture(month):
    """It is late, and it came, so nothing is reported of it."""
    topics = {topic: entries for (_, topic), entries in month.entries.items()}
    captured = {
        entry["pspReference"]: entry["ledgerDate"]
        for entry in topics["funds"]
        if entry["entryType"] == "capture"
    }
    late = [
        entry["reference"]
        for entry in topics["fees"]
        if entry["entryType"] == "capture-fee"
        and entry["ledgerDate"] != captured[entry["pspReference"]]
    ]

    assert len(late) == 1
    assert not set(late) & {found.reference for found in read_planted(month)}


def test_payouts_sum_to_what_was_sold_and_kept(month):
    """What was not paid out is the balance of the ledger, with the entry that is missing."""
    (funds,) = (entries for (_, topic), entries in month.entries.items() if topic == "funds")
    missing = sum(
        found.at_risk for found in read_planted(month) if found.kind == "balance_chain_break"
    )

    assert sum(entry["amount"] for entry in funds) + missing == funds[-1]["balanceAfter"]
    assert len(list_payouts(month)) > 20


def test_the_bank_books_some_payouts_otherwise(month):
    """Two payouts in one credit, one in two, and one that is first announced, then booked."""
    texts = {entry["reference"] for entry in list_payouts(month).values()}
    entries = read_bank(month)
    booked = Counter(entry.text for entry in entries if entry.booked)
    announced = [entry.text for entry in entries if not entry.booked]

    assert [text for text, count in booked.items() if count == 2] != []
    assert booked["Samlet overførsel"] == 1
    assert [booked[text] for text in announced] == [1, 0]
    assert set(announced) <= texts


def test_payments_lie_on_both_sides_of_the_end_of_the_month(month):
    """Reserved in October and captured in November; captured in October and refunded in November."""
    days = {
        reference: {event["name"]: event["timestamp"][:10] for event in log if event["success"]}
        for reference, log in month.events.items()
    }
    straddlers = Counter(
        (before, after)
        for found in days.values()
        for before, after in (("AUTHORIZED", "CAPTURED"), ("CAPTURED", "REFUNDED"))
        if found.get(before, "2026-11") < "2026-11" <= found.get(after, "")
    )

    assert straddlers["AUTHORIZED", "CAPTURED"]
    assert straddlers["CAPTURED", "REFUNDED"] or month.shop == "shopware"


@pytest.mark.parametrize("currency", ["DKK", "EUR"])
def test_in_january_2027_mobilepay_becomes_vipps(tmp_path, currency):
    """Export, settlement report and bank statement have both names; no payout waits for New Year."""
    month = write_and_read(tmp_path, "plain", payments=300, currency=currency, month=JANUARY_2027)
    orders = {(row["payment_method"], row["ordered_at"] >= "2027-01-12") for row in month.orders}
    settled = {
        (row["Payment solution"], row["Booking date"] >= "2027-01-12")
        for row in read_settlement(month)
    }
    payers = {entry.payer for entry in read_bank(month)}

    names = {("MobilePay", False), ("Vipps", True)}
    assert orders - {("Klarna", False), ("Klarna", True), ("Kort", False), ("Kort", True)} == names
    assert settled == names
    assert {"MobilePay A/S", "Vipps A/S"} <= payers
    assert (tmp_path / "orders.csv").stat().st_mtime == JANUARY_2027.exported_at


def test_norwegian_sales_are_vipps_before_and_after(tmp_path):
    """Nothing changes its name in Norway."""
    month = write_and_read(tmp_path, "plain", payments=300, month=JANUARY_2027)

    assert {row["payment_method"] for row in month.orders} <= {"Vipps", "Klarna", "Kort"}
    assert min(row["ordered_at"] for row in month.orders) < "2027-01-12"


@pytest.mark.parametrize("topic", ["funds", "fees"])
def test_the_simulator_serves_the_same_ledger(tmp_path, topic):
    """By date and as a feed; the day of the export is open, those before it are final."""
    month = write_and_read(tmp_path, "plain", payments=200)
    entries = month.entries["302321", topic]
    days = [date(2026, 10, 1) + timedelta(days=number) for number in range(36)]
    with serve_scenario(tmp_path) as settings, Client(settings) as client:
        by_date = {day: client.ledger_date("302321", topic, day) for day in days}
        page = client.feed("302321", topic)
        fed = list(page.entries)
        while not page.try_later:
            page = client.feed("302321", topic, page.cursor)
            fed += page.entries
    served = [entry for day in days for entry in by_date[day].entries]
    facts = [(e["pspReference"], e["entryType"], e["amount"], e["balanceBefore"]) for e in entries]

    assert facts == [
        (e.psp_reference, e.entry_type, e.amount_minor, e.balance_before_minor) for e in served
    ]
    assert fed == served
    assert [day for day in days if not by_date[day].final] == [date(2026, 11, 5)]
