"""The balances of a ledger show each entry that is missing, without an order of the entries.

The entries of a drawn ledger are known in their order, which the check does not see.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import narwhals.stable.v2 as nw
import pytest
from hypothesis import Phase, given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.reconciliation.ledger_rows import Ledger, describe
from vippsrecon.ledger.completeness import ReadTopic, check_completeness
from vippsrecon.reconciliation.engines.backends import prepare_frame
from vippsrecon.reconciliation.payments_ledger.balances import check_balances
from vippsrecon.reconciliation.payments_ledger.entries import prepare_entries
from vippsrecon.reconciliation.result import build_table
from vippsrecon.schemas import LEDGER_ENTRIES

PAYOUT = "payout-scheduled"
FIRST_DAY = datetime(2026, 10, 1, 10, tzinfo=UTC)

AMOUNTS = st.sampled_from([100, 100, 200, 300, -100, -200])
DAYS = st.lists(st.tuples(st.lists(AMOUNTS, max_size=4), st.booleans()), min_size=2, max_size=5)
"""Amounts of each day, and whether it ends with a payout."""


def book(days):
    """Return the entries of days; a payout leaves nothing, or a debt."""
    ledger = Ledger()
    balance = 0
    for number, (amounts, is_closed) in enumerate(days):
        at = FIRST_DAY + timedelta(days=number)
        for amount in amounts:
            ledger.book("top-up", amount, at=at)
            balance += amount
        if is_closed and balance > 0:
            ledger.book(PAYOUT, -balance, at=at)
            balance = 0
    return ledger.entries


def find_breaks(entries):
    """Return date, expected and actual balance of each break."""
    table = build_table(entries, LEDGER_ENTRIES)
    rows = check_balances(prepare_entries(prepare_frame(table, LEDGER_ENTRIES)))
    found = rows.filter(nw.col("broken")).collect().to_native().to_dicts()
    return sorted(
        (row["discriminator"].rsplit(":", 1)[1], row["closing_before"], row["opening"])
        for row in found
    )


@draw_examples(25, phases=(Phase.explicit, Phase.generate))
@given(DAYS, st.integers(0, 10**6), st.booleans())
def test_a_missing_entry_is_a_break(days, seed, paid_out_daily):
    """The break is on the day of the missing entry, and states the balances beside it.

    Without a payout, a day can end with any of its balances, so that the break may be of a later day.
    """
    days = [([100], True), *((amounts, is_closed or paid_out_daily) for amounts, is_closed in days)]
    entries = book([*days, ([100], True), ([100], True)])
    shuffled = random.Random(seed).sample(entries, len(entries))
    assert find_breaks(shuffled) == []

    place = 2 + seed % (len(entries) - 4)
    before, missing, after = entries[place - 1 : place + 2]
    found = find_breaks([entry for entry in shuffled if entry is not missing])
    own_day = str(missing["ledger_date"])
    assert found
    assert found[0][0] >= own_day
    if missing["entry_type"] != PAYOUT and is_closed(entries, missing):
        balances = before["balance_after_minor"], after["balance_before_minor"]
        assert found == [(own_day, *balances)]


def is_closed(entries, entry):
    """Return whether the entry's day ends with a payout, and the day before does too."""
    days = sorted({each["ledger_date"] for each in entries})
    place = days.index(entry["ledger_date"])
    closed = {each["ledger_date"] for each in entries if each["entry_type"] == PAYOUT}
    return set(days[place - 1 : place + 1]) <= closed


CIRCULAR = [([100, 200], True), ([100, 200, 300], True), ([300], True), ([100, 50], True)]
"""Each day begins and ends with nothing."""


@pytest.mark.parametrize(
    ("lost", "found"),
    [
        pytest.param(3, ("2026-10-02", 0, 100), id="first of its day"),
        pytest.param(4, ("2026-10-02", 100, 300), id="inside its day"),
        pytest.param(6, ("2026-10-03", 600, 0), id="the payout"),
        pytest.param(7, ("2026-10-03", 0, 300), id="the only one of its day"),
        pytest.param(1, ("2026-10-01", 100, 300), id="on the first day"),
    ],
)
def test_break_where_every_day_ends_as_it_began(lost, found):
    """A shop that is paid out daily has a balance of zero every night."""
    entries = book(CIRCULAR)
    del entries[lost]

    assert find_breaks(entries) == [found]


def test_the_proof_of_completeness_finds_the_same_break():
    """The proof reads the entries in the order of the ledger."""
    entries = book(CIRCULAR)
    del entries[3]
    days = [entry["ledger_date"] for entry in entries]
    topic = ReadTopic("302321", "123456", "funds", "NOK")
    table = build_table(entries, LEDGER_ENTRIES)
    [row] = check_completeness(table, [topic], min(days), max(days)).to_dicts()

    assert (row["verdict"], row["broken_entry"], str(row["broken_date"])) == (
        "incomplete",
        4,
        "2026-10-02",
    )
    assert (row["expected_balance_minor"], row["actual_balance_minor"]) == (0, 100)


def test_a_day_that_leads_back_to_another_balance_is_a_break():
    """It begins and ends with a balance, and none of its balances is that of the day before."""
    entries = book([([100], True), ([], False)])
    entries += [
        {
            **entry,
            "balance_before_minor": entry["balance_before_minor"] + 500,
            "balance_after_minor": entry["balance_after_minor"] + 500,
            "psp_reference": f"later-{number}",
        }
        for number, entry in enumerate(book([([], False), ([70, -70], False)]))
    ]

    assert find_breaks(entries) == [("2026-10-02", 0, None)]


def test_an_entry_that_does_not_add_up_states_its_balances():
    """Of one wrong entry, the balance that it should end with is known."""
    entries = book([([100, 200], True), ([300], True)])
    entries[1] = entries[1] | {"amount_minor": 150}

    assert find_breaks(entries) == [("2026-10-01", 250, 300)]


def test_an_entry_that_is_there_twice_is_a_break():
    """A file that was read twice under two names would count its entries twice."""
    entries = book(CIRCULAR)
    entries.append(entries[4] | {"psp_reference": "again"})

    assert find_breaks(entries) == [("2026-10-02", 300, 100)]


def test_fees_end_with_the_fees_that_were_retained():
    """The fees of a day are a balance below zero, until they are retained."""
    ledger = Ledger()
    ledger.pay("order-1", 1000, days=9)
    ledger.book_events("order-1")
    for days in (9, 8, 7):
        for amount in (-30, -20, 50):
            entry_type = "capture-fee" if amount < 0 else "fees-retained"
            ledger.book(
                entry_type, amount, topic="fees", days=days, psp_reference=f"f{days}{amount}"
            )
    ledger.entries = [entry for entry in ledger.entries if entry["psp_reference"] != "f8-30"]
    lines = [line for line in describe(ledger.reconcile()) if line.startswith("balance")]

    assert lines == [
        "balance_chain_break:123456::302321:fees:NOK:2026-10-23 0 → -30, at risk 30, high"
    ]
