"""Every fault of the simulator, on one request in five: nothing is done twice or lost.

The same with kills, one fault at a time: python -m tests.crash --kills 100 --faults each
"""

from __future__ import annotations

import contextlib
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.crash.carrier_processes import LIVES_LEFT_TO_END, Keeper
from tests.crash.databases import sqlite
from tests.crash.interrupted_runs import BY_ITSELF, InProcess, carry_out_once
from tests.crash.kill_rounds import FAULTS, make_fault, mix_faults
from tests.crash.simulator_process import MONEY_OPERATIONS, PaymentCase, make_numbered_plan
from tests.crash.workspace import Workspace, assert_cap_counts, assert_carried_out, make_life

ROWS = 12


FAULT_NAMES = [*FAULTS, "mixed"]


@pytest.fixture(scope="module")
def carried_out(tmp_path_factory):
    """Carry out one plan per fault, all at the same time: a carrier mostly waits."""
    with ThreadPoolExecutor(len(FAULT_NAMES)) as pool:
        yield {
            name: pool.submit(carry_out_with_fault, tmp_path_factory.mktemp("fault"), name)
            for name in FAULT_NAMES
        }


def carry_out_with_fault(folder, name):
    """Carry out a plan while one request in five has a fault, and return workspace and plan."""
    number = FAULT_NAMES.index(name)
    dice = random.Random(number)
    verb = MONEY_OPERATIONS[number % len(MONEY_OPERATIONS)]
    cases = [PaymentCase(verb, row, dice) for row in range(ROWS)]
    simulator = InProcess(cases, seed=number)
    workspace = Workspace(folder, sqlite(folder), simulator)
    plan = make_numbered_plan(verb, [case.row(1) for case in cases], dice, simulator.now())
    workspace.approve_plan(plan)
    faults = mix_faults() if name == "mixed" else [make_fault(name)]
    run = BY_ITSELF._replace(in_flight=ROWS)
    for _ in range(LIVES_LEFT_TO_END):
        if not carry_out_once(workspace, plan, run, faults).exit_code:
            break
    return workspace, plan


@pytest.mark.ci
@pytest.mark.parametrize("name", FAULT_NAMES)
def test_fault_on_one_request_in_five(carried_out, name):
    """Every row ends as planned, even if answers are lost or damaged."""
    workspace, plan = carried_out[name].result()

    with contextlib.closing(workspace):
        assert_carried_out(workspace, plan)
        assert_cap_counts(workspace)
        assert sum(workspace.simulator.simulator.requests()["faults"].values()) > 0


@pytest.mark.ci
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
