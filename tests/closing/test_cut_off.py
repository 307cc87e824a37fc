"""The cut-off pack and the clearing account, to the minor unit."""

from __future__ import annotations

from datetime import date, time, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.closing.ledger_months import MSN, LedgerMonth, october
from tests.closing.test_vouchers import ENTRIES, make_month
from tests.hypothesis_sizes import draw_examples
from vippsrecon.closing import (
    build_cut_off,
    build_vouchers,
    number_vouchers,
    prove_clearing_account,
)
from vippsrecon.closing.balances import read_balances
from vippsrecon.closing.event_totals import use_accounting_days

OCTOBER_31 = date(2026, 10, 31)


def _lines(pack):
    return {row["line"]: (row["amount_minor"], row["proof"]) for row in pack.lines.to_dicts()}


def test_a_cut_off_between_payout_and_bank():
    """On 31 October both payouts are on their way, and the ledger is empty."""
    month = october()
    month.add(OCTOBER_31, "capture-fee", -260, "order-3", topic="fees")
    month.add_payment(date(2026, 11, 2), "REFUNDED", 5000, "order-1")
    month.add_event(date(2026, 10, 20), "AUTHORIZED", 9900, "order-9", "psp-9")
    pack = build_cut_off(OCTOBER_31, **month.inputs, events=month.event_frame)

    assert _lines(pack) == {
        "ledger_balance": (0, "proven"),
        "not_on_ledger": (0, "computed"),
        "in_transit": (138600 + 19802, "computed"),
        "fees_accrued": (-260, "proven"),
        "refunds_after_cut_off": (-5000, "computed"),
        "reservations": (9900, "computed"),
    }
    assert pack.lines.filter(pl.col("off_balance"))["line"].to_list() == ["reservations"]


def test_the_receivable_is_backed_by_its_entries():
    """On 1 November one capture is not paid out; before a payout all entries since the last one are."""
    pack = build_cut_off(date(2026, 11, 1), **october().inputs)

    assert _lines(pack)["ledger_balance"] == (30000, "proven")
    items = pack.items.filter(line="ledger_balance")
    assert items.select("item", "reference", "amount_minor").rows() == [
        ("capture", "order-4", 30000)
    ]


def test_what_was_not_given_is_not_zero():
    """Each line that lacks its input is empty and says so."""
    inputs = october().inputs
    pack = build_cut_off(
        OCTOBER_31, ledger_entries=inputs["ledger_entries"], payouts=inputs["payouts"]
    )

    assert {line for line, value in _lines(pack).items() if value == (None, "not_compared")} == {
        "not_on_ledger",
        "in_transit",
        "fees_accrued",
        "refunds_after_cut_off",
        "reservations",
    }


def test_a_statement_that_ends_early_proves_no_transit():
    """A payout may have arrived on a day that no statement covers."""
    pack = build_cut_off(OCTOBER_31, **october().inputs, bank_until=date(2026, 10, 30))

    assert _lines(pack)["in_transit"] == (None, "not_compared")


def test_a_file_without_balances_proves_nothing():
    """The opening balance is unknown, so the receivable is."""
    month = october()
    for entry in month.entries:
        entry["balance_before_minor"] = entry["balance_after_minor"] = None

    assert _lines(build_cut_off(OCTOBER_31, **month.inputs))["ledger_balance"] == (None, "unknown")


def test_a_missing_entry_contradicts_the_balance():
    """One capture of 30 October is not in the data: the stated balance stands, and is not proven."""
    month = october()
    del month.entries[1]

    assert _lines(build_cut_off(OCTOBER_31, **month.inputs))["ledger_balance"] == (
        0,
        "contradicted",
    )


def test_a_capture_that_is_booked_a_day_later_is_owed_on_the_cut_off():
    """Captured on the 31st, on the ledger of the 1st."""
    month = october()
    month.add_payment(OCTOBER_31, "CAPTURED", 4000, "order-5", booked=date(2026, 11, 1))
    pack = build_cut_off(OCTOBER_31, **month.inputs, events=month.event_frame)

    assert _lines(pack)["not_on_ledger"] == (4000, "computed")


def test_a_refund_beyond_the_money_of_the_cut_off_is_no_provision():
    """Half of the order was captured after the cut-off."""
    month = LedgerMonth()
    month.add_payment(OCTOBER_31, "CAPTURED", 3000, "order-1")
    month.add_payment(date(2026, 11, 1), "CAPTURED", 3000, "order-1")
    month.add_payment(date(2026, 11, 2), "REFUNDED", 2000, "order-1")
    month.add_payment(date(2026, 11, 3), "REFUNDED", 2000, "order-1")
    pack = build_cut_off(OCTOBER_31, events=month.event_frame)

    assert _lines(pack)["refunds_after_cut_off"] == (-3000, "computed")


def test_a_reservation_past_its_deadline_is_left_out():
    """In Denmark a reservation can be captured for 14 days."""
    month = LedgerMonth(currency="DKK")
    month.add_event(date(2026, 10, 16), "AUTHORIZED", 100, "order-1", "psp-1")
    month.add_event(date(2026, 10, 17), "AUTHORIZED", 200, "order-2", "psp-2")
    month.add_event(date(2026, 10, 17), "AUTHORIZED", 400, "order-3", "psp-3")
    month.add_event(date(2026, 10, 18), "CAPTURED", 400, "order-3", "psp-4")
    pack = build_cut_off(OCTOBER_31, events=month.event_frame)

    assert _lines(pack)["reservations"] == (200, "computed")


def test_an_aborted_payout_is_in_transit_until_it_comes_back():
    """Ordered on the 30th, returned to the ledger on the 2nd."""
    month = LedgerMonth()
    month.add(date(2026, 10, 30), "capture", 500)
    month.pay_out(date(2026, 10, 30))
    month.payouts[0]["status"] = "aborted"
    month.add(date(2026, 11, 2), "payout-aborted", 500)

    assert _lines(build_cut_off(OCTOBER_31, **month.inputs))["in_transit"] == (500, "computed")
    after = _lines(build_cut_off(date(2026, 11, 2), **month.inputs))
    assert (after["in_transit"][0], after["ledger_balance"]) == (0, (500, "proven"))


def test_the_clearing_account_is_itemised():
    """On 31 October it holds two payouts; on 3 November one payout and one capture."""
    inputs = october().inputs
    vouchers = number_vouchers(build_vouchers(**inputs))

    def items(at):
        proof = prove_clearing_account(vouchers, inputs["ledger_entries"], inputs["payouts"], at)
        return proof.select("item", "payout_number", "amount_minor", "account_minor").rows()

    assert items(OCTOBER_31) == [
        ("payout", "2000001", 138600, 158402),
        ("payout", "2000002", 19802, 158402),
    ]
    assert items(date(2026, 11, 3)) == [
        ("ledger_balance", None, 30000, 49802),
        ("payout", "2000002", 19802, 49802),
    ]


def test_a_clearing_account_that_is_zero_has_no_items():
    """Everything is paid out and in the bank."""
    month = LedgerMonth()
    month.add(OCTOBER_31, "capture", 500)
    month.pay_out(OCTOBER_31, date(2026, 11, 2))
    vouchers = build_vouchers(**month.inputs)
    inputs = month.inputs

    assert prove_clearing_account(
        vouchers, inputs["ledger_entries"], inputs["payouts"], date(2026, 11, 2)
    ).is_empty()


def test_a_missing_voucher_is_unexplained():
    """The sum of the items is the account's balance, whatever is wrong."""
    inputs = october().inputs
    vouchers = build_vouchers(**inputs).filter(pl.col("voucher_date") != OCTOBER_31)
    proof = prove_clearing_account(
        vouchers, inputs["ledger_entries"], inputs["payouts"], date(2026, 11, 3)
    )

    assert proof.filter(item="unexplained")["amount_minor"].to_list() == [-19802]


def test_a_voucher_of_a_closed_month_explains_what_the_books_lack():
    """Nothing is written into a closed month, so the account is without it, and says so."""
    inputs = october().inputs
    vouchers = number_vouchers(build_vouchers(**inputs), closed_months=["2026-10"])
    proof = prove_clearing_account(
        vouchers, inputs["ledger_entries"], inputs["payouts"], OCTOBER_31
    )

    assert set(proof["account_minor"]) == {0}
    assert proof.select("item", "amount_minor").rows() == [
        ("payout", 138600),
        ("payout", 19802),
        ("blocked", -158402),
    ]


@given(ENTRIES, st.integers(0, 45), st.randoms())
@draw_examples(10)
def test_receivable_and_clearing_account_foot(drawn, days, random):
    """The receivable is opening plus movement, and the account is the ledger and the payouts on their way."""
    month = make_month(drawn)
    at = date(2026, 10, 1) + timedelta(days)
    inputs = month.inputs
    pack = build_cut_off(at, **inputs)
    proof = prove_clearing_account(
        build_vouchers(**inputs), inputs["ledger_entries"], inputs["payouts"], at
    )
    for rows in (month.entries, month.payouts, month.bank, month.matches):
        random.shuffle(rows)
    shuffled = build_cut_off(at, **month.inputs)

    until = sum(e["amount_minor"] for e in month.entries if e["ledger_date"] <= at)
    if month.entries:
        assert _lines(pack)["ledger_balance"][0] == 700 + until
        assert _lines(pack)["ledger_balance"][1] in ("proven", "computed")
    items = pack.items.group_by("line").agg(pl.col("amount_minor").sum())
    totals = pack.lines.filter(pl.col("amount_minor").fill_null(0) != 0)
    assert dict(items.filter(pl.col("amount_minor") != 0).iter_rows()) == dict(
        totals.select("line", "amount_minor").iter_rows()
    )
    assert proof.filter(item="unexplained").is_empty()
    assert set(proof["account_minor"]) <= {proof["amount_minor"].sum()}
    assert shuffled.lines.equals(pack.lines)
    assert shuffled.items.equals(pack.items)
    assert set(pack.lines["msn"]) <= {MSN}


@pytest.mark.parametrize("topic", ["funds", "fees"])
def test_a_day_that_ends_as_it_began_begins_where_its_last_entry_ends(topic):
    """A file with days only: nothing but the payout, or the retained fee, says where the day begins."""
    month = LedgerMonth(opening=0)
    if topic == "funds":
        month.add(OCTOBER_31, "capture", 500)
        month.pay_out(OCTOBER_31)
    else:
        month.add(OCTOBER_31, "capture-fee", -500, topic="fees")
        month.add(OCTOBER_31, "fees-retained", 500, topic="fees")
    month.entries.reverse()
    for entry in month.entries:
        entry["entry_at"] = None
    [balance] = read_balances(month.inputs["ledger_entries"], OCTOBER_31)

    assert (balance.opening_minor, balance.balance_minor, balance.proof) == (0, 0, "proven")


def test_accounting_day_that_ends_after_midnight_decides_what_the_ledger_lacks():
    """Until 04:00 a capture is of the day before: also on the first day of the ledger."""
    month = LedgerMonth()
    first, last = date(2026, 10, 1), OCTOBER_31
    month.add(first, "capture", 1000, "order-1")
    month.add_event(first, "CAPTURED", 500, "before", "early")
    month.add_event(date(2026, 11, 1), "CAPTURED", 700, "after", "late")
    night = (
        pl.datetime(2026, 10, 1, 1, time_zone="UTC"),
        pl.datetime(2026, 11, 1, 2, time_zone="UTC"),
    )
    events = month.event_frame.with_columns(
        event_at=pl.when(pl.col("reference") == "before").then(night[0]).otherwise(night[1])
    )
    until_four = use_accounting_days(events, {MSN: ("Europe/Oslo", time(4))})

    for frame, missing in ((events, ["before"]), (until_four, ["after"])):
        items = build_cut_off(last, **month.inputs, events=frame).items
        assert items.filter(line="not_on_ledger")["reference"].to_list() == missing
    other = use_accounting_days(events, {"999999": ("Europe/Oslo", time(4))})
    assert other.equals(events)
