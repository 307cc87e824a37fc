"""What an adversarial reading asked for: each test is a way to lose, double or misreport money."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sqlite3
from datetime import UTC, datetime

import pytest

from tests.bulk.plans import plan_row
from tests.bulk.world import MSN, SOON
from vippsrecon.api.models import Event, Payment
from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.approval.approve import approve
from vippsrecon.bulk.execution import carry_out as carry_out_module
from vippsrecon.bulk.execution import journal_writer
from vippsrecon.bulk.execution.carry_out import carry_out
from vippsrecon.bulk.execution.evidence import Intention, evaluate
from vippsrecon.bulk.execution.journal_writer import JournalWriter
from vippsrecon.bulk.execution.preconditions import check_confirmed_sums
from vippsrecon.bulk.execution.settle import ManualDecision, settle
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.outcomes.audit_workbook import write_extract
from vippsrecon.bulk.plan.model import compute_idempotency_key
from vippsrecon.cli.journal import _verify_plans
from vippsrecon.errors import PlanError, PlanLockLostError, StoreError
from vippsrecon.store import (
    acquire,
    identify_process,
    read_entries,
    read_row_states,
    verify_journal,
)


def outcomes(carried) -> list[str]:
    """The outcomes, in the plan's order."""
    return [result.outcome for result in carried.results]


def behind(here, *statements: str) -> None:
    """Reach behind the journal's back."""
    with sqlite3.connect(here.folder / "work.db") as database:
        for statement in statements:
            database.execute(statement)


def test_a_row_not_reached_again_keeps_its_outcome(world):
    """A second run that stops early must not call a refund of the first run skipped."""
    here = world(8)
    plan = here.approved("refund", *[100] * 8)
    locked = [
        {"code": 6160, "operation": "refund", "reference": f"order-{n:06d}"} for n in range(1, 6)
    ]
    lost = {"code": 4150, "operation": "refund", "reference": "order-000008"}
    here.simulator.set_settings(refusals=[*locked, lost])
    quick = SOON._replace(wait_for=0.02)
    first = here.live(plan, patience=quick, in_flight=8)
    assert outcomes(first) == ["skipped"] * 5 + ["done"] * 2 + ["unknown"]

    again = here.live(plan, patience=quick, in_flight=1)

    assert "5 rows in a row failed" in again.stopped
    assert outcomes(again) == ["skipped"] * 5 + ["done"] * 2 + ["unknown"]
    assert again.results[5] == first.results[5]
    ended = list(read_entries(here.store, plan.plan_id))[-1].said()
    assert ended["counts"] == {"skipped": 5, "done": 2, "unknown": 1}


def test_a_dry_run_says_what_live_would_do_with_a_finished_plan(world):
    """A row that was refused for good would not be sent by a live run either."""
    here = world(3)
    plan = here.approved("refund", 100, 200, 300)
    refused = {"code": 6210, "operation": "refund", "reference": "order-000001"}
    here.simulator.set_settings(refusals=[refused])
    here.live(plan)
    here.simulator.set_settings(refusals=[])

    dry = carry_out(plan, here.client, store=here.store)

    assert outcomes(dry) == ["refused", "already_done", "already_done"]
    assert dry.counts["would_do"] == 0
    assert len(dry.outcomes) == 3


def test_a_carrier_that_slept_before_its_first_row_looks_whether_it_still_holds(world):
    """It took the plan, slept past its lease, and goes on with states it read back then."""
    here = world(1)
    plan = here.approved("refund", 100)
    mine = acquire(
        here.store,
        plan.plan_id,
        holder="ola",
        host="here",
        pid=os.getpid(),
        started=identify_process(),
    )
    behind(here, "UPDATE carriers SET heartbeat_at = '2026-01-01T00:00:00.000Z'")
    acquire(here.store, plan.plan_id, holder="eva", host="there", pid=1, started="x")

    async def wake() -> None:
        async with JournalWriter(here.store, mine) as writer:
            await writer.check_held()

    with pytest.raises(PlanLockLostError):
        asyncio.run(wake())


def test_a_failed_event_settles_nothing_once_the_payment_moved():
    """The first attempt failed; a second, by the same key, may be done and not yet in the log."""
    key = "0f0f0f0f-0000-5000-8000-000000000000"
    row = plan_row(amount_minor=500, captured_minor=0)
    before = Aggregate(100_000, 0, 0, 0)
    failed = Event(
        MSN, row.reference, "1", "CAPTURED", 500, "NOK", "2026-01-31T12:00:01Z", key, False
    )
    sent = Intention(row, key, before, datetime(2026, 1, 31, 12, tzinfo=UTC))
    moved = Payment(
        MSN, row.reference, "p", "AUTHORIZED", "NOK", 100_000, 100_000, 500, 0, 0, None, None
    )

    assert evaluate("capture", sent, moved, [failed]).kind == "moved"
    still = moved._replace(captured_minor=0)
    assert evaluate("capture", sent, still, [failed]).kind == "refused"


def test_a_word_waits_a_minute_from_the_last_request_not_the_first(world):
    """Skipped yesterday, sent a second ago: the log may lag, so "refused" is not believed yet."""
    here = world(1)
    here.simulator.set_settings(refusals=[{"code": 6160, "operation": "refund"}])
    plan = here.approved("refund", 500)
    assert outcomes(here.live(plan, patience=SOON._replace(wait_for=0.02))) == ["skipped"]
    here.simulator.set_settings(refusals=[], event_log_lag_ms=30_000)
    here.simulator.advance(2 * 3600)
    here.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
    assert outcomes(here.live(plan, patience=SOON._replace(settle_for=0.1))) == ["unknown"]

    with pytest.raises(PlanError, match="look again in a minute"):
        settle(
            here.store,
            plan.plan_id,
            here.client,
            word=ManualDecision(1, "refused", "portal", "kari"),
        )

    assert read_row_states(here.store, plan.plan_id)[1].outcome == "unknown"
    assert here.effects() == {"order-000001": ("refund", 1, 500)}


def test_every_request_has_its_own_intention_on_disk(world):
    """What is sent again, by this run or a later one, is kept again before it leaves."""
    here = world(1)
    plan = here.approved("refund", 500)
    here.simulator.set_faults([{"operations": ["refund"], "share": 1, "status": 503}])
    assert outcomes(here.live(plan, patience=SOON._replace(settle_for=0.3))) == ["unknown"]
    here.simulator.advance(3600)
    here.simulator.set_faults([{"operations": ["refund"], "share": 1, "status": 429}])
    assert outcomes(here.live(plan, patience=SOON._replace(wait_for=0.3))) == ["unknown"]
    here.simulator.set_faults([])
    assert outcomes(here.live(plan)) == ["done"]

    intended = [e for e in read_entries(here.store, plan.plan_id) if e.kind == "intended"]
    assert len(intended) == here.asked("refund") > 3
    assert {e.idempotency_key for e in intended} == {
        compute_idempotency_key(plan.plan_id, "refund", plan.rows[0])
    }
    assert len({e.detail for e in intended}) == 1, "the same bytes, on the same aggregate"
    assert verify_journal(here.store, plan.plan_id).ok
    assert here.effects() == {"order-000001": ("refund", 1, 500)}


def test_a_planner_is_the_same_in_capitals(world):
    """Kari's and kari's plans count together, as their approvals are one person's."""
    here = world(2)
    limits = Limits.from_settings({"own_approval_up_to": 10})
    first, second = here.plan("refund", 900, planner="Kari"), here.plan("refund", 900)
    approve(first, here.store, approver="kari", now=here.simulator.now(), limits=limits)

    with pytest.raises(PlanError, match="together above"):
        approve(second, here.store, approver="kari", now=here.simulator.now(), limits=limits)


def test_a_run_past_midnight_counts_against_the_new_day(world, monkeypatch):
    """Else a run begun at 23:59 would leave the whole next day's cap to the next run."""
    here = world(3, limits="per_day = 5")
    before_midnight = here.approved("refund", 200, 300)
    last = here.plan("refund", 1, 1, 300).rows[-1]
    after = here.approved("refund", rows=(last._replace(row=1),))
    core = here.client.core
    refund = core.refund

    async def then_midnight(*given, **named):
        monkeypatch.undo()
        answer = await refund(*given, **named)
        here.simulator.advance(12 * 3600)
        return answer

    monkeypatch.setattr(core, "refund", then_midnight)
    assert outcomes(here.live(before_midnight, in_flight=1)) == ["done", "done"]

    assert outcomes(here.live(after)) == ["refused"]
    assert "cap of 5.00 NOK" in here.live(after).results[0].explanation


def test_a_chain_without_its_first_entry_is_not_passed_over(world, capsys):
    """All plans verified: one whose head was cut off must not drop out of the list."""
    here = world(2)
    plan = here.approved("refund", 100)
    here.live(plan)
    assert _verify_plans(here.store, None, None, json=False) == 0
    behind(
        here,
        "DROP TRIGGER journal_no_delete",
        f"DELETE FROM journal WHERE plan_id = '{plan.plan_id}' AND seq = 1",
    )

    assert _verify_plans(here.store, None, None, json=False) == 1
    assert "entry 1 is missing" in capsys.readouterr().out
    with pytest.raises(StoreError, match="has lost its first entry"):
        write_extract(here.store, here.folder / "journal.xlsx")


def test_a_changed_journal_is_not_gone_on_from(world):
    """What it says was done may not be so: nothing is sent."""
    here = world(2)
    plan = here.approved("refund", 100, 200)
    here.live(plan)
    behind(
        here,
        "DROP TRIGGER journal_no_update",
        f"UPDATE journal SET amount_minor = 1 WHERE plan_id = '{plan.plan_id}' AND row = 1",
    )
    sent = here.asked("refund")

    with pytest.raises(StoreError, match=r"does not hold: entry \d+ .*Nothing was sent"):
        here.live(plan)
    assert here.asked("refund") == sent


def test_a_plan_changed_and_hashed_anew_is_refused_dry_too(world):
    """A dry run must not say that it would be carried out."""
    here = world(1)
    plan = here.approved("refund", 100)
    other = dataclasses.replace(plan, rows=(plan.rows[0]._replace(amount_minor=200),))

    with pytest.raises(PlanError, match="was first seen on"):
        carry_out(other, here.client, store=here.store)


def test_a_refund_of_a_lost_journal_that_arrives_between_two_readings(world, monkeypatch):
    """Done before, with the sums after it, though the payment was read before it."""
    here = world(1)
    plan = here.approved("refund", 500)
    core = here.client.core
    payment = core.payment

    async def then_it_arrives(*given, **named):
        monkeypatch.undo()
        found = await payment(*given, **named)
        row = plan.rows[0]
        key = compute_idempotency_key(plan.plan_id, plan.verb, row)
        await core.refund(row.reference, 500, "NOK", idempotency_key=key, msn=row.msn)
        return found

    monkeypatch.setattr(core, "payment", then_it_arrives)
    (result,) = here.live(plan).results

    assert result.outcome == "already_done"
    assert result.after.refunded_minor == 500
    assert here.effects()["order-000001"] == ("refund", 1, 500)


def test_a_machine_that_slept_reads_again_before_it_sends(world, monkeypatch):
    """Read, slept an hour, woke: the same refund was made in the portal meanwhile."""
    here = world(1)
    plan = here.approved("refund", 500)
    core = here.client.core
    events = core.events

    async def then_sleep(*given, **named):
        monkeypatch.undo()
        log = await events(*given, **named)
        await core.refund("order-000001", 500, "NOK", idempotency_key="portal", msn=MSN)
        later = journal_writer.now_seconds() + 3600
        monkeypatch.setattr(carry_out_module, "now_seconds", lambda: later, raising=False)
        return log

    monkeypatch.setattr(core, "events", then_sleep)

    carried = here.live(plan, patience=SOON._replace(settle_for=0.1))

    assert outcomes(carried) == ["unknown"]
    assert "refunded was 0.00 NOK and is 5.00 NOK" in carried.results[0].explanation
    assert here.effects() == {"order-000001": ("refund", 1, 500)}


@pytest.mark.parametrize(
    ("fault", "would"), [("drop_before", "would_do"), ("drop_after", "skipped")]
)
def test_a_dry_run_looks_at_rows_left_open(world, fault, would):
    """Their outcome is what a live run would settle first, not what a new row would meet."""
    here = world(1)
    plan = here.approved("refund", 500)
    here.simulator.set_settings(event_log_lag_ms=30_000)
    here.simulator.set_faults([{"operations": ["refund"], "share": 1, fault: True}])
    assert outcomes(here.live(plan, patience=SOON._replace(settle_for=0.1))) == ["unknown"]
    sent = here.asked("refund")

    assert outcomes(carry_out(plan, here.client, store=here.store)) == [would]

    here.simulator.advance(31)
    settled = "already_done" if fault == "drop_after" else "would_do"
    assert outcomes(carry_out(plan, here.client, store=here.store)) == [settled]
    assert here.asked("refund") == sent


def test_already_cancelled_is_read_before_it_is_called_refused(world, monkeypatch):
    """Somebody cancels just before us and the next reading fails: that is no refusal yet."""
    here = world(1, captured=0, retry_seconds=0.4)
    plan = here.approved("cancel", 100_000)
    core = here.client.core
    cancel = core.cancel

    async def beaten(reference, **named):
        monkeypatch.undo()
        await cancel(reference, idempotency_key="portal", msn=MSN)
        here.simulator.set_faults([{"operations": ["getPayment"], "share": 1, "status": 503}])
        try:
            return await cancel(reference, **named)
        finally:
            asyncio.get_running_loop().call_later(0.3, here.simulator.set_faults, [])

    monkeypatch.setattr(core, "cancel", beaten)

    carried = here.live(plan)

    assert outcomes(carried) == ["already_done"]
    assert here.effects() == {"order-000001": ("cancel", 1, 100_000)}


def test_a_sum_confirmed_twice_is_no_confirmation(world):
    """Two different sums of one currency: nobody can tell which was meant."""
    plan = world(1).plan("refund", 300)

    with pytest.raises(PlanError, match="more than once"):
        check_confirmed_sums(plan, ["9.00 NOK", "3.00 NOK"])
