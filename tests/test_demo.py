"""The demo finds all and only what was planted, in every shop's export."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vippsrecon.demo import Finding, Score, run_demo


@pytest.mark.parametrize("shop", ["plain", "shopify", "woocommerce", "magento"])
def test_all_and_only_what_was_planted(tmp_path, shop):
    """Precision and recall are both 1, amounts included, or the demo has failed."""
    demo = run_demo(tmp_path, payments=300, seed=7, shop=shop)

    assert demo.score.lines() == [
        f"found all {demo.score.planted.total():,} planted discrepancies "
        f"of {len(demo.score.planted)} kinds, and nothing else"
    ]
    assert demo.score.exact
    assert demo.score.planted.total() > 0
    assert demo.report.stat().st_size > 0


FINDINGS = st.builds(
    Finding,
    kind=st.sampled_from(["under_captured", "not_paid"]),
    msn=st.just("123456"),
    reference=st.sampled_from(["order-1", "order-2", ""]),
    order_number=st.sampled_from(["1", "2"]),
    expected_minor=st.sampled_from([None, 100, 200]),
    actual_minor=st.sampled_from([None, 100]),
    at_risk_minor=st.sampled_from([0, 100]),
)


@given(planted=st.lists(FINDINGS, max_size=6), found=st.lists(FINDINGS, max_size=6))
def test_a_score_is_exact_only_for_the_same_findings(planted, found):
    """A score that forgives would hide the faults it is there to show."""
    expected, actual = Counter(planted), Counter(found)
    right = expected & actual
    score = Score(
        Counter(one.kind for one in planted),
        Counter(one.kind for one in right.elements()),
        tuple((expected - actual).elements()),
        tuple((actual - expected).elements()),
    )

    assert score.exact == (sorted(planted, key=str) == sorted(found, key=str))
    assert (score.precision == 1.0 and score.recall == 1.0) == score.exact


def test_a_month_too_small_for_any_says_so():
    """All 0 of 0 found reads as if nothing had been looked for."""
    score = Score(Counter(), Counter(), (), ())

    assert score.lines() == [
        "this month is too small to contain a planted discrepancy, and none was found"
    ]
