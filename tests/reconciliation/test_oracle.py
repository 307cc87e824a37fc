"""The package against a second reading of the rules: the same answer for thousands of situations.

Whoever writes a check may misread the rule it stands for, and the worked cases cannot hold
every mixture of them. The model (`oracle`) reads the rules once more, independently. Agreement
is asserted for each finding's code, expected, actual and at-risk amounts and proposal, and for
the bucket and kind of each row, wherever `agreement.FEATURES` switches it on.

The default run takes seconds, the nightly one minutes. Any number of situations, from the
repository's folder; a difference prints the situation's rows and what each side says:

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
    """Check that no situation is answered differently."""
    wrong = [
        str(difference)
        for difference in differences(list(draw(seed, count)), **given)
        if asserted(difference)
    ]
    assert not wrong, "\n\n".join([f"{len(wrong)} situations", *wrong[:5]])


@pytest.mark.parametrize(("seed", "given"), WAYS)
def test_agrees_with_a_second_reading_of_the_rules(seed, given):
    """Every finding, amount, proposal, bucket and kind is as the rules' text has it."""
    check_agreement(seed, 1000, given)


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(10))
@pytest.mark.parametrize(("seed", "given"), WAYS)
def test_agrees_in_many_more_situations(seed, given, block):
    """The same for 100,000 situations in all, in every way of running."""
    check_agreement(seed + 100 * (block + 1), 2000, given)
