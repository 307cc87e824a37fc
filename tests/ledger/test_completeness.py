"""Test the proof that no ledger entry is missing."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.entry_frames import FIRST_DAY, LEDGER, MSN, make_entry, make_frame, make_payout
from vippsrecon.ledger.completeness import (
    ReadTopic,
    check_completeness,
    describe_completeness,
    is_complete,
)
from vippsrecon.texts import LANGUAGES, use_language

LAST_DAY = date(2026, 10, 31)


def check(*entries, open_dates=(), topic="funds"):
    """Check entries of one topic; return the row of the proof."""
    read = ReadTopic(LEDGER, MSN, topic, "NOK", open_dates)
    frame = check_completeness(make_frame(*entries), [read], FIRST_DAY, LAST_DAY)
    return frame.row(0, named=True) | {"complete": is_complete(frame)}


def describe(*entries, **read):
    """Return the sentence about entries of one topic."""
    topic = ReadTopic(LEDGER, MSN, "funds", "NOK", **read)
    frame = check_completeness(make_frame(*entries), [topic], FIRST_DAY, LAST_DAY)
    return describe_completeness(frame)[0]


def make_days(count):
    """Return the entries of some days: two captures, a refund and a payout each."""
    entries = []
    for number in range(count):
        day = {"ledger_date": FIRST_DAY + timedelta(days=number)}
        entries += [
            make_entry("capture", 1000, 0, **day),
            make_entry("capture", 500, 1000, **day),
            make_entry("refund", -300, 1500, **day),
            make_payout(2000001 + number, 1200, **day),
        ]
    return entries


def test_whole_ledger_is_complete():
    """Balances run on, numbers follow one another, and every date is closed."""
    row = check(*make_days(3))

    assert (row["verdict"], row["complete"], row["entries"]) == ("complete", True, 12)
    assert (row["opening_balance_minor"], row["closing_balance_minor"]) == (0, 0)
    assert (row["first_payout_number"], row["last_payout_number"]) == ("2000001", "2000003")


@given(st.integers(1, 10))
def test_each_missing_entry_inside_is_noticed(place):
    """Whichever entry is missing, the proof names the entry after it."""
    entries = make_days(3)
    missing = entries.pop(place)

    row = check(*entries)

    assert (row["verdict"], row["broken_entry"]) == ("incomplete", place + 1)
    assert row["actual_balance_minor"] - row["expected_balance_minor"] == missing["amount_minor"]


def test_repeated_entry_is_noticed():
    """A page that was read twice would count its money twice."""
    entries = make_days(2)

    row = check(*entries[:2], *entries[1:])

    assert (row["verdict"], row["broken_entry"]) == ("incomplete", 3)


def test_wrong_amount_is_noticed_at_its_own_entry():
    """The balance before plus the amount is the balance after."""
    entries = make_days(2)
    entries[2] = entries[2] | {"amount_minor": -299}

    row = check(*entries)

    assert (row["verdict"], row["broken_entry"]) == ("incomplete", 3)
    assert (row["expected_balance_minor"], row["actual_balance_minor"]) == (1201, 1200)


def test_missing_day_is_noticed_by_the_number_of_its_payout():
    """A whole day leaves the balance at zero, so only the number of its payout shows it."""
    entries = make_days(5)

    row = check(*entries[:4], *entries[12:])

    assert row["broken_entry"] is None
    assert (row["verdict"], row["missing_payouts"]) == ("incomplete", "2000002-2000003")
    assert "2000002-2000003" in describe(*entries[:4], *entries[12:])


def test_numbers_of_payouts_with_the_old_name_count():
    """A frame of earlier years has the old name of a payout."""
    old = {"entry_type": "scheduled-for-payout"}
    row = check(make_payout(2000001, 900) | old, make_payout(2000003, 400) | old)

    assert (row["payouts"], row["missing_payouts"]) == (2, "2000002")


def test_both_gaps_are_said():
    """A payout that was not read leaves a gap in the numbers and, with its money, in the balance."""
    entries = make_days(3)
    entries[8] = entries[8] | {"balance_before_minor": 100, "balance_after_minor": 1100}
    topic = ReadTopic(LEDGER, MSN, "funds", "NOK")
    frame = check_completeness(make_frame(*entries[:4], *entries[8:]), [topic], FIRST_DAY, LAST_DAY)

    broken, missing = describe_completeness(frame)

    assert "from entry 5" in broken
    assert "2000002" in missing


def test_many_missing_numbers_are_shortened():
    """The list of numbers is for a sentence."""
    numbers = range(2000001, 2000041, 2)
    row = check(*(make_payout(number, 100) | {"balance_before_minor": None} for number in numbers))

    assert row["missing_payouts"].endswith("2000020, …")


def test_open_date_is_not_complete():
    """More entries may follow, so nothing is proven yet."""
    row = check(*make_days(2), open_dates=(LAST_DAY,))

    assert (row["verdict"], row["complete"]) == ("open_dates", False)
    assert (row["open_dates"], row["first_open_date"]) == (1, LAST_DAY)


def test_entry_without_a_balance_proves_nothing():
    """Unknown is not right: a missing entry would not be noticed there."""
    entries = make_days(2)
    entries[2] = entries[2] | {"balance_before_minor": None, "balance_after_minor": None}

    row = check(*entries)

    assert (row["verdict"], row["entries_without_balance"]) == ("not_proven", 1)


def test_balance_before_the_period_need_not_be_zero():
    """A negative balance is carried over from earlier days."""
    row = check(make_entry("refund", -300, -100), make_entry("capture", 900, -400))

    assert (row["verdict"], row["opening_balance_minor"]) == ("complete", -100)


def test_ledger_without_entries_has_a_row():
    """A quiet month is complete where every date is closed; no ledger at all is not."""
    assert check()["verdict"] == "complete"
    assert not is_complete(check_completeness(make_frame(), [], FIRST_DAY, LAST_DAY))


def test_topics_and_ledgers_are_checked_apart():
    """Each has a balance of its own."""
    entries = [
        make_entry("capture", 1000, 0),
        make_entry("capture-fee", -20, 0, topic="fees"),
        make_entry("capture", 700, 50, ledger_id="302322"),
        make_entry("refund", -100, 1000),
        make_entry("capture", 700, 760, ledger_id="302322"),
    ]
    topics = [
        ReadTopic("302322", "654321", "funds", "NOK"),
        ReadTopic(LEDGER, MSN, "fees", "NOK"),
        ReadTopic(LEDGER, MSN, "funds", "NOK"),
    ]

    frame = check_completeness(make_frame(*entries), topics, FIRST_DAY, LAST_DAY)

    assert frame.select("ledger_id", "topic", "verdict").rows() == [
        (LEDGER, "funds", "complete"),
        (LEDGER, "fees", "complete"),
        ("302322", "funds", "incomplete"),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_verdict_has_a_sentence_in_each_language(language):
    """The verdict is on the first page of a report, whatever its language."""
    entries = make_days(2)
    without = [entry | {"balance_before_minor": None} for entry in entries]
    with use_language(language):
        sentences = {
            describe(*entries),
            describe(*entries[:1], *entries[2:]),
            describe(*entries[:4], make_payout(2000009, 100) | {"balance_before_minor": None}),
            describe(*entries, open_dates=(LAST_DAY,)),
            describe(*entries, open_dates=(FIRST_DAY, LAST_DAY)),
            describe(*without),
        }

    assert len(sentences) == 6
    assert all(LEDGER in sentence for sentence in sentences)
