"""Plans are carried out under a seeded scheduler: nothing is done twice or lost.

The journal stays correct too. For the long test, run:
python -m tests.replay --schedules 1000000 --jobs 2, and python -m tests.replay --mutants
"""

from __future__ import annotations

import random

import pytest

from tests.replay.__main__ import CHUNK, run_chunk
from tests.replay.mutants import MUTANTS, catch
from tests.replay.schedule import Schedule, simulated_store

QUICK_MUTANTS = ("send before commit", "send another key", "never read again", "check nothing")
"""Caught within a second. All of them: `python -m tests.replay --mutants`, and nightly."""


def test_hundreds_of_schedules_keep_the_claim():
    """Each failure is one line with the command that repeats it."""
    assert run_chunk(0) == []


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(0, 20_000, 2_000))
def test_twenty_thousand_schedules_keep_the_claim(first):
    """The same check with many more schedules."""
    for chunk in range(first, first + 2_000, CHUNK):
        assert run_chunk(chunk) == []


@pytest.mark.parametrize("name", QUICK_MUTANTS)
def test_broken_step_is_caught(name):
    """If no broken step were found, the schedules would prove nothing."""
    assert catch(name, 500) is not None


@pytest.mark.nightly
@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_is_caught(name):
    """Each of the six steps is broken in every way on the list."""
    assert catch(name, 5_000) is not None


def test_same_number_draws_the_same_schedule():
    """A failure that cannot be repeated cannot be understood."""

    def replay(number: int) -> tuple:
        schedule = Schedule(number)
        schedule.run()
        return schedule.vipps.time.now, [entry[3:12] for entry in schedule.disk.entries]

    with simulated_store():
        for number in range(5):
            random.seed(number)
            first = replay(number)
            random.seed(number)
            assert replay(number) == first


def test_schedules_include_every_kind_of_fault_and_outcome():
    """Some schedules include crashes, restarts, repeated requests, and every outcome."""
    kinds: set[str] = set()
    restarts = requests_again = 0
    with simulated_store():
        for number in range(150):
            schedule = Schedule(number)
            schedule.run()
            kinds |= {entry.kind for entry in schedule.disk.entries}
            restarts += sum(entry.kind == "carrier" for entry in schedule.disk.entries) > 0
            rows = [entry.row for entry in schedule.disk.entries if entry.kind == "intended"]
            requests_again += len(rows) > len(set(rows))
    assert kinds >= {"intended", "done", "already_done", "refused", "skipped", "unknown"}
    assert restarts > 50
    assert requests_again > 15
