"""A payout is explained by its entries to the minor unit, or what is left is said."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.payouts import FIRST_DAY, LEDGER, add_balances, build_frame, make_entry, make_payout
from vippsrecon.errors import InputError
from vippsrecon.reconciliation.ledger_payouts import explain_payout
from vippsrecon.schemas import LEDGER_ENTRIES, PAYOUTS


def make_entries(*rows):
    """Return entries of (type, amount, day), with the number of each payout after 2000001."""
    entries = []
    number = 2000001
    for entry_type, amount, day in rows:
        changes = {"ledger_date": FIRST_DAY + timedelta(days=day)}
        if entry_type == "payout-scheduled":
            changes["psp_reference"] = f"{LEDGER}-{number}"
            number += 1
        entries.append(make_entry(entry_type, amount, **changes))
    return entries


TWO_PAYOUTS = make_entries(
    ("capture", 1000, 0),
    ("payout-scheduled", -900, 0),
    ("capture", 500, 1),
    ("refund", -50, 1),
    ("fees-retained", -12, 1),
    ("capture", 300, 3),
    ("correction", 2, 3),
    ("payout-scheduled", -840, 3),
)
FEE = make_entry(
    "capture-fee", -12, topic="fees", ledger_date=FIRST_DAY + timedelta(days=1), psp_reference="a"
)


def explain(entries, number="2000002", payouts=None):
    """Explain a payout of the ledger."""
    return explain_payout(build_frame(entries, LEDGER_ENTRIES), payouts, LEDGER, number)


def test_payout_is_its_entries_across_days():
    """What was kept back the time before is paid now, and the fee of each capture is beside."""
    found = explain([*add_balances(TWO_PAYOUTS), FEE])

    assert found.parts.rows() == [
        ("carried", 1, 100),
        ("captures", 2, 800),
        ("refunds", 1, -50),
        ("fees_retained", 1, -12),
        ("corrections", 1, 2),
    ]
    assert (found.paid_minor, found.left_minor, found.reason) == (840, 0, "")
    assert (found.first_date, found.last_date) == (
        FIRST_DAY + timedelta(days=1),
        FIRST_DAY + timedelta(days=3),
    )
    assert found.entries.filter(topic="fees").select("entry_type", "amount_minor").rows() == [
        ("capture-fee", -12)
    ]
    assert found.entries.height == 7


def test_first_payout_of_a_ledger_keeps_something_back():
    """The first payout of all: nothing is carried into it."""
    found = explain(add_balances(TWO_PAYOUTS), "2000001")

    assert found.parts.rows() == [("captures", 1, 1000), ("kept_back", 1, -100)]
    assert found.left_minor == 0


def test_what_is_left_has_a_reason():
    """Entries before the data, a broken chain, and a file that does not add up are different things."""
    chained = add_balances(TWO_PAYOUTS)
    before = explain(add_balances(TWO_PAYOUTS, opening=70), "2000001")
    broken = explain(chained[:2] + chained[3:])
    of_file = explain(TWO_PAYOUTS)

    assert (before.left_minor, before.reason) == (70, "entries_before")
    assert (broken.left_minor, broken.reason) == (500, "balance_chain_break")
    assert (of_file.left_minor, of_file.reason) == (100, "entries_missing")


def test_payout_that_is_not_there_is_said():
    """The number is mistyped, or the ledger was not read on its date."""
    listed = build_frame([make_payout(2000009)], PAYOUTS)

    with pytest.raises(InputError, match="has no payout 2000009"):
        explain(TWO_PAYOUTS, "2000009")
    with pytest.raises(InputError, match="is listed, but"):
        explain(TWO_PAYOUTS, "2000009", listed)


def test_example_of_the_documentation_runs(root):
    """The page shows the whole use of it."""
    page = (root / "docs" / "payouts-and-bank.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {
        "ledger_entries": build_frame(add_balances(TWO_PAYOUTS), LEDGER_ENTRIES),
        "payouts": build_frame([], PAYOUTS),
    }

    exec(example, names)

    assert names["found"].left_minor == 0


@draw_examples(25)
@given(
    amounts=st.lists(
        st.tuples(st.sampled_from(["capture", "refund", "new"]), st.integers(-500, 500)), max_size=8
    ),
    paid=st.integers(-300, 300),
    chained=st.booleans(),
)
def test_parts_and_what_is_left_are_the_payout(amounts, paid, chained):
    """For any amounts, whatever is known of the balances."""
    rows = [
        (entry_type, amount, 1 + place % 2) for place, (entry_type, amount) in enumerate(amounts)
    ]
    entries = make_entries(
        ("capture", 77, 0), ("payout-scheduled", -70, 0), *rows, ("payout-scheduled", -paid, 2)
    )
    entries.sort(key=lambda entry: entry["ledger_date"])

    found = explain(add_balances(entries) if chained else entries)

    assert found.parts["amount_minor"].sum() + found.left_minor == found.paid_minor == paid
    assert found.left_minor == 0 or not chained
