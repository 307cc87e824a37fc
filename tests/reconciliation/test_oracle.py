"""The package against a second reading of the rules: the same answer for thousands of situations.

Whoever writes a check may misread the rule it stands for, and the worked cases cannot hold
every mixture of them. The model (`oracle`) reads the rules once more, independently; agreement
is asserted for each finding's code, expected, actual and at-risk amounts and proposal, and for
the bucket and kind of each row.

The default run takes seconds. More, each a command of its own from the repository's folder:

    python -m tests.reconciliation.agreement 300000        # 300,000 situations, some 20 minutes
    python -m tests.reconciliation.agreement 300000 --seed 7
    VIPPSRECON_SITUATIONS=100000 pytest tests/reconciliation/test_oracle.py
"""

from __future__ import annotations

import os

import pytest

from tests.reconciliation.agreement import asserted, differences, draw

SITUATIONS = int(os.environ.get("VIPPSRECON_SITUATIONS", "1500"))
WAYS = [
    pytest.param({}, id="events"),
    pytest.param({"tolerance": 2}, id="tolerance"),
    pytest.param({"has_log": False}, id="totals only"),
]


@pytest.mark.parametrize("given", WAYS)
def test_agrees_with_a_second_reading_of_the_rules(given):
    """Every finding, amount, proposal, bucket and kind is as the rules' text has it."""
    seed = 1 + len(str(given))
    wrong = [
        str(difference)
        for difference in differences(list(draw(seed, SITUATIONS)), **given)
        if asserted(difference)
    ]

    assert not wrong, "\n\n".join([f"{len(wrong)} situations", *wrong[:5]])
