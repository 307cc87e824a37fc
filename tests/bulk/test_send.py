"""Every request is recorded before it is sent, and a reading follows every unclear answer."""

from __future__ import annotations

import asyncio

from tests.bulk.simulated_account import MSN, SOON
from vippsrecon.bulk.execution.clock import RunClock
from vippsrecon.bulk.plan.model import compute_idempotency_key
from vippsrecon.store import read_entries, verify_journal


class SleepingClock(RunClock):
    """This machine's clock, plus the seconds during which the machine slept."""

    asleep = 0.0

    def count_seconds(self) -> float:
        """Return the seconds, including the time asleep."""
        return super().count_seconds() + self.asleep


def outcomes(carried) -> list[str]:
    """Return the outcomes, in the plan's order."""
    return [result.outcome for result in carried.results]


def test_every_request_has_its_own_intention_on_disk(world):
    """A request that is sent again, by this run or a later one, is recorded again first."""
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


def test_refund_of_a_lost_journal_is_found_between_two_readings(world, monkeypatch):
    """The refund takes effect after the payment was read.

    The row is already done, with the totals after the refund.
    """
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


def test_row_is_read_again_after_the_machine_slept(world, monkeypatch):
    """The machine sleeps for an hour after the reading.

    Meanwhile somebody makes the same refund in the portal.
    """
    here = world(1)
    plan = here.approved("refund", 500)
    core, clock = here.client.core, SleepingClock()
    events = core.events

    async def then_sleep(*given, **named):
        monkeypatch.undo()
        log = await events(*given, **named)
        await core.refund("order-000001", 500, "NOK", idempotency_key="portal", msn=MSN)
        clock.asleep += 3600
        return log

    monkeypatch.setattr(core, "events", then_sleep)

    carried = here.live(plan, clock=clock)

    assert outcomes(carried) == ["refused"]
    assert "refunded was 0.00 NOK and is 5.00 NOK" in carried.results[0].explanation
    assert here.effects() == {"order-000001": ("refund", 1, 500)}


def test_already_cancelled_payment_is_read_before_it_is_refused(world, monkeypatch):
    """Somebody cancels just before us and the next reading fails.

    The row must not be called refused yet.
    """
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
