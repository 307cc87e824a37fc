"""Carriers are killed with SIGKILL at any instant: nothing is done twice or lost.

The journal stays correct too. For the long test, run:
python -m tests.crash --kills 300 --database sqlite|postgresql
"""

from __future__ import annotations

import random

import pytest

from tests.crash.carrier_processes import Tally
from tests.crash.kill_rounds import mix_faults, run_kill_round

ROUNDS = range(11, 16)


@pytest.mark.ci
def test_carriers_killed_at_any_instant_and_in_any_commit(workspace, begin):
    """On each database, three plans at once are killed and started again until they are done."""
    workspace.simulator.settings(latency_ms=40)

    tally = Tally()
    for seed in ROUNDS:  # the number of kills in a round depends on the speed of the machine
        tally.add(run_kill_round(workspace, begin, random.Random(seed), rows=8, most_kills=14))
        if tally.kills.total() >= 3 and tally.kills["at any instant"]:
            return
    raise AssertionError(f"hardly anything was killed: {tally}")


def test_carriers_killed_while_answers_are_lost(workspace_on, begin):
    """Answers are lost and carriers are killed. One fault must not make the other worse."""
    workspace = workspace_on("sqlite")
    workspace.simulator.settings(latency_ms=20)
    workspace.simulator.faults(*mix_faults())

    tally = Tally()
    for seed in ROUNDS:
        tally.add(
            run_kill_round(workspace, begin, random.Random(seed), rows=8, most_kills=10, window=0.7)
        )
        if tally.kills:
            return
    raise AssertionError(f"nothing was killed: {tally}")
