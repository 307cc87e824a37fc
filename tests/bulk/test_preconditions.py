"""The sums a live run must repeat."""

from __future__ import annotations

import pytest

from vippsrecon.bulk.execution.preconditions import check_confirmed_sums
from vippsrecon.errors import PlanError


def test_sum_confirmed_twice_is_refused(world):
    """Two different sums of one currency: nobody can tell which was meant."""
    plan = world(1).plan("refund", 300)

    with pytest.raises(PlanError, match="more than once"):
        check_confirmed_sums(plan, ["9.00 NOK", "3.00 NOK"])
