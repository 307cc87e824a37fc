"""Laws of payouts and bank lines for any amounts, texts and order of rows."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from itertools import combinations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.payouts import AS_OF, FIRST_DAY, make_bank_line, make_payout
from vippsrecon.reconciliation.payouts_bank import build_bank_bridge, compare_payouts_bank
from vippsrecon.reconciliation.payouts_bank.covering_sets import Outcome, find_covering_set
from vippsrecon.reconciliation.payouts_bank.texts import (
    compute_check_digit,
    parse_reference,
    read_line_text,
)
from vippsrecon.schemas import BANK_LINES, PAYOUTS, polars_schema

AMOUNTS = st.sampled_from([100, 150, 200, 250, 350, 450, 10**15 - 1])
NUMBERS = st.integers(2000001, 2000006)
UNITS = st.sampled_from(["698382", "698383", "70012"])
DAYS = st.integers(0, 12).map(lambda days: FIRST_DAY + timedelta(days=days))
WORDS = st.sampled_from(
    ["Utb.", "Vippsnr", "Vipps MobilePay AS", "MobilePay A/S", "Varekjøp", "KID", "", "Lønn"]
)
TEXTS = st.one_of(
    st.builds("Utb. {} Vippsnr {}".format, NUMBERS, UNITS),
    st.builds("{} {} {}".format, WORDS, NUMBERS, WORDS),
    st.builds("{} {}".format, WORDS, WORDS),
    st.text(max_size=40),
)


@st.composite
def draw_payouts(draw):
    """Draw payouts, with repeated numbers, aborted ones, and amounts that may be owed."""
    return [
        make_payout(
            draw(NUMBERS),
            msn=draw(UNITS),
            ledger_id=draw(st.sampled_from(["1", "2"])),
            ledger_date=day,
            expected_bank_date=draw(st.sampled_from([None, day + timedelta(days=3)])),
            amount_minor=draw(st.one_of(AMOUNTS, st.just(-40), st.just(0))),
            status=draw(st.sampled_from(["scheduled", "scheduled", "aborted"])),
            currency=draw(st.sampled_from(["NOK", "NOK", "DKK"])),
            account=draw(st.sampled_from([None, "86011117947"])),
        )
        for day in draw(st.lists(DAYS, max_size=7))
    ]


@st.composite
def draw_lines(draw):
    """Draw bank lines: payouts, other credits and debits."""
    return [
        make_bank_line(
            row,
            booked_date=day,
            text=draw(TEXTS),
            amount_minor=draw(st.one_of(AMOUNTS, st.sampled_from([-100, -250, 600]))),
            currency=draw(st.sampled_from(["NOK", "NOK", "DKK"])),
            account=draw(st.sampled_from([None, "NO9386011117947", "97105012345"])),
        )
        for row, day in enumerate(draw(st.lists(DAYS, max_size=7)), start=1)
    ]


def compare(payouts, lines, **period):
    """Compare rows, with the statement days that the lines give."""
    frames = (
        pl.DataFrame(rows, schema=polars_schema(schema), orient="row")
        for rows, schema in ((payouts, PAYOUTS), (lines, BANK_LINES))
    )
    return compare_payouts_bank(*frames, None, AS_OF, **period)


@draw_examples(40)
@given(payouts=draw_payouts(), lines=draw_lines())
def test_each_row_is_in_one_bucket(payouts, lines):
    """Nothing is dropped and nothing counted twice, whatever the texts and amounts."""
    result = compare(payouts, lines)
    keys = [f"{row['ledger_id']}:{row['payout_number']}" for row in payouts]

    for side, expected in (
        ("payouts", keys),
        ("bank_lines", [f"bank.csv:{row['source_row']}" for row in lines]),
    ):
        assert Counter(result.buckets.filter(side=side)["row_key"]) == Counter(expected)
    bucketed = Counter(result.buckets.filter(bucket="discrepancy")["kind"])
    found = Counter(result.findings["kind"])
    for kind in ("payout_not_in_bank", "bank_credit_unexplained"):
        assert bucketed[kind] == found[kind]


@draw_examples(30)
@given(payouts=draw_payouts(), lines=draw_lines(), seed=st.integers(0, 100))
def test_order_of_rows_changes_nothing(payouts, lines, seed):
    """A file sorted otherwise is the same file."""
    shuffled_payouts, shuffled_lines = list(payouts), list(lines)
    random.Random(seed).shuffle(shuffled_payouts)
    random.Random(seed + 1).shuffle(shuffled_lines)

    first, second = compare(payouts, lines), compare(shuffled_payouts, shuffled_lines)

    assert first.findings.equals(second.findings)
    assert first.buckets.equals(second.buckets)
    assert first.matches.equals(second.matches)
    assert first.sums == second.sums


@draw_examples(40)
@given(
    payouts=draw_payouts(),
    lines=draw_lines(),
    period=st.tuples(st.one_of(st.none(), DAYS), st.one_of(st.none(), DAYS)),
)
def test_bridge_balances_for_any_amounts(payouts, lines, period):
    """From payouts to credits: the lines add up, whatever is missing and whenever it arrived."""
    first_day, last_day = period

    result = compare(payouts, lines, first_day=first_day, last_day=last_day)
    rows = build_bank_bridge(result.sums)

    totals = Counter()
    for row in rows:
        if row["line"] == "bank":
            totals[row["currency"]] += row["amount_minor"]
    kept = {
        f"bank.csv:{row['source_row']}": row
        for row in lines
        if (first_day is None or row["booked_date"] >= first_day)
        and (last_day is None or row["booked_date"] <= last_day)
    }
    expected = Counter()
    for key in result.buckets.filter(
        (result.buckets["side"] == "bank_lines") & (result.buckets["bucket"] != "ignored")
    )["row_key"]:
        if key in kept:
            expected[kept[key]["currency"]] += kept[key]["amount_minor"]
    assert +totals == +expected


@draw_examples(80)
@given(
    amounts=st.lists(st.integers(1, 60), max_size=9),
    total=st.integers(1, 200),
    required=st.integers(0, 2),
)
def test_a_covering_set_is_exact_and_the_only_one(amounts, total, required):
    """A set is proposed only if it adds up to the minor unit and no other set does."""
    required = list(range(min(required, len(amounts))))
    exact = [
        list(places)
        for size in range(1, len(amounts) + 1)
        for places in combinations(range(len(amounts)), size)
        if sum(amounts[place] for place in places) == total and set(required) <= set(places)
    ]

    result = find_covering_set(amounts, total, required)

    if result.outcome is Outcome.FOUND:
        assert [list(result.positions)] == exact
        assert len(result.positions) > 1
    elif result.outcome is Outcome.NONE:
        assert [places for places in exact if len(places) > 1] == []
    else:
        assert result.outcome is Outcome.SEVERAL
        assert len(exact) > 1


def test_search_is_bounded():
    """Forty payouts have more sums than could ever be looked through; nothing is guessed."""
    assert find_covering_set(list(range(1001, 1041)), 20_000).outcome is Outcome.TOO_MANY
    assert find_covering_set([2**place for place in range(24)], 2**24 - 1).outcome in (
        Outcome.FOUND,
        Outcome.TOO_MANY,
    )


@draw_examples(100)
@given(text=st.text(max_size=120))
def test_any_text_is_read(text):
    """A bank may write anything."""
    read = read_line_text(text)

    assert all(number.isascii() and number.isdigit() for number in read.numbers)


@draw_examples(100)
@given(
    product=st.integers(1, 99),
    recipient=st.integers(0, 10**8 - 1),
    day=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    wrong=st.integers(1, 9),
    place=st.integers(0, 19),
)
def test_reference_is_believed_only_with_its_check_digit(product, recipient, day, wrong, place):
    """One wrong digit is always noticed, and a stripped zero is put back."""
    digits = f"{product:02}{recipient:08}001{day:%d%m%y}"
    reference = digits + str(compute_check_digit(digits))
    changed = list(reference)
    changed[place] = str((int(changed[place]) + wrong) % 10)

    parsed = parse_reference(reference)
    assert parsed is not None
    assert parsed.day == day
    assert parse_reference(reference.lstrip("0")) == parsed
    assert f"{parsed.recipient:0>8}" == f"{recipient:08}"
    assert parse_reference("".join(changed)) is None
