"""Run schedules of the carrying path, each drawn by its number; print one line for each failure.

python -m tests.replay --schedules 1000000 [--first 0] [--jobs 2]
python -m tests.replay --only 4711
python -m tests.replay --mutants
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor

from tests.replay.mutants import MUTANTS, catch
from tests.replay.schedule import Schedule, find_violation

CHUNK = 250


def run_chunk(first: int) -> list[str]:
    """Run the schedules that start at one number, and return a line for each that fails."""
    violations = [(number, find_violation(number)) for number in range(first, first + CHUNK)]
    return [f"python -m tests.replay --only {number}  # {why}" for number, why in violations if why]


def main() -> int:
    """Run the schedules. Return 1 if any of them fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", type=int, help="one schedule, with its traceback")
    parser.add_argument("--mutants", action="store_true", help="break each step on purpose")
    options = parser.parse_args()
    if options.only is not None:
        return _run_seed(options.only)
    if options.mutants:
        return _run_mutants(options.schedules)
    began, failures = time.monotonic(), 0
    with ProcessPoolExecutor(options.jobs, initializer=_silence_notices) as pool:
        chunks = range(options.first, options.first + options.schedules, CHUNK)
        for number, lines in enumerate(pool.map(run_chunk, chunks), start=1):
            failures += len(lines)
            for line in lines:
                print(line, flush=True)
            if number % 100 == 0:
                print(f"{number * CHUNK} schedules, {failures} failures", file=sys.stderr)
    seconds = time.monotonic() - began
    print(f"{len(chunks) * CHUNK} schedules, {failures} failures, {seconds:.0f} s")
    return int(failures > 0)


def _silence_notices() -> None:
    """Print no notice that a row waits: a schedule's hours of waiting pass in no time."""
    logging.getLogger("vippsrecon").setLevel(logging.ERROR)


def _run_seed(number: int) -> int:
    why = find_violation(number)
    if why:
        random.seed(number)
        try:
            Schedule(number).run()
        except Exception:
            traceback.print_exc()
    print(f"schedule {number}: {why or 'holds'}")
    return int(bool(why))


def _run_mutants(schedules: int) -> int:
    escaped = 0
    for name in MUTANTS:
        caught = catch(name, schedules)
        escaped += caught is None
        print(f"{name}: {'ESCAPED' if caught is None else f'schedule {caught[0]}: {caught[1]}'}")
    print(f"{len(MUTANTS)} mutants, {escaped} escaped")
    return int(escaped > 0)


if __name__ == "__main__":
    sys.exit(main())
