"""Vouchers balance, sum to the ledger's movement, and are numbered for good."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.closing.ledger_months import LEDGER, MSN, LedgerMonth, october
from tests.hypothesis_sizes import draw_examples
from vippsrecon.closing import build_vouchers, number_vouchers, select_unwritten
from vippsrecon.config.vouchers import Accounts, VoucherSettings
from vippsrecon.errors import ClosedPeriodError, InputError

FRIDAY = date(2026, 10, 30)
DAY = f"VM-{LEDGER}-{MSN}-20261030"


def _sums(vouchers):
    return {
        (number, role): amount
        for number, role, amount in vouchers.group_by("voucher_number", "role")
        .agg(pl.col("amount_minor").sum())
        .iter_rows()
    }


def test_a_day_is_sales_gross_refunds_and_fees():
    """Worked by hand: 1,500.00 captured, 100.00 refunded, 14.00 fee."""
    sums = _sums(build_vouchers(**october().inputs))

    assert {role: amount for (number, role), amount in sums.items() if number == DAY} == {
        "sales": -150000,
        "refunds": 10000,
        "fees": 1400,
        "clearing": 138600,
    }


def test_a_payout_is_booked_when_the_bank_books_it():
    """The first payout, 1,386.00, is in the bank on 3 November; the second is not."""
    receipts = build_vouchers(**october().inputs).filter(pl.col("kind") == "receipt")

    assert receipts.select("voucher_date", "role", "amount_minor").rows() == [
        (date(2026, 11, 3), "clearing", -138600),
        (date(2026, 11, 3), "bank", 138600),
    ]


@pytest.mark.parametrize(("on", "count"), [("bank_date", 0), ("never", 0), ("ledger_date", 2)])
def test_without_a_statement_a_payout_is_booked_only_if_the_settings_say_so(on, count):
    """Unknown is not zero: without the bank nothing shows that the money arrived."""
    inputs = october().inputs | {"bank_lines": None, "payout_matches": None}
    vouchers = build_vouchers(**inputs, settings=VoucherSettings(payouts_on=on))

    assert vouchers.filter(kind="receipt")["voucher_number"].n_unique() == count


def test_a_payout_has_the_number_that_its_entry_states():
    """Two payouts of one amount on one day are two; an older entry has its number only in its text."""
    month = LedgerMonth()
    month.add(FRIDAY, "capture", 1000)
    first, second = (month.pay_out(FRIDAY, amount=500) for _ in range(2))
    month.add(FRIDAY, "capture", 300)
    third = month.pay_out(FRIDAY)
    month.entries[-1]["psp_reference"] = "e2b7c1d0"
    month.payouts.pop()
    vouchers = build_vouchers(**month.inputs, settings=VoucherSettings(payouts_on="ledger_date"))

    receipts = vouchers.filter(kind="receipt", role="bank")
    assert receipts.select("payout_number", "amount_minor").rows() == [
        (first, 500),
        (second, 500),
        (third, 300),
    ]


def test_a_proposed_match_books_nothing():
    """A person must confirm it."""
    month = LedgerMonth()
    month.add(FRIDAY, "capture", 500)
    month.book(month.pay_out(FRIDAY), FRIDAY, 500, proposed=True)

    assert build_vouchers(**month.inputs)["kind"].unique().to_list() == ["day"]


def test_one_credit_for_two_payouts_is_shared():
    """Each payout has its own amount; the sum is the bank line's."""
    month = LedgerMonth()
    month.add(FRIDAY, "capture", 500)
    first = month.pay_out(FRIDAY)
    month.add(FRIDAY + timedelta(1), "capture", 300)
    second = month.pay_out(FRIDAY + timedelta(1))
    month.book(first, date(2026, 11, 4), 800)
    month.matches.append({**month.matches[0], "payout_number": second})
    receipts = build_vouchers(**month.inputs).filter(kind="receipt", role="bank")

    assert receipts.select("payout_number", "amount_minor").rows() == [(first, 500), (second, 300)]


def test_a_payout_voucher_ends_with_the_month():
    """What is captured in October is booked in October, also if November pays it out."""
    month = LedgerMonth()
    month.add(date(2026, 10, 31), "capture", 500)
    month.add(date(2026, 11, 1), "capture", 300)
    number = month.pay_out(date(2026, 11, 2))
    vouchers = build_vouchers(**month.inputs, settings=VoucherSettings(grouping="payout"))

    assert vouchers.filter(role="sales").select("voucher_number", "amount_minor").rows() == [
        (f"VM-{LEDGER}-{MSN}-{number}-2026-10", -500),
        (f"VM-{LEDGER}-{MSN}-{number}-2026-11", -300),
    ]


def test_accounts_are_those_of_the_settings_then_of_the_country():
    """Norway has a default for clearing, fees and bank; sales has none."""
    settings = VoucherSettings(NO=Accounts(sales="3000", fees="7771", vat_code="3"))
    vouchers = build_vouchers(**october().inputs, settings=settings)
    accounts = dict(vouchers.select("role", "account").unique().iter_rows())

    assert accounts == {
        "clearing": "1580",
        "sales": "3000",
        "refunds": "3000",
        "fees": "7771",
        "bank": "1920",
    }
    assert set(vouchers.filter(role="sales")["vat_code"]) == {"3"}


def test_numbers_stay_when_the_payout_gets_its_number():
    """The facts of October are the same before and after November's payout is known."""
    month = LedgerMonth()
    month.add(date(2026, 10, 31), "capture", 500)
    settings = VoucherSettings(grouping="payout")
    written = number_vouchers(build_vouchers(**month.inputs, settings=settings))
    month.pay_out(date(2026, 11, 2))
    again = number_vouchers(build_vouchers(**month.inputs, settings=settings), written)

    assert again["status"].unique().to_list() == ["unchanged"]
    assert again["voucher_number"].unique().to_list() == [f"VM-{LEDGER}-{MSN}-OPEN-2026-10"]


def test_changed_facts_are_reversed_and_numbered_anew():
    """A late entry on 30 October: the first voucher stays, is taken back, and `-2` replaces it."""
    month = october()
    written = number_vouchers(build_vouchers(**month.inputs))
    month.add(FRIDAY, "correction", -700)
    numbered = number_vouchers(build_vouchers(**month.inputs), written)
    states = dict(numbered.select("voucher_number", "status").unique().iter_rows())

    assert {number: state for number, state in states.items() if number.startswith(DAY)} == {
        DAY: "unchanged",
        f"{DAY}-R": "reversal",
        f"{DAY}-2": "new",
    }
    friday = numbered.filter(pl.col("voucher_number").str.starts_with(DAY))
    assert friday.filter(role="clearing")["amount_minor"].sum() == 138600 - 700
    third = number_vouchers(build_vouchers(**october().inputs), numbered)
    assert {f"{DAY}-2-R", f"{DAY}-3"} <= set(third["voucher_number"])


def test_a_closed_period_stops_a_voucher():
    """Before it is written, not after."""
    month = october()
    written = number_vouchers(build_vouchers(**month.inputs))
    month.add(FRIDAY, "correction", -700)
    numbered = number_vouchers(build_vouchers(**month.inputs), written, closed_months=["2026-10"])

    assert set(numbered.filter(status="blocked")["voucher_number"]) == {f"{DAY}-R", f"{DAY}-2"}
    with pytest.raises(ClosedPeriodError, match=r"2 vouchers.*closed period 2026-10"):
        select_unwritten(numbered)


def test_what_is_written_outside_the_period_is_left_alone():
    """October's vouchers are not reversed by a run over November."""
    month = october()
    written = number_vouchers(build_vouchers(**month.inputs))
    november = {"first": date(2026, 11, 1), "last": date(2026, 11, 30)}
    numbered = number_vouchers(build_vouchers(**month.inputs, **november), written, **november)

    assert set(numbered["status"]) == {"unchanged"}
    assert numbered["voucher_date"].min() == date(2026, 11, 1)


def test_two_currencies_in_one_ledger_are_refused():
    """They would share a number."""
    month = october()
    month.entries[1]["currency"] = "SEK"

    with pytest.raises(InputError, match="two currencies"):
        number_vouchers(build_vouchers(**month.inputs))


KINDS = st.sampled_from(
    ["capture", "refund", "fees-retained", "correction", "top-up", "credit-note", "loan", "payout"]
)
ENTRIES = st.lists(st.tuples(st.integers(0, 40), KINDS, st.integers(-(10**9), 10**9)), max_size=25)


def make_month(drawn) -> LedgerMonth:
    """Return a ledger of drawn entries; a payout pays out the balance, and is in the bank two days later."""
    month = LedgerMonth(opening=700)
    for days, kind, amount in sorted(drawn):
        day = date(2026, 10, 1) + timedelta(days)
        if kind != "payout":
            month.add(day, kind, amount, "order-1")
        elif not any(payout["ledger_date"] == day for payout in month.payouts):
            month.pay_out(day, day + timedelta(2) if amount > 0 else None)
    return month


@given(ENTRIES, st.sampled_from(["day", "payout"]), st.randoms())
@draw_examples(10)
def test_vouchers_balance_and_sum_to_the_ledger(drawn, grouping, random):
    """The order of rows changes nothing, and nothing of the ledger is left out."""
    month = make_month(drawn)
    settings = VoucherSettings(grouping=grouping)
    vouchers = number_vouchers(build_vouchers(**month.inputs, settings=settings))
    for rows in (month.entries, month.payouts, month.bank, month.matches):
        random.shuffle(rows)
    shuffled = number_vouchers(build_vouchers(**month.inputs, settings=settings))

    assert set(
        vouchers.group_by("voucher_number").agg(pl.col("amount_minor").sum())["amount_minor"]
    ) <= {0}
    movement = sum(
        e["amount_minor"] for e in month.entries if e["entry_type"] != "payout-scheduled"
    )
    booked = sum(line["amount_minor"] for line in month.bank)
    assert vouchers.filter(role="clearing")["amount_minor"].sum() == movement - booked
    assert shuffled.equals(vouchers)
