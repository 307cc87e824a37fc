"""A large plan from its list to its verified journal: seconds and memory of every step.

    python -m tests.benchmarks.capacity [--rows 100000] [--database sqlite|postgresql] [--smoke]

Each step is a process of its own, as the commands are, and says how much memory it had at most.
What grows with the plan is the plan itself, its rows' states and results; what does not is the
journal, which is read page by page. The server is that of `carry_out`, without latency.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.carry_out import serving, settings_for
from tests.crash.databases import DATABASES, databases

IN_FLIGHT = 64
STEPS = ("plan", "approve", "carry-out", "verify")


def write_list(path: Path, rows: int) -> None:
    """Write the list from which the plan is made."""
    dice = random.Random(7)
    lines = [f"order-{n:08d},{dice.randrange(200, 90_000) / 100:.2f},NOK" for n in range(rows)]
    path.write_text("\n".join(["reference,amount,currency", *lines, ""]), encoding="utf-8")


def step(name: str, folder: Path, base_url: str, database_url: str) -> str:
    """Do one step, with only the imports that it needs; return its result as text."""
    settings = settings_for(base_url, folder, database_url)
    file = folder / "plan.json"
    from vippsrecon.bulk.plan.file import read_plan, write_plan
    from vippsrecon.store import open_store, verify_journal

    if name == "plan":
        from vippsrecon.api.client import Client
        from vippsrecon.bulk.plan.make import plan_refunds

        with Client(settings) as client:
            plan = plan_refunds(folder / "refunds.csv", client=client, planner="kari")
        write_plan(plan, file)
        return f"{plan.count} rows"
    plan = read_plan(file)
    with open_store(database_url) as store:
        if name == "approve":
            from vippsrecon.bulk.approval.approve import approve

            approve(plan, store, approver="ola", os_account="ola", host="here")
            return ""
        if name == "verify":
            verdict = verify_journal(store, plan.plan_id)
            return f"{verdict.rows} entries, {'they hold' if verdict.ok else verdict.fault}"
        from vippsrecon.api.client import Client
        from vippsrecon.bulk.execution.carry_out import carry_out

        with Client(settings) as client:
            carried = carry_out(
                plan, client, live=True, confirm=plan.totals, store=store, in_flight=IN_FLIGHT
            )
        return f"{carried.counts['done']} done, exit {carried.exit_code}"


def main() -> None:
    """Print one line per step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--smoke", action="store_true", help="short: shows that it runs")
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        name, folder, base_url, database_url = options.step
        began = time.perf_counter()
        step_result = step(name, Path(folder), base_url, database_url)
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{name:10} {seconds:8.1f} s  {peak:6.0f} MB at most  {step_result}")
        return
    rows = 500 if options.smoke else options.rows
    with (
        tempfile.TemporaryDirectory() as place,
        databases(options.database, sync=True) as make,
        serving(0.0) as base_url,
    ):
        folder = Path(place)
        write_list(folder / "refunds.csv", rows)
        print(
            f"{rows} refunds on {options.database}, {IN_FLIGHT} in flight, no latency", flush=True
        )
        database_url = make(folder)
        command = [sys.executable, "-m", "tests.benchmarks.capacity", "--step"]
        for name in STEPS:
            subprocess.run([*command, name, str(folder), base_url, database_url], check=True)


if __name__ == "__main__":
    main()
