"""One round of killing: three plans at once, each with its own carrier, until all are done."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.crash.carrier import Life
from tests.crash.carrier_processes import Keeper, Running, Tally
from tests.crash.simulator_process import MONEY_OPERATIONS
from tests.crash.workspace import Workspace, assert_carried_out, make_life

ON_THE_WAY = ("getPayment", "getPaymentEventLog", "refund", "capture", "cancel")
SHARE = 0.2

FAULTS: dict[str, dict[str, Any]] = {
    "latency_ms": {"latency_ms": 250},
    "429": {"status": 429},
    "429 retry_after": {"status": 429, "retry_after": 1},
    "500": {"status": 500},
    "502": {"status": 502},
    "503": {"status": 503},
    "500 after": {"status": 500, "after": True},
    "drop_before": {"drop_before": True},
    "drop_after": {"drop_after": True},
    "truncate": {"truncate": True},
    "html_body": {"html_body": True},
    "slow_body": {"slow_body": 0.3},
}
"""Each fault of the simulator. "500 after" is done, and answered with a 500 all the same."""


def make_fault(name: str, share: float = SHARE) -> dict[str, Any]:
    """Return one fault that applies to every operation used by a plan."""
    return {"operations": list(ON_THE_WAY), "share": share} | FAULTS[name]


def mix_faults() -> list[dict[str, Any]]:
    """Return all faults together for one request in five. Half of them are lost answers."""
    others = [name for name in FAULTS if name != "drop_after"]
    few = [make_fault(name, SHARE / 2 / len(others)) for name in others]
    return [make_fault("drop_after", SHARE / 2), *few]


def run_kill_round(
    workspace: Workspace,
    begin: Callable[[Life], Running],
    dice: random.Random,
    *,
    rows: int,
    most_kills: int = 1_000,
    **keeping: Any,
) -> Tally:
    """Carry out a refund, a capture and a cancel plan while their carriers are killed.

    Returns:
        The counts. If the result is wrong, an AssertionError is raised.
    """
    plans = [workspace.simulator.plan(verb, rows) for verb in MONEY_OPERATIONS]
    lives = [make_life(workspace, plan) for plan in plans]
    keeper = Keeper(
        begin,
        dice,
        most_kills=most_kills,
        after_kill=lambda place: workspace.count_open_rows(plans[place]),
        **keeping,
    )
    keeper.carry(lives)
    assert_carried_out(workspace, *plans)
    return keeper.tally
