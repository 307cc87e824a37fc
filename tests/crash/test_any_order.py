"""Crashes, faults and restarts in any order lead to the same outcomes."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.crash.databases import sqlite
from tests.crash.interrupted_runs import BRIEF, BY_ITSELF, InProcess, Run, Slow, carry_out_once
from tests.crash.simulator_process import MONEY_OPERATIONS, PaymentCase, make_numbered_plan
from tests.crash.workspace import GOOD, Workspace, assert_cap_counts, assert_carried_out
from tests.hypothesis_sizes import draw_examples

ROWS = 4

RUNS = st.lists(
    st.builds(
        Run,
        st.lists(st.sampled_from(sorted(BRIEF)), max_size=3, unique=True).map(tuple),
        st.sampled_from(["by itself", "before a request", "after a request", "at a commit"]),
        st.integers(1, 4 * ROWS),
        st.integers(1, ROWS),
    ),
    max_size=6,
)


@draw_examples(10)
@given(verb=st.sampled_from(MONEY_OPERATIONS), runs=RUNS, seed=st.integers(0, 2**16))
@example("refund", [Run(("drop_after",), "after a request", 5, 2)] * 3, 1)
@example("capture", [Run((), "at a commit", n, 1) for n in range(1, 7)], 2)
@example("cancel", [Run(("500 after", "drop_before"), "before a request", 6, 4)] * 2, 3)
def test_any_order_of_faults_gives_the_same_outcomes(verb, runs, seed):
    """Each row is done once and as planned, whatever happened before."""
    dice = random.Random(seed)
    cases = [PaymentCase(verb, number, dice) for number in range(ROWS)]
    simulator = InProcess(cases, seed)
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace(Path(place), sqlite(Path(place)), simulator)
        plan = make_numbered_plan(verb, [case.row(1) for case in cases], dice, simulator.now())
        workspace.approve_plan(plan)
        try:
            for run in runs:
                carry_out_once(workspace, plan, run)
            last = carry_out_once(workspace, plan, BY_ITSELF)
            assert last is not None
            assert {result.outcome for result in last.results} <= set(GOOD)
            assert last.exit_code == 0
            assert_carried_out(workspace, plan)
            assert_cap_counts(workspace)
        finally:
            workspace.close()


@pytest.mark.parametrize("verb", MONEY_OPERATIONS)
def test_request_that_arrives_between_two_readings_is_found(tmp_path, verb):
    """The dead carrier's request takes effect between two readings of the next carrier."""
    dice = random.Random(5)
    case = PaymentCase(verb, 0, dice)
    simulator = InProcess([case], 5)
    workspace = Workspace(tmp_path, sqlite(tmp_path), simulator)
    plan = make_numbered_plan(verb, [case.row(1)], dice, simulator.now())
    workspace.approve_plan(plan)
    way = Slow(simulator.simulator)

    assert carry_out_once(workspace, plan, BY_ITSELF, transport=way) is None
    assert carry_out_once(workspace, plan, BY_ITSELF, transport=way).exit_code == 0

    assert_carried_out(workspace, plan)
    workspace.close()
