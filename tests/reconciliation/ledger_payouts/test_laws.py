"""Laws of ledgers and payouts for any amounts, types and order of rows."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.payouts import FIRST_DAY, add_balances, make_entry, make_payout
from vippsrecon.reconciliation.ledger_payouts import build_payout_bridge, compare_ledger_payouts
from vippsrecon.schemas import LEDGER_ENTRIES, PAYOUTS, polars_schema

TYPES = st.sampled_from(
    [
        "capture",
        "capture",
        "refund",
        "fees-retained",
        "payout-scheduled",
        "scheduled-for-payout",
        "payout-aborted",
        "correction",
        "top-up",
        "something-new",
    ]
)
AMOUNTS = st.one_of(st.integers(-900, 900), st.sampled_from([10**13, -(10**13)]))
DAYS = st.integers(0, 8).map(lambda days: FIRST_DAY + timedelta(days=days))
NUMBERS = st.integers(2000001, 2000004)
UNITS = st.sampled_from(["698382", "698383"])
LEDGERS = st.sampled_from(["1", "2"])


@st.composite
def draw_entries(draw):
    """Draw entries of several ledgers; of some the balances are unknown or broken."""
    days = sorted(draw(st.lists(DAYS, max_size=12)))
    entries = [
        make_entry(
            draw(TYPES),
            draw(AMOUNTS),
            ledger_id=draw(LEDGERS),
            msn=draw(UNITS),
            ledger_date=day,
            psp_reference=draw(st.sampled_from([None, "1-2000001", "2-2000002", "x"])),
            currency=draw(st.sampled_from(["NOK", "NOK", "DKK"])),
            topic=draw(st.sampled_from(["funds", "funds", "fees"])),
        )
        for day in days
    ]
    kind = draw(st.sampled_from(["unknown", "chained", "broken"]))
    if kind == "unknown":
        return entries
    chained = add_balances(entries, draw(st.integers(-50, 50)))
    return chained[1::2] if kind == "broken" else chained


@st.composite
def draw_payouts(draw):
    """Draw payouts that need not be those of the entries."""
    return [
        make_payout(
            draw(NUMBERS),
            msn=draw(UNITS),
            ledger_id=draw(LEDGERS),
            ledger_date=day,
            amount_minor=draw(AMOUNTS),
            status=draw(st.sampled_from(["scheduled", "aborted"])),
            account=draw(st.sampled_from([None, "86011117947", "97105012345"])),
        )
        for day in draw(st.lists(DAYS, max_size=5))
    ]


def compare(entries, payouts, **period):
    """Compare rows that need not fit the schemas' bounds of sums."""
    frames = (
        pl.DataFrame(rows, schema=polars_schema(schema), orient="row")
        for rows, schema in ((entries, LEDGER_ENTRIES), (payouts, PAYOUTS))
    )
    return compare_ledger_payouts(*frames, **period)


@draw_examples(60)
@given(
    entries=draw_entries(),
    payouts=draw_payouts(),
    period=st.tuples(st.one_of(st.none(), DAYS), st.one_of(st.none(), DAYS)),
    seed=st.integers(0, 100),
)
def test_each_payout_is_in_one_bucket_and_the_bridge_balances(entries, payouts, period, seed):
    """For any amounts and order: nothing is lost, the lines add up, and order decides nothing."""
    first_day, last_day = period
    shuffled = list(entries), list(payouts)
    for rows in shuffled:
        random.Random(seed).shuffle(rows)

    result = compare(entries, payouts, first_day=first_day, last_day=last_day)
    again = compare(*shuffled, first_day=first_day, last_day=last_day)

    assert Counter(result.buckets["row_key"]) == Counter(
        f"{row['ledger_id']}:{row['payout_number']}" for row in payouts
    )
    assert result.findings.equals(again.findings)
    assert result.buckets.equals(again.buckets)
    assert result.sums == again.sums
    totals = Counter()
    for row in build_payout_bridge(result.sums):
        if row["line"] == "payouts":
            totals[row["msn"], row["currency"]] += row["amount_minor"]
    expected = Counter()
    for row in payouts:
        is_inside = (first_day is None or first_day <= row["ledger_date"]) and (
            last_day is None or row["ledger_date"] <= last_day
        )
        if is_inside and any(entry["topic"] == "funds" for entry in entries):
            expected[row["msn"], row["currency"]] += row["amount_minor"]
    assert {key: value for key, value in totals.items() if value} == {
        key: value for key, value in expected.items() if value
    }
