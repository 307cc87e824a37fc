"""Ledgers are compared with their payouts: amounts, numbers, aborted payouts, balances, accounts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.payouts import (
    FIRST_DAY,
    LEDGER,
    MSN,
    add_balances,
    build_frame,
    make_entry,
    make_payout,
)
from vippsrecon.reconciliation.ledger_payouts import build_payout_bridge, compare_ledger_payouts
from vippsrecon.schemas import LEDGER_ENTRIES, PAYOUTS


def make_day(number, *amounts, day=0, payout=None, fee=0, **changes):
    """Return the entries of one ledger date: captures and refunds, fees and a payout of the rest."""
    on_day = {"ledger_date": FIRST_DAY + timedelta(days=day)} | changes
    entries = [
        make_entry("capture" if amount > 0 else "refund", amount, **on_day) for amount in amounts
    ]
    if fee:
        entries.append(make_entry("fees-retained", -fee, **on_day))
    if number:
        total = sum(amounts) - fee if payout is None else payout
        entries.append(
            make_entry("payout-scheduled", -total, psp_reference=f"{LEDGER}-{number}", **on_day)
        )
    return entries


def list_day_payouts(entries, **changes):
    """Return the payouts that the entries state."""
    return [
        make_payout(
            entry["psp_reference"].removeprefix(f"{LEDGER}-"),
            ledger_date=entry["ledger_date"],
            amount_minor=-entry["amount_minor"],
            **changes,
        )
        for entry in entries
        if entry["entry_type"] == "payout-scheduled"
    ]


def compare(entries, payouts=None, **options):
    """Compare entries with payouts, by default those that they state."""
    return compare_ledger_payouts(
        None if entries is None else build_frame(entries, LEDGER_ENTRIES),
        build_frame(list_day_payouts(entries) if payouts is None else payouts, PAYOUTS),
        **options,
    )


def list_findings(result):
    """Return code, variant, number, amounts and money at risk of each finding."""
    columns = ["kind", "variant", "payout_number", "expected", "actual", "at_risk"]
    return result.findings.select(columns).rows()


PLAIN = [*make_day(2000001, 500, 700, fee=30), *make_day(2000002, 900, -100, day=1, fee=20)]


def test_a_ledger_that_agrees_has_no_finding():
    """Two dates, each paid out whole."""
    result = compare(add_balances(PLAIN))

    assert list_findings(result) == []
    assert result.buckets["bucket"].to_list() == ["matched", "matched"]
    assert {row["line"]: row["amount_minor"] for row in build_payout_bridge(result.sums)} == {
        "ledger": 2000,
        "fees_retained": -50,
        "payouts": 1950,
    }


def test_old_name_of_a_payout_entry_is_known():
    """Before 2024 the entry of a payout had another name."""
    entries = [
        entry
        | {"entry_type": entry["entry_type"].replace("payout-scheduled", "scheduled-for-payout")}
        for entry in add_balances(PLAIN)
    ]

    assert list_findings(compare(entries, list_day_payouts(PLAIN))) == []


def test_payout_of_several_dates_is_their_sum():
    """Weekly payouts cover several dates; a balance below zero within the week is nothing unusual."""
    weeks = [
        entry
        for week in range(3)
        for entry in (
            *make_day(0, 500, -800, day=7 * week),
            *make_day(2000001 + week, 900, day=7 * week + 5, payout=600),
        )
    ]

    assert list_findings(compare(add_balances(weeks))) == []


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"amount_minor": 1000}, ("", "2000001", 1170, 1000, 170)),
        ({"payout_number": "2000003"}, ("not_listed", "2000001", 1170, None, 1170)),
    ],
)
def test_payout_must_have_the_amount_of_its_entry(changes, finding):
    """The list of payouts and the ledger are two sources; each number is in both with one amount."""
    first, *others = list_day_payouts(PLAIN)

    found = list_findings(compare(add_balances(PLAIN), [first | changes, *others]))

    assert ("payout_amount_difference", *finding) in found


def test_payout_without_an_entry_is_a_difference():
    """A payout within the ledger's dates that the ledger does not have."""
    payouts = [*list_day_payouts(PLAIN), make_payout(2000003, amount_minor=40)]

    assert list_findings(compare(add_balances(PLAIN), payouts)) == [
        ("payout_amount_difference", "not_on_ledger", "2000003", None, 40, 40)
    ]


def test_file_without_balances_must_add_up():
    """An older file states transactions and settlements; a transaction that is missing shows."""
    entries = [entry | {"source_file": "report.csv"} for entry in PLAIN]

    assert list_findings(compare(entries)) == []
    assert list_findings(compare(entries[1:], list_day_payouts(entries))) == [
        ("payout_amount_difference", "entries_differ", "2000001", 670, 1170, 500)
    ]


def test_break_of_the_chain_is_not_reported_twice():
    """A missing entry breaks the chain of balances, which has its own code; the bridge shows by how much."""
    chained = add_balances(PLAIN)
    without_capture = chained[:4] + chained[5:]

    result = compare(without_capture, list_day_payouts(PLAIN))

    assert list_findings(result) == []
    assert result.buckets["flags"].to_list() == ["", "balance_chain_break"]
    lines = {row["line"]: row["amount_minor"] for row in build_payout_bridge(result.sums)}
    assert lines == {
        "ledger": 1100,
        "fees_retained": -50,
        "balance_chain_break": 900,
        "payouts": 1950,
    }


def test_money_kept_back_is_a_change_of_the_balance():
    """Vipps MobilePay may keep a reserve: the payout is smaller than the balance, and no code applies."""
    result = compare(add_balances(make_day(2000001, 1000, payout=600)))

    assert list_findings(result) == []
    lines = {row["line"]: row["amount_minor"] for row in build_payout_bridge(result.sums)}
    assert lines == {"ledger": 1000, "balance_change": -400, "payouts": 600}


@pytest.mark.parametrize("has_number", [True, False])
def test_aborted_payout_is_paid_with_a_later_one(has_number):
    """The money comes back to the balance, and the next payout sends it."""
    psp_reference = f"{LEDGER}-2000001" if has_number else "x"
    day = {"ledger_date": FIRST_DAY + timedelta(days=2)}
    entries = [
        *make_day(2000001, 500),
        make_entry("payout-aborted", 500, psp_reference=psp_reference, **day),
    ]
    aborted = make_payout(2000001, amount_minor=500, status="aborted")

    open_result = compare(add_balances(entries), [aborted])
    later = add_balances([*entries, *make_day(2000002, 300, day=2, payout=800)])
    result = compare(later, [aborted, *list_day_payouts(later)[1:]])

    assert list_findings(open_result) == [("payout_aborted", "", "2000001", 500, 0, 500)]
    assert list_findings(result) == [("payout_aborted", "paid_again", "2000001", 500, 0, 0)]
    assert result.buckets["kind"].to_list() == ["payout_aborted", ""]
    lines = {row["line"]: row["amount_minor"] for row in build_payout_bridge(result.sums)}
    assert lines == {"ledger": 800, "payouts_returned": 500, "payouts": 1300}


def test_aborted_payout_is_reported_without_entries():
    """A settlement file may state the status alone."""
    result = compare(None, [make_payout(2000001, status="aborted")])

    assert list_findings(result) == [("payout_aborted", "", "2000001", 100_000, 0, 100_000)]
    assert build_payout_bridge(result.sums) == []


@pytest.mark.parametrize(
    ("numbers", "gaps"),
    [
        ((2000001, 2000002, 2000003), []),
        ((2000001, 2000003), [("2000002", "")]),
        ((2000001, 2000005, 2000007), [("2000002", "2000004"), ("2000006", "")]),
        ((20261001, 20261005), []),
    ],
)
def test_missing_payout_number_is_a_gap(numbers, gaps):
    """Numbers of a ledger are consecutive; a number made of a date is none."""
    payouts = [
        make_payout(number, ledger_date=FIRST_DAY + timedelta(days=day))
        for day, number in enumerate(numbers)
    ]

    found = compare(None, payouts).findings

    assert found.select("payout_number", "discriminator").rows() == gaps
    assert set(found["kind"]) <= {"payout_number_gap"}


def test_numbers_of_other_ledgers_are_no_gap():
    """Each ledger counts its own payouts."""
    payouts = [make_payout(2000001), make_payout(2000009, ledger_id="9", msn="9")]

    assert list_findings(compare(None, payouts)) == []


def test_negative_balance_at_the_end_is_carried():
    """Nothing is paid out, and Vipps MobilePay may send an invoice."""
    entries = add_balances([*PLAIN, *make_day(0, 100, -700, day=2)])

    assert list_findings(compare(entries)) == [
        ("negative_balance_carried", "", "2000003", 0, -600, 600)
    ]


def test_day_that_has_not_ended_is_not_carried():
    """A refund of this morning may be covered by a capture of this afternoon."""
    entries = add_balances([*PLAIN, *make_day(0, 100, -700, day=2)])

    today = FIRST_DAY + timedelta(days=2)
    assert list_findings(compare(entries, as_of_day=today)) == []
    assert len(list_findings(compare(entries, as_of_day=today + timedelta(days=1)))) == 1


def test_negative_balance_that_a_payout_covered_is_not_at_risk():
    """Captures of the next date covered it, and the payout was smaller by it; the id stays the same."""
    entries = [*PLAIN, *make_day(0, 100, -700, day=2), *make_day(2000003, 900, day=3, payout=300)]

    assert list_findings(compare(add_balances(entries))) == [
        ("negative_balance_carried", "deducted", "2000003", 0, -600, 0)
    ]


def test_ledger_that_never_paid_out_shows_its_balance():
    """Without a payout the balance before the first entry is the only one that no entry leads to."""
    entries = add_balances(
        [*make_day(0, 100, -100, 50, -700), *make_day(0, 20, day=1)], opening=-40
    )

    assert list_findings(compare(entries, [])) == [
        ("negative_balance_carried", "", None, 0, -670, 670)
    ]


def test_unknown_balance_is_not_zero():
    """Without balances nothing is said about them."""
    assert list_findings(compare(make_day(0, 100, -700), [])) == []


def test_changed_account_is_an_alarm():
    """The same account is written with and without country; another one is reported once."""
    accounts = ["86011117947", "NO93 8601 1117 947", "97105012345", "97105012345", None]
    payouts = [
        make_payout(2000001 + day, ledger_date=FIRST_DAY + timedelta(days=day), account=account)
        for day, account in enumerate(accounts)
    ]

    result = compare(None, payouts)

    assert list_findings(result) == [("payout_account_changed", "", "2000003", 100_000, 100_000, 0)]
    assert result.buckets.filter(bucket="discrepancy")["row_key"].to_list() == [f"{LEDGER}:2000003"]


def test_account_of_an_earlier_run_is_compared():
    """A change between two months shows only against what an earlier run saw."""
    payouts = [make_payout(2000001, account="97105012345")]

    result = compare(None, payouts, known_accounts={LEDGER: "86011117947"})

    assert result.findings["kind"].to_list() == ["payout_account_changed"]


def test_bridge_is_of_the_period_and_has_a_line_for_each_type():
    """Unknown types are in a line of their own, by their sign."""
    types = {
        "capture": 1000,
        "refund": -100,
        "fees-retained": -10,
        "retained-disputed-capture": -50,
        "returned-disputed-capture": 40,
        "correction": -3,
        "top-up": 5,
        "credit-note": 7,
        "loan-repayment": -2,
    }
    entries = [make_entry(name, amount) for name, amount in types.items()]
    entries += make_day(2000001, payout=887)
    entries += make_day(2000002, 900, day=1)

    result = compare(add_balances(entries), last_day=FIRST_DAY)

    rows = build_payout_bridge(result.sums)
    assert {(row["leg"], row["msn"], row["currency"]) for row in rows} == {("payouts", MSN, "NOK")}
    assert [(row["line"], row["amount_minor"]) for row in rows] == [
        ("ledger", 900),
        ("fees_retained", -10),
        ("disputes_retained", -50),
        ("disputes_returned", 40),
        ("corrections", -3),
        ("top_ups", 5),
        ("credit_notes", 7),
        ("unknown_types", -2),
        ("payouts", 887),
    ]


def test_day_of_a_payout_counts_not_the_day_it_arrives():
    """A period is one of ledger dates."""
    result = compare(add_balances(PLAIN), first_day=FIRST_DAY + timedelta(days=1))

    assert build_payout_bridge(result.sums)[-1]["amount_minor"] == 780
