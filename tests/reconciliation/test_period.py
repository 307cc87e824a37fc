"""A period: which pairs and amounts it contains, and that two months add up to both."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.reconciliation.months import make_pair, reconcile_both
from tests.reconciliation.random_frames import Rows, random_rows
from tests.reconciliation.test_laws import records, run
from vippsrecon.reconciliation.example_rows import EXAMPLE_MSN, NOW, utc_day_number
from vippsrecon.reconciliation.result import Reconciliation

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))
BOTH = (OCTOBER[0], NOVEMBER[1])


def totals(result):
    """Return the last line of each leg, per sales unit and currency, without zeros."""
    sums = Counter()
    for row in records(result.bridge):
        if row["line"] == row["leg"]:
            sums[row["leg"], row["msn"], row["currency"]] += row["amount_minor"]
    return {key: amount for key, amount in sums.items() if amount}


class Draw(NamedTuple):
    """Drawn rows, two periods that follow one another, and four comparisons."""

    rows: Rows
    middle: date
    first_run: Reconciliation
    second_run: Reconciliation
    both: Reconciliation
    everything: Reconciliation


@draw_examples(
    3,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(random_rows(least=20, most=40), st.integers(-380, 10), st.integers(0, 60), st.booleans())
def test_laws_of_a_period_hold(rows, start, length, with_events):
    """All laws use one draw, because reconciling takes most of the time."""
    if not with_events:
        rows = rows._replace(events=[])
    first = NOW.date() + timedelta(days=start)
    middle, last = first + timedelta(days=length), first + timedelta(days=2 * length + 1)
    draw = Draw(
        rows,
        middle,
        run(rows, first=first, last=middle),
        run(rows, first=middle + timedelta(days=1), last=last),
        run(rows, first=first, last=last),
        run(rows),
    )

    assert_two_periods_add_up_to_both(draw)
    assert_no_row_is_lost_and_the_bridge_adds_up(draw)
    assert_unsettled_pairs_stay(draw)


def assert_two_periods_add_up_to_both(draw):
    """The captures and refunds of two periods equal those of one run over both."""
    summed = Counter(totals(draw.first_run))
    summed.update(totals(draw.second_run))
    own = {key: amount for key, amount in summed.items() if amount and "fetched" not in key[0]}

    assert own == {k: v for k, v in totals(draw.both).items() if "fetched" not in k[0]}


def assert_no_row_is_lost_and_the_bridge_adds_up(draw):
    """Each row is in one bucket.

    The bridge starts with all orders, and ends in the payments' totals.
    """
    rows, result = draw.rows, draw.first_run
    keys = [("orders", f"{o['source_file']}:{o['source_row']}") for o in rows.orders]
    keys += [("payments", f"{p['msn']}:{p['reference']}") for p in rows.payments]
    assert Counter(zip(result.buckets["side"], result.buckets["row_key"], strict=True)) == Counter(
        keys
    )
    fetched = Counter()
    for payment in rows.payments:
        for leg in ("captured", "refunded"):
            key = (f"{leg}_as_fetched", payment["msn"], payment["currency"])
            fetched[key] += payment[f"{leg}_minor"]
    assert {k: v for k, v in totals(result).items() if "fetched" in k[0]} == +fetched
    ordered, shown = Counter(), Counter()
    for order in rows.orders:
        ordered[order["msn"], order["currency"]] += order["total_minor"]
    for row in records(result.bridge):
        if (row["leg"], row["line"]) == ("captured", "orders"):
            shown[row["msn"], row["currency"]] += row["amount_minor"]
    assert +shown == +ordered


def assert_unsettled_pairs_stay(draw):
    """A discrepancy or timing difference of the whole run is also in each later period's run."""
    middle = draw.middle
    end = utc_day_number(datetime(middle.year, middle.month, middle.day, tzinfo=UTC))
    begun = {
        f"{p['msn']}:{p['reference']}"
        for p in draw.rows.payments
        if p["created_day"] is not None and p["created_day"] <= end
    }
    unsettled = {
        row["row_key"]: row["kind"]
        for row in records(draw.everything.buckets)
        if row["bucket"] in {"discrepancy", "timing"} and row["row_key"] in begun
    }
    first_kinds = {row["row_key"]: row["kind"] for row in records(draw.first_run.buckets)}

    assert {key: first_kinds[key] for key in unsettled} == unsettled


def lines(result, leg="captured"):
    """Return the lines of a leg."""
    rows = result.bridge[result.bridge["leg"] == leg]
    return dict(zip(rows["line"], rows["amount_minor"], strict=True))


def test_capture_in_the_next_month_has_its_own_bridge_line():
    """Ordered and partly captured in October, the rest in November: each month has its own part."""
    order, payment = make_pair(captured=[(6, 600), (35, 400)])
    october, november, both = (
        reconcile_both([order], [payment], first=first, last=last)
        for first, last in (OCTOBER, NOVEMBER, BOTH)
    )

    assert lines(october) == {"orders": 1000, "moved_in_another_period": -400, "captured": 600}
    assert lines(november) == {"orders": 1000, "moved_in_another_period": -600, "captured": 400}
    assert lines(both) == {"orders": 1000, "captured": 1000}
    assert lines(october, "captured_as_fetched") == {
        "captured": 600,
        "moved_in_another_period": 400,
        "captured_as_fetched": 1000,
    }
    assert {r.verdict for r in (october, november, both)} == {"clean"}


def test_refund_in_the_next_month_belongs_to_that_month():
    """Captured in October and refunded in November, in both systems."""
    order, payment = make_pair(captured=[(6, 1000)], refunded=(40, 300))
    october, november = (
        reconcile_both([order], [payment], first=first, last=last)
        for first, last in (OCTOBER, NOVEMBER)
    )

    assert lines(october, "refunded")["refunded"] == 0
    assert lines(november, "refunded")["refunded"] == 300
    assert lines(october, "refunded")["moved_in_another_period"] == -300
    assert lines(november)["moved_in_another_period"] == -1000


def test_a_split_payment_is_one_pair_in_both_months():
    """One part was captured in October, the other in November: neither month finds a difference."""
    order, first_payment = make_pair("order-0001", captured=[(6, 600)], total_minor=1000)
    _, second_run = make_pair("order-0001-1", captured=[(35, 400)])
    october, november = (
        reconcile_both([order], [first_payment, second_run], first=first, last=last)
        for first, last in (OCTOBER, NOVEMBER)
    )

    for result, captured in ((october, 600), (november, 400)):
        assert set(result.buckets["bucket"]) == {"matched"}
        assert lines(result)["captured"] == captured


def test_pair_of_another_month_without_errors_is_outside():
    """It has no event in the period and no error, so it is ignored with the kind outside_period."""
    order, payment = make_pair(captured=[(6, 1000)])
    second_run, paid = make_pair("order-0002", ordered=40, captured=[(41, 500)], source_row=3)
    result = reconcile_both(
        [order, second_run], [payment, paid], first=NOVEMBER[0], last=NOVEMBER[1]
    )
    kinds = dict(zip(result.buckets["row_key"], result.buckets["kind"], strict=True))

    assert kinds == {
        f"{order['source_file']}:2": "outside_period",
        f"{order['source_file']}:3": "",
        f"{EXAMPLE_MSN}:order-0001": "outside_period",
        f"{EXAMPLE_MSN}:order-0002": "",
    }
    assert lines(result) == {"orders": 1500, "outside_period": -1000, "captured": 500}
    summary = result.summary.set_index("kind")
    assert (summary.loc["outside_period", "bucket"], summary.loc["outside_period", "rows"]) == (
        "ignored",
        1,
    )
    assert result.manifest["counts"]["pairs"] == 1


@pytest.mark.parametrize(
    ("total", "expected"), [(900, ["over_captured"]), (1200, ["under_captured"])]
)
def test_october_discrepancy_stays_in_november_until_settled(total, expected):
    """It stays until it is settled; October's movements are in the line for other periods."""
    order, payment = make_pair(captured=[(6, 1000)], total_minor=total)
    result = reconcile_both([order], [payment], first=NOVEMBER[0], last=NOVEMBER[1])

    assert list(result.discrepancies["kind"]) == expected
    assert lines(result) == {
        "orders": total,
        expected[0]: 1000 - total,
        "moved_in_another_period": -1000,
        "captured": 0,
    }


def test_discrepancy_after_the_period_is_outside():
    """A discrepancy of November does not belong to October."""
    order, payment = make_pair(ordered=40, captured=[(41, 1000)], total_minor=900)
    result = reconcile_both([order], [payment], first=OCTOBER[0], last=OCTOBER[1])

    assert set(result.buckets["kind"]) == {"outside_period"}
    assert not len(result.discrepancies)
