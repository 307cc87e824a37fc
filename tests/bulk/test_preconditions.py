"""The sums that a person must confirm for a live run."""

from __future__ import annotations

import pytest

from vippsrecon.bulk.execution.preconditions import check_confirmed_sums
from vippsrecon.errors import PlanError


def test_sum_confirmed_twice_is_refused(make_account):
    """With two different sums of one currency, nobody can know which one was intended."""
    plan = make_account(1).make_plan("refund", 300)

    with pytest.raises(PlanError, match="more than once"):
        check_confirmed_sums(plan, ["9.00 NOK", "3.00 NOK"])
