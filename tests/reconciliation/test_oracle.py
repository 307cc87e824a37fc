"""Package and model (`oracle`) must give the same result for thousands of situations.

The author of a check may misread its rule, and the worked cases cannot contain every combination
of rules. The model was written from the rules a second time, independently of the package. Both
must agree on each finding's code, its expected, actual and at-risk amounts and its proposal, and
on the bucket and kind of each row, for all features that `agreement.FEATURES` switches on.

The default run takes seconds, the nightly one minutes. These commands compare any number of
situations, from the repository's folder. For a difference they print the situation's rows and
both results:

    python -m tests.reconciliation.agreement 300000
    python -m tests.reconciliation.agreement 300000 --seed 7
"""

from __future__ import annotations

from datetime import date

import pytest

from tests.reconciliation.agreement import asserted, differences, draw

WAYS = [
    pytest.param(1, {}, id="events"),
    pytest.param(2, {"tolerance": 2}, id="tolerance"),
    pytest.param(3, {"has_log": False}, id="totals only"),
    pytest.param(4, {"first": date(2026, 10, 1), "last": date(2026, 10, 31)}, id="October"),
    pytest.param(5, {"first": date(2026, 9, 1), "last": date(2026, 9, 30)}, id="September"),
]


def check_agreement(seed, count, given):
    """Check that model and package give the same result for every situation."""
    wrong = [
        str(difference)
        for difference in differences(list(draw(seed, count)), **given)
        if asserted(difference)
    ]
    assert not wrong, "\n\n".join([f"{len(wrong)} situations", *wrong[:5]])


@pytest.mark.parametrize(("seed", "given"), WAYS)
def test_package_agrees_with_the_model(seed, given):
    """Every finding, amount, proposal, bucket and kind is the same as in the model."""
    check_agreement(seed, 1000, given)


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(10))
@pytest.mark.parametrize(("seed", "given"), WAYS)
def test_package_agrees_with_the_model_in_100000_situations(seed, given, block):
    """The same for 100,000 situations in total, in every mode of running."""
    check_agreement(seed + 100 * (block + 1), 2000, given)
