"""Each assumption is broken alone: never a second operation; at worst a row ends unknown."""

from __future__ import annotations

import random
import signal

import pytest

from tests.crash.carrier import PATIENCE
from tests.crash.carrier_processes import Keeper, Tally
from tests.crash.kill_rounds import make_fault, run_kill_round
from tests.crash.simulator_process import MONEY_OPERATIONS
from tests.crash.workspace import assert_carried_out, assert_never_twice, make_life
from tests.waiting import wait_until

ROWS = 5
LAG_SECONDS = 1200.0
MOST_ROUNDS = 5


@pytest.mark.parametrize("name", ["drop_after", "latency_ms"])
def test_forgotten_keys_never_repeat_an_operation(workspace_on, begin, name):
    """Assumption 1: a repeated request is not executed again.

    If that is not true, the event log decides.
    """
    workspace = workspace_on("sqlite")
    workspace.simulator.settings(key_lifetime_seconds=0, latency_ms=20)
    workspace.simulator.faults(make_fault(name))

    tally = Tally()
    for seed in range(13, 33):  # the number of kills in a round depends on the speed of the machine
        dice = random.Random(seed)
        tally.add(run_kill_round(workspace, begin, dice, rows=3, most_kills=6, window=0.6))
        if tally.kills.total() >= 3:
            return
    raise AssertionError(f"hardly anything was killed: {tally}")


@pytest.mark.ci
def test_requests_of_killed_carriers_that_are_still_in_progress(workspace_on, begin):
    """Requests of killed carriers are still locked at Vipps, and their keys are forgotten.

    The next carriers get the answer "locked". They must read the payment before they send again,
    because the first request may have taken effect.
    """
    workspace = workspace_on("sqlite")
    simulator = workspace.simulator
    plans = [_plan_small_amounts(simulator, verb) for verb in MONEY_OPERATIONS]
    references = {row.reference for plan in plans for row in plan.rows}
    # With a forgotten key, a request is not safe between the reading and the next request. So the
    # second carrier has a long wait, and is stopped in it until the first requests take effect.
    patience = PATIENCE._replace(first_wait=2.0, longest_wait=2.0)
    lives = [make_life(workspace, plan, in_flight=ROWS, patience=patience) for plan in plans]
    simulator.settings(key_lifetime_seconds=0)
    simulator.faults({"operations": list(MONEY_OPERATIONS), "share": 1, "latency_ms": 600_000})
    before = simulator.read_counts()["requests"]

    def each_was_requested(times):
        counts = simulator.read_counts()["requests"]
        return all(
            counts.get(plan.verb, 0) - before.get(plan.verb, 0) >= times * len(plan.rows)
            for plan in plans
        )

    first = [begin(life) for life in lives]
    wait_until(lambda: each_was_requested(1))
    for running in first:
        running.signal(signal.SIGKILL)
    assert [running.wait() for running in first] == [None] * len(plans)
    second = [begin(life) for life in lives]
    wait_until(lambda: each_was_requested(2))
    for running in second:
        running.signal(signal.SIGSTOP)
    simulator.faults()
    wait_until(lambda: references <= set(simulator.effects()))
    for running in second:
        running.signal(signal.SIGCONT)

    assert [running.wait().exit_code for running in second] == [0] * len(plans)
    assert_carried_out(workspace, *plans)


def _plan_small_amounts(simulator, verb):
    """Return a plan with amounts so small that a second refund or capture would be accepted."""
    cases = simulator.take_cases(verb, 8 * ROWS)
    rows = [case.row(1) for case in cases if verb == "cancel" or case.amount < 30_000]
    return simulator.plan_for(verb, rows[:ROWS])


def test_event_log_that_is_late(workspace_on, begin):
    """Assumption 2: the log shows our key within a minute.

    If that is not true, a row may be unknown, and a person has to look at it.
    """
    workspace = workspace_on("sqlite")
    simulator = workspace.simulator
    simulator.settings(event_log_lag_ms=LAG_SECONDS * 1000, latency_ms=10)
    simulator.faults(make_fault("drop_after"))
    plans = [simulator.plan(verb, ROWS) for verb in MONEY_OPERATIONS]
    hurried = PATIENCE._replace(settle_for=0.5)
    lives = [make_life(workspace, plan, patience=hurried) for plan in plans]

    keeper = Keeper(begin, random.Random(14), most_kills=6)
    ended = keeper.carry(lives, until=(0, 1))

    assert_never_twice(workspace, *plans)
    assert sum(life.counts["unknown"] for life in ended) > 0
    for life in ended:
        assert life.counts["skipped"] == life.counts["refused"] == 0, life

    # Later the log shows the events, and the same command settles every row. If the
    # machine is so busy that an operation of that run could not be recorded either, its event is
    # hidden as long again: the clock is moved again, because nobody waits that long.
    simulator.faults()
    for _ in range(MOST_ROUNDS):
        simulator.advance(LAG_SECONDS)
        ended = Keeper(begin, random.Random(15), most_kills=0).carry(lives, until=(0, 1))
        if all(life.exit_code == 0 for life in ended):
            break
    assert_carried_out(workspace, *plans)
