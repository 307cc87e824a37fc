"""Every fault of the simulator, on one request in five: nothing is done twice or lost.

The same with kills, one fault at a time: python -m tests.crash --kills 100 --faults each
"""

from __future__ import annotations

import random

import pytest

from tests.crash.carrier_processes import LIVES_LEFT_TO_END, Keeper
from tests.crash.databases import sqlite
from tests.crash.interrupted_runs import BY_ITSELF, InProcess, carry_out_once
from tests.crash.kill_rounds import FAULTS, make_fault, mix_faults
from tests.crash.simulator_process import MONEY_OPERATIONS, PaymentCase, make_numbered_plan
from tests.crash.workspace import Workspace, assert_cap_counts, assert_carried_out, make_life

ROWS = 12


@pytest.mark.parametrize("name", [*FAULTS, "mixed"])
def test_fault_on_one_request_in_five(tmp_path, name):
    """Every row ends as planned, even if answers are lost or damaged."""
    number = [*FAULTS, "mixed"].index(name)
    dice = random.Random(number)
    verb = MONEY_OPERATIONS[number % len(MONEY_OPERATIONS)]
    cases = [PaymentCase(verb, row, dice) for row in range(ROWS)]
    simulator = InProcess(cases, seed=number)
    workspace = Workspace(tmp_path, sqlite(tmp_path), simulator)
    plan = make_numbered_plan(verb, [case.row(1) for case in cases], dice, simulator.now())
    workspace.approve_plan(plan)
    faults = mix_faults() if name == "mixed" else [make_fault(name)]

    for _ in range(LIVES_LEFT_TO_END):
        if not carry_out_once(
            workspace, plan, BY_ITSELF._replace(in_flight=ROWS), faults
        ).exit_code:
            break

    assert_carried_out(workspace, plan)
    assert_cap_counts(workspace)
    assert sum(simulator.simulator.requests()["faults"].values()) > 0
    workspace.close()


def test_answers_lost_on_a_real_socket(workspace, begin):
    """Answers are lost on a real socket, with three carriers at once, on each database."""
    simulator = workspace.simulator
    simulator.faults(make_fault("drop_after"))
    plans = [simulator.plan(verb, 5) for verb in MONEY_OPERATIONS]
    lives = [make_life(workspace, plan, in_flight=5) for plan in plans]

    before = simulator.read_counts()["faults"]
    Keeper(begin, random.Random(1), most_kills=0).carry(lives)

    assert_carried_out(workspace, *plans)
    assert simulator.read_counts()["faults"] != before
