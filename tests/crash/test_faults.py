"""Every fault of the simulator, on one request in five: nothing is done twice or lost.

The same with kills, one fault at a time: python -m tests.crash --kills 100 --faults each
"""

from __future__ import annotations

import random

import pytest

from tests.crash.carrier import Life
from tests.crash.carrier_processes import LIVES_LEFT_TO_END, Keeper
from tests.crash.databases import sqlite
from tests.crash.interrupted_runs import BY_ITSELF, InProcess, carried
from tests.crash.kill_rounds import FAULTS, fault, mixed
from tests.crash.simulator_process import MONEY_OPERATIONS, Case, plan_of
from tests.crash.workspace import Workspace, assert_cap_counts, assert_carried_out

ROWS = 12


@pytest.mark.parametrize("name", [*FAULTS, "mixed"])
def test_fault_on_one_request_in_five(tmp_path, name):
    """Every row ends as planned, even if answers are lost or damaged."""
    number = [*FAULTS, "mixed"].index(name)
    dice = random.Random(number)
    verb = MONEY_OPERATIONS[number % len(MONEY_OPERATIONS)]
    cases = [Case(verb, row, dice) for row in range(ROWS)]
    world = InProcess(cases, seed=number)
    workspace = Workspace(tmp_path, sqlite(tmp_path), world)
    plan = plan_of(verb, [case.row(1) for case in cases], dice, world.now())
    workspace.approved(plan)
    faults = mixed() if name == "mixed" else [fault(name)]

    for _ in range(LIVES_LEFT_TO_END):
        if not carried(workspace, plan, BY_ITSELF._replace(in_flight=ROWS), faults).exit_code:
            break

    assert_carried_out(workspace, plan)
    assert_cap_counts(workspace)
    assert sum(world.simulator.requests()["faults"].values()) > 0
    workspace.close()


def test_answers_lost_on_a_real_socket(workspace, begin):
    """Answers are lost on a real socket, with three carriers at once, on each database."""
    world = workspace.world
    world.faults(fault("drop_after"))
    plans = [world.plan(verb, 5) for verb in MONEY_OPERATIONS]
    lives = [
        Life(workspace.folder, world.base_url, workspace.database_url, workspace.approved(plan), 5)
        for plan in plans
    ]

    before = world.counted()["faults"]
    Keeper(begin, random.Random(1), most_kills=0).carry(lives)

    assert_carried_out(workspace, *plans)
    assert world.counted()["faults"] != before
