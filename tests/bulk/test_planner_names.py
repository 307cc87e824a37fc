"""A planner is one person, however the name is written."""

from __future__ import annotations

import pytest

from vippsrecon.bulk.approval.approve import approve
from vippsrecon.bulk.limits import Limits
from vippsrecon.errors import PlanError


def test_planner_name_ignores_case(make_account):
    """Plans of "Kari" and "kari" are added together, because both names are one person."""
    account = make_account(2)
    limits = Limits.from_settings({"own_approval_up_to": 10})
    first, second = (
        account.make_plan("refund", 900, planner="Kari"),
        account.make_plan("refund", 900),
    )
    approve(first, account.store, approver="kari", now=account.simulator.now(), limits=limits)

    with pytest.raises(PlanError, match="together above"):
        approve(second, account.store, approver="kari", now=account.simulator.now(), limits=limits)
