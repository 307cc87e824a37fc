"""The limits of assumption 3: a full disk, and a database that goes away and comes back."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.crash.carrier_processes import Keeper
from tests.crash.databases import sqlite
from tests.crash.simulator_process import MONEY_OPERATIONS
from tests.crash.workspace import Workspace, assert_carried_out, assert_never_twice, make_life
from tests.postgres import CutWire
from tests.waiting import wait_until

ROWS = 10


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of sixteen megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.ci
def test_full_disk_sends_no_request_without_an_entry(small_disk, tmp_path, simulator, begin):
    """When the journal cannot be written, no request is sent without an entry.

    The command ends with exit code 2 and one clear sentence.
    """
    workspace = Workspace(tmp_path / "full", sqlite(small_disk), simulator)
    simulator.slow_down()
    plans = [simulator.plan(verb, ROWS) for verb in MONEY_OPERATIONS]
    lives = [make_life(workspace, plan, in_flight=2) for plan in plans]

    running = [begin(life) for life in lives]
    simulator.wait_for_effects(plans, 1)
    ballast = _fill(small_disk)
    simulator.speed_up()
    ended = [carrier.wait() for carrier in running]
    assert all(life.exit_code == 2 for life in ended), ended
    assert all("the disk is full: free some space" in life.message for life in ended), ended
    again = begin(lives[0]).wait()
    assert again.exit_code == 2

    ballast.unlink()
    assert_never_twice(workspace, *plans)
    Keeper(begin, random.Random(16), most_kills=0).carry(lives)
    assert_carried_out(workspace, *plans)
    workspace.close()


@pytest.mark.parametrize("more_bytes", [4_000, 40_000])
def test_file_size_limit_stops_a_commit_at_any_point(workspace_on, begin, more_bytes):
    """A quota can stop a commit at any point. The next run continues from what the journal kept."""
    workspace = workspace_on("sqlite")
    simulator = workspace.simulator
    plan = simulator.plan("refund", ROWS)
    life = make_life(workspace, plan, in_flight=2)
    largest = max(path.stat().st_size for path in _files(workspace))

    stopped = begin(life._replace(largest_file=largest + more_bytes)).wait()

    assert stopped.exit_code == 2, stopped
    assert_never_twice(workspace, plan)
    assert begin(life).wait().exit_code == 0
    assert_carried_out(workspace, plan)


@pytest.mark.ci
def test_postgresql_that_loses_power_keeps_confirmed_entries(workspace_on, postgres, begin):
    """PostgreSQL loses power and comes back.

    Confirmed entries are there, and nothing is done twice.
    """
    workspace = workspace_on("postgresql")
    simulator = workspace.simulator
    simulator.slow_down()
    plans = [simulator.plan(verb, ROWS) for verb in MONEY_OPERATIONS]
    lives = [make_life(workspace, plan, in_flight=2) for plan in plans]

    running = [begin(life) for life in lives]
    # At least one outcome is recorded once the slowest of two in flight has begun its third row.
    simulator.wait_for_effects(plans, 3)
    postgres.stop()
    simulator.speed_up()
    wait_until(lambda: not all(carrier.process.is_alive() for carrier in running))
    postgres.start()
    ended = [carrier.wait() for carrier in running]

    assert {life.exit_code for life in ended} <= {0, 2}, ended
    # A stopped run reports what was done, or says that the database was lost before it could.
    stopped = [life for life in ended if life.exit_code == 2]
    assert stopped, ended
    assert all(life.counts or "workspace database" in life.message for life in stopped), ended
    assert all("s3cret" not in life.message for life in ended)
    assert_never_twice(workspace, *plans)
    Keeper(begin, random.Random(17), most_kills=0).carry(lives)
    assert_carried_out(workspace, *plans)


@pytest.mark.ci
@pytest.mark.parametrize("cut", ["before", "after"])
def test_commit_whose_answer_is_lost_is_found(workspace_on, postgres, begin, cut):
    """The connection breaks at a COMMIT.

    The carrier finds out if the commit was kept, and then continues or stops.
    """
    workspace = workspace_on("postgresql")
    simulator = workspace.simulator
    simulator.slow_down()
    plan = simulator.plan("refund", ROWS)
    life = make_life(workspace, plan, in_flight=2)

    with CutWire(postgres.port) as wire:
        url = workspace.database_url.replace(f":{postgres.port}/", f":{wire.port}/")
        running = begin(life._replace(database_url=url))
        wait_until(lambda: len(workspace.sql("SELECT 1 FROM journal WHERE kind = 'done'")) >= 3)
        wire.cut = cut
        simulator.speed_up()
        ended = running.wait()
        assert wire.cuts == 1

    assert ended.exit_code in (0, 2), ended
    assert_never_twice(workspace, plan)
    Keeper(begin, random.Random(18), most_kills=0).carry([life])
    assert_carried_out(workspace, plan)


def _fill(folder: Path) -> Path:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 512, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return ballast


def _files(workspace):
    return [
        path
        for path in Path(workspace.database_url.removeprefix("sqlite:///")).parent.iterdir()
        if path.name.startswith("workspace.db")
    ]
