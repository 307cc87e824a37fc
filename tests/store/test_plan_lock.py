"""One process carries out a plan: taking the plan, taking it over, losing it."""

from __future__ import annotations

import os
import signal
import time
from threading import Barrier, Thread

import pytest
from sqlalchemy import text

from tests.store.plans_and_drafts import (
    AT,
    DIGEST,
    OTHER,
    PLAN,
    make_draft,
    open_test_store,
    register_approved_plan,
    start_process,
)
from vippsrecon.errors import PlanError, PlanLockHeldError, PlanLockLostError
from vippsrecon.store import (
    Draft,
    acquire,
    append_entries,
    check_held,
    commit_entries,
    identify_process,
    list_plans,
    read_entries,
    record_plan,
    release,
    renew,
    verify_journal,
)
from vippsrecon.store.database.processes import has_process_ended

HERE = {"holder": "ola", "host": "here", "pid": os.getpid()}
THERE = {"holder": "eva", "host": "there", "pid": 1, "started": ""}


def aged(store, seconds):
    """Set the heartbeat back by this many seconds."""
    moment = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', :ago)"
    values = {"ago": f"-{seconds} seconds"}
    if store._engine.dialect.name == "postgresql":
        moment = (
            "to_char((clock_timestamp() AT TIME ZONE 'UTC') - CAST(:ago AS interval), "
            '\'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\')'
        )
        values = {"ago": f"{seconds} seconds"}
    with store._engine.begin() as connection:
        connection.execute(text(f"UPDATE carriers SET heartbeat_at = {moment}"), values)


def test_first_carrier_has_epoch_1(store):
    """Epoch 0 is before the first carrier; approvals have it."""
    carrier = acquire(store, PLAN, **HERE)
    assert carrier == (PLAN, 1, "simulator", "refund")
    *_, approval, taken = read_entries(store, PLAN)
    assert (approval.kind, approval.epoch) == ("approved", 0)
    assert (taken.kind, taken.epoch, taken.parse_detail()["holder"]) == ("carrier", 1, "ola")


def test_held_plan_error_names_the_holder(store):
    """The sentence names the person, so that the reader can ask."""
    acquire(store, PLAN, **THERE)
    with pytest.raises(
        PlanLockHeldError, match=r"by eva on there \(process 1\) since 20.*Z, last heard"
    ):
        acquire(store, PLAN, **HERE)


def test_running_carrier_on_this_machine_is_not_replaced(store):
    """Its process runs, with the same start time as when it took the plan."""
    acquire(store, PLAN, **HERE)
    with pytest.raises(PlanLockHeldError):
        acquire(store, PLAN, holder="eva", host="here", pid=os.getppid())


def test_silent_carrier_is_replaced_after_30_seconds(store):
    """The old carrier finds out at its next write, and that write is refused."""
    first = acquire(store, PLAN, **THERE)
    aged(store, 29)
    with pytest.raises(PlanLockHeldError):
        acquire(store, PLAN, **HERE)
    aged(store, 31)
    second = acquire(store, PLAN, **HERE)
    assert second.epoch == first.epoch + 1
    before = list(read_entries(store, PLAN))
    assert before[-1].parse_detail()["instead_of"]["holder"] == "eva"
    for late in (
        lambda: commit_entries(store, first, [make_draft("intended", 1)]),
        lambda: commit_entries(store, first, [Draft("ended")]),
        lambda: renew(store, first),
    ):
        with pytest.raises(
            PlanLockLostError, match=r"taken over by ola on here .* epoch 2; .* epoch 1"
        ):
            late()
    assert list(read_entries(store, PLAN)) == before
    assert not check_held(store, first)
    assert check_held(store, second)
    release(store, first)
    renew(store, second)


def test_heartbeats_and_commits_renew_the_lease(store):
    """A carrier that works is never replaced, however long it takes."""
    carrier = acquire(store, PLAN, **THERE)
    for renewal in (
        lambda: renew(store, carrier),
        lambda: commit_entries(store, carrier, [make_draft("intended", 1)]),
    ):
        aged(store, 100)
        renewal()
        with pytest.raises(PlanLockHeldError):
            acquire(store, PLAN, **HERE)


def test_a_released_plan_is_free_at_once(store):
    """The old carrier cannot write any more, because it released the plan."""
    first = acquire(store, PLAN, **THERE)
    release(store, first)
    with pytest.raises(PlanLockLostError, match="no longer held by this process"):
        commit_entries(store, first, [Draft("ended")])
    assert acquire(store, PLAN, **HERE).epoch == 2
    assert [(plan.epoch, plan.holder) for plan in list_plans(store)] == [(2, "ola")]


TAKES = """
import os, sys, time
from vippsrecon.store import acquire, open_store
with open_store(sys.argv[1]) as store:
    acquire(store, sys.argv[2], holder="eva", host="here", pid=os.getpid())
    print("taken", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(identify_process() == "", reason="only Linux shows when a process started")
def test_a_killed_carrier_on_this_host_is_replaced_at_once(store, store_url):
    """Nobody waits 30 s for a process that has ended, even if it is a zombie."""
    with start_process(TAKES, store_url, PLAN) as other:
        assert other.stdout.readline() == "taken\n", other.stderr.read()
        with pytest.raises(PlanLockHeldError, match=f"process {other.pid}"):
            acquire(store, PLAN, **HERE)
        other.send_signal(signal.SIGSTOP)
        with pytest.raises(PlanLockHeldError):
            acquire(store, PLAN, **HERE)
        other.kill()
        while identify_process(other.pid):
            time.sleep(0.01)
        assert acquire(store, PLAN, **HERE).epoch == 2
        other.wait()
        for stream in (other.stdout, other.stderr):
            stream.close()


@pytest.mark.skipif(identify_process() == "", reason="only Linux shows when a process started")
@pytest.mark.parametrize(
    "part", [0, 1], ids=["another boot, or another machine of that name", "another container"]
)
def test_process_on_another_machine_is_assumed_to_run(part):
    """Two containers with one host name can each have a process 7."""
    started = identify_process().split("/")
    ended_process = "/".join([*started[:2], "1"])
    assert has_process_ended(os.getpid(), ended_process), (
        "the same number, used again by another process"
    )
    started[part] = "another"
    assert not has_process_ended(2**22 + 1, "/".join(started))
    assert not has_process_ended(2**22 + 1, "")


def test_plan_is_acquired_by_one_of_many_processes(store_url):
    """Of eight processes at the same moment, one gets the plan and seven get an error."""
    outcomes, start = [], Barrier(8)

    def run(number):
        with open_test_store(store_url, wait_seconds=20) as own:
            start.wait()
            try:
                outcomes.append(acquire(own, PLAN, **{**THERE, "pid": number}))
            except PlanLockHeldError as error:
                outcomes.append(error)

    with open_test_store(store_url) as store:
        register_approved_plan(store)
        threads = [Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(not isinstance(outcome, PlanLockHeldError) for outcome in outcomes) == 1
        assert verify_journal(store, PLAN).rows == 3


def test_unknown_plan_cannot_be_acquired_or_approved(store):
    """It may be another database or an unapproved plan; the sentence says what to do."""
    with pytest.raises(PlanError, match="not known in the workspace database"):
        acquire(store, OTHER, **HERE)
    with pytest.raises(PlanError, match="not known in the workspace database"):
        append_entries(store, OTHER, [Draft("approved")])


def test_first_digest_of_a_plan_is_permanent(store):
    """The same plan again changes nothing; a changed plan is refused, approved or not."""
    before = list(read_entries(store, PLAN))
    approved_before = before[0].parse_detail()
    record_plan(store, PLAN, DIGEST, "simulator", "refund", AT, {"planner": "somebody else"})
    assert list(read_entries(store, PLAN)) == before
    assert approved_before["digest"] == DIGEST
    with pytest.raises(PlanError, match=f"first seen on {AT} with digest {DIGEST}"):
        record_plan(store, PLAN, "e" * 64, "simulator", "refund", AT, {})
    assert list(read_entries(store, PLAN)) == before


def test_one_of_many_digests_becomes_the_plan(store_url):
    """Of eight versions of one plan at the same moment, one becomes the plan."""
    refused, start = [], Barrier(8)

    def run(number):
        with open_test_store(store_url, wait_seconds=20) as own:
            start.wait()
            try:
                record_plan(own, OTHER, str(number) * 64, "simulator", "refund", AT, {})
            except PlanError:
                refused.append(number)

    with open_test_store(store_url) as store:
        threads = [Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 7
        assert verify_journal(store, OTHER).rows == 1


@pytest.mark.parametrize("kind", ["intended", "done", "settled", "carrier", "seen", "nonsense"])
def test_only_the_carrier_writes_row_entries(store, kind):
    """An approval may be written at any time; entries about money only by the carrier."""
    with pytest.raises(ValueError, match="holds the plan lock"):
        append_entries(store, PLAN, [make_draft(kind, 1)])
