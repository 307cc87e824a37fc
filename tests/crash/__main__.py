"""Kill carriers until so many kills are reached, and hold the claim after every round.

    python -m tests.crash --kills 300 --database sqlite|postgresql [--seed 7]
        [--faults mixed|each|NAME]

A round is three plans at once (refund, capture, cancel; partial and full amounts), each carried
out by a process of its own that is killed with SIGKILL, and begun again, until all is done: at a
random instant, or by its own hand before, inside or just after a commit of the journal. Then the
simulator's own count per payment has to equal the plans exactly, every journal's chain has to
hold, and journal and simulator have to agree row by row.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from pathlib import Path

from tests.crash.carrier_processes import Tally, fork_server
from tests.crash.databases import DATABASES, databases
from tests.crash.kill_rounds import FAULTS, make_fault, mix_faults, run_kill_round
from tests.crash.simulator_process import run_simulator
from tests.crash.workspace import Workspace, assert_cap_counts

ROWS = 12
LATENCY_MS = 20
KILLS_A_ROUND = 25
"""After these a round's carriers are left to end, and the next round begins with new payments."""


def main() -> None:
    """Run the rounds, and print one line for each round and the totals at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--faults", choices=["mixed", "each", *FAULTS], help="one request in five")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("VIPPS_", "VIPPSRECON_"))]:
        del os.environ[name]
    tally, began, rounds = Tally(), time.monotonic(), 0
    with (
        tempfile.TemporaryDirectory(prefix="vippsrecon-crash-") as place,
        databases(options.database) as make,
        fork_server() as begin,
    ):
        folder = Path(place)
        while tally.kills.total() < options.kills:
            seed = options.seed * 1_000 + rounds
            with run_simulator(
                folder / f"simulator-{rounds}", seed=seed, payments=ROWS
            ) as simulator:
                simulator.settings(latency_ms=LATENCY_MS)
                name = options.faults
                if name == "each":
                    name = list(FAULTS)[rounds % len(FAULTS)]
                if name:
                    simulator.faults(*(mix_faults() if name == "mixed" else [make_fault(name)]))
                round_folder = folder / f"round-{rounds}"
                workspace = Workspace(round_folder, make(round_folder), simulator)
                round_tally = run_kill_round(
                    workspace, begin, random.Random(seed), rows=ROWS, most_kills=KILLS_A_ROUND
                )
                assert_cap_counts(workspace)
                workspace.close()
            tally.add(round_tally)
            rounds += 1
            beside = f", {name}" if name else ""
            print(f"round {rounds}, seed {seed}{beside}: {_words(round_tally)}", flush=True)
    seconds = time.monotonic() - began
    print(
        f"{options.database}: {rounds} rounds, {rounds * 3 * ROWS} operations, {_words(tally)}; "
        f"{seconds:.0f} s\nnothing twice, nothing lost, every chain holds, "
        "journal and simulator agree row by row"
    )


def _words(tally: Tally) -> str:
    kills = ", ".join(f"{count} {how}" for how, count in sorted(tally.kills.items()))
    outcome_text = ", ".join(
        f"{count} {outcome}" for outcome, count in sorted(tally.open_rows.items())
    )
    return (
        f"{tally.kills.total()} kills of {tally.lives} lives ({kills}); rows then: {outcome_text}"
    )


if __name__ == "__main__":
    main()
