"""A planner is one person, however the name is written."""

from __future__ import annotations

import pytest

from vippsrecon.bulk.approval.approve import approve
from vippsrecon.bulk.limits import Limits
from vippsrecon.errors import PlanError


def test_planner_name_ignores_case(world):
    """Plans of "Kari" and "kari" are added together, because both names are one person."""
    here = world(2)
    limits = Limits.from_settings({"own_approval_up_to": 10})
    first, second = here.plan("refund", 900, planner="Kari"), here.plan("refund", 900)
    approve(first, here.store, approver="kari", now=here.simulator.now(), limits=limits)

    with pytest.raises(PlanError, match="together above"):
        approve(second, here.store, approver="kari", now=here.simulator.now(), limits=limits)
