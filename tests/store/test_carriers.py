"""One carrier per plan: taking, taking over, losing."""

from __future__ import annotations

import os
import signal
import time
from threading import Barrier, Thread

import pytest
from sqlalchemy import text

from tests.store.making import AT, DIGEST, OTHER, PLAN, approved, draft, opened, process
from vippsrecon.errors import PlanError, PlanLockHeldError, PlanLockLostError
from vippsrecon.store import (
    Draft,
    append,
    beat,
    commit,
    entries,
    plans,
    register,
    release,
    started_of,
    still_held,
    take,
    verify,
)
from vippsrecon.store.database.processes import is_gone

HERE = {"holder": "ola", "host": "here", "pid": os.getpid()}
THERE = {"holder": "eva", "host": "there", "pid": 1, "started": ""}


def aged(store, seconds):
    """Set the heartbeat back, as if nothing had been heard for so long."""
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


def test_the_first_carrier_has_epoch_one(store):
    """Epoch 0 is before anyone: an approval is written under it."""
    carrier = take(store, PLAN, **HERE)
    assert carrier == (PLAN, 1, "simulator", "refund")
    *_, approval, taken = entries(store, PLAN)
    assert (approval.kind, approval.epoch) == ("approved", 0)
    assert (taken.kind, taken.epoch, taken.said()["holder"]) == ("carrier", 1, "ola")


def test_a_held_plan_says_who_holds_it(store):
    """The sentence has to be enough to walk over to whoever it is."""
    take(store, PLAN, **THERE)
    with pytest.raises(
        PlanLockHeldError, match=r"by eva on there \(process 1\) since 20.*Z, last heard"
    ):
        take(store, PLAN, **HERE)


def test_a_carrier_that_lives_here_is_not_replaced(store):
    """Its process runs, with the very start time it was taken with."""
    take(store, PLAN, **HERE)
    with pytest.raises(PlanLockHeldError):
        take(store, PLAN, holder="eva", host="here", pid=os.getppid())


def test_a_carrier_not_heard_of_for_30_s_is_replaced(store):
    """And finds out at its next word: whatever it is, nothing of it is written."""
    first = take(store, PLAN, **THERE)
    aged(store, 29)
    with pytest.raises(PlanLockHeldError):
        take(store, PLAN, **HERE)
    aged(store, 31)
    second = take(store, PLAN, **HERE)
    assert second.epoch == first.epoch + 1
    before = list(entries(store, PLAN))
    assert before[-1].said()["instead_of"]["holder"] == "eva"
    for late in (
        lambda: commit(store, first, [draft("intended", 1)]),
        lambda: commit(store, first, [Draft("ended")]),
        lambda: beat(store, first),
    ):
        with pytest.raises(
            PlanLockLostError, match=r"taken over by ola on here .* epoch 2; .* epoch 1"
        ):
            late()
    assert list(entries(store, PLAN)) == before
    assert not still_held(store, first)
    assert still_held(store, second)
    release(store, first)
    beat(store, second)


def test_beats_and_commits_renew_the_lease(store):
    """A carrier that works is never replaced, however long it works."""
    carrier = take(store, PLAN, **THERE)
    for renew in (
        lambda: beat(store, carrier),
        lambda: commit(store, carrier, [draft("intended", 1)]),
    ):
        aged(store, 100)
        renew()
        with pytest.raises(PlanLockHeldError):
            take(store, PLAN, **HERE)


def test_a_released_plan_is_free_at_once(store):
    """And its old carrier writes nothing more: it said that it was done."""
    first = take(store, PLAN, **THERE)
    release(store, first)
    with pytest.raises(PlanLockLostError, match="no longer held by this process"):
        commit(store, first, [Draft("ended")])
    assert take(store, PLAN, **HERE).epoch == 2
    assert [(one.epoch, one.holder) for one in plans(store)] == [(2, "ola")]


TAKES = """
import os, sys, time
from vippsrecon.store import open_store, take
with open_store(sys.argv[1]) as store:
    take(store, sys.argv[2], holder="eva", host="here", pid=os.getpid())
    print("taken", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(started_of() == "", reason="only Linux tells when a process started")
def test_a_killed_carrier_on_this_host_is_replaced_at_once(store, store_url):
    """Nobody waits 30 s for a process that is known to be gone; even while it is a zombie."""
    with process(TAKES, store_url, PLAN) as other:
        assert other.stdout.readline() == "taken\n", other.stderr.read()
        with pytest.raises(PlanLockHeldError, match=f"process {other.pid}"):
            take(store, PLAN, **HERE)
        other.send_signal(signal.SIGSTOP)
        with pytest.raises(PlanLockHeldError):
            take(store, PLAN, **HERE)
        other.kill()
        while started_of(other.pid):
            time.sleep(0.01)
        assert take(store, PLAN, **HERE).epoch == 2
        other.wait()
        for stream in (other.stdout, other.stderr):
            stream.close()


@pytest.mark.skipif(started_of() == "", reason="only Linux tells when a process started")
@pytest.mark.parametrize(
    "part", [0, 1], ids=["another boot, or another machine of that name", "another container"]
)
def test_a_process_elsewhere_is_never_known_to_be_gone(part):
    """Two containers of one host name have each their own process 7."""
    started = started_of().split("/")
    gone = "/".join([*started[:2], "1"])
    assert is_gone(os.getpid(), gone), "the same number, used again by another process"
    started[part] = "another"
    assert not is_gone(2**22 + 1, "/".join(started))
    assert not is_gone(2**22 + 1, "")


def test_a_plan_is_taken_by_one_of_many(store_url):
    """Eight at the same moment: one has it, seven are told."""
    outcomes, start = [], Barrier(8)

    def run(number):
        with opened(store_url, wait_seconds=20) as own:
            start.wait()
            try:
                outcomes.append(take(own, PLAN, **{**THERE, "pid": number}))
            except PlanLockHeldError as error:
                outcomes.append(error)

    with opened(store_url) as store:
        approved(store)
        threads = [Thread(target=run, args=(number,)) for number in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert sum(not isinstance(one, PlanLockHeldError) for one in outcomes) == 1
        assert verify(store, PLAN).rows == 3


def test_an_unknown_plan_cannot_be_taken_or_approved(store):
    """Another database, or a plan nobody approved: the way out is in the sentence."""
    with pytest.raises(PlanError, match="not known in the workspace database"):
        take(store, OTHER, **HERE)
    with pytest.raises(PlanError, match="not known in the workspace database"):
        append(store, OTHER, [Draft("approved")])


def test_the_first_digest_stands_for_ever(store):
    """The same plan again changes nothing; a changed one is refused, approved or not."""
    before = list(entries(store, PLAN))
    approved_before = before[0].said()
    register(store, PLAN, DIGEST, "simulator", "refund", AT, {"planner": "somebody else"})
    assert list(entries(store, PLAN)) == before
    assert approved_before["digest"] == DIGEST
    with pytest.raises(PlanError, match=f"first seen on {AT} with digest {DIGEST}"):
        register(store, PLAN, "e" * 64, "simulator", "refund", AT, {})
    assert list(entries(store, PLAN)) == before


def test_one_digest_of_many_is_the_first(store_url):
    """Eight versions of one plan at the same moment: one is the plan from then on."""
    refused, start = [], Barrier(8)

    def run(number):
        with opened(store_url, wait_seconds=20) as own:
            start.wait()
            try:
                register(own, OTHER, str(number) * 64, "simulator", "refund", AT, {})
            except PlanError:
                refused.append(number)

    with opened(store_url) as store:
        threads = [Thread(target=run, args=(number,)) for number in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert len(refused) == 7
        assert verify(store, OTHER).rows == 1


@pytest.mark.parametrize("kind", ["intended", "done", "settled", "carrier", "seen", "nonsense"])
def test_only_the_carrier_says_where_a_row_stands(store, kind):
    """An approval may be written at any time; what moves money only by who holds the plan."""
    with pytest.raises(ValueError, match="take the plan"):
        append(store, PLAN, [draft(kind, 1)])
