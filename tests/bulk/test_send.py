"""Every request is recorded before it is sent, and a reading follows every unclear answer."""

from __future__ import annotations

import stamina

from tests.bulk.simulated_account import MSN, SHORT_TIMEOUTS, list_outcomes
from vippsrecon.bulk.execution.clock import RunClock
from vippsrecon.bulk.plan.model import compute_idempotency_key
from vippsrecon.errors import ServiceError
from vippsrecon.store import read_entries, verify_journal


class SleepingClock(RunClock):
    """This machine's clock, plus the seconds during which the machine slept."""

    asleep = 0.0

    def count_seconds(self) -> float:
        """Return the seconds, including the time asleep."""
        return super().count_seconds() + self.asleep


def test_every_request_has_its_own_intention_on_disk(make_account):
    """A request that is sent again, by this run or a later one, is recorded again first."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 500)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "status": 503}])
    assert list_outcomes(
        account.carry_out(plan, patience=SHORT_TIMEOUTS._replace(settle_for=0.3))
    ) == ["unknown"]
    account.simulator.advance(3600)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "status": 429}])
    assert list_outcomes(
        account.carry_out(plan, patience=SHORT_TIMEOUTS._replace(wait_for=0.3))
    ) == ["unknown"]
    account.simulator.set_faults([])
    assert list_outcomes(account.carry_out(plan)) == ["done"]

    intended = [e for e in read_entries(account.store, plan.plan_id) if e.kind == "intended"]
    assert len(intended) == account.count_requests("refund") > 3
    assert {e.idempotency_key for e in intended} == {
        compute_idempotency_key(plan.plan_id, "refund", plan.rows[0])
    }
    assert len({e.detail for e in intended}) == 1, "the same bytes, on the same aggregate"
    assert verify_journal(account.store, plan.plan_id).ok
    assert account.effects() == {"order-000001": ("refund", 1, 500)}


def test_refund_of_a_lost_journal_is_found_between_two_readings(make_account, monkeypatch):
    """The refund takes effect after the payment was read.

    The row is already done, with the totals after the refund.
    """
    account = make_account(1)
    plan = account.make_approved_plan("refund", 500)
    core = account.client.core
    payment = core.payment

    async def then_it_arrives(*arguments, **named):
        monkeypatch.undo()
        reading_payment = await payment(*arguments, **named)
        row = plan.rows[0]
        key = compute_idempotency_key(plan.plan_id, plan.verb, row)
        await core.refund(row.reference, 500, "NOK", idempotency_key=key, msn=row.msn)
        return reading_payment

    monkeypatch.setattr(core, "payment", then_it_arrives)
    (result,) = account.carry_out(plan).results

    assert result.outcome == "already_done"
    assert result.after.refunded_minor == 500
    assert account.effects()["order-000001"] == ("refund", 1, 500)


def test_row_is_read_again_after_the_machine_slept(make_account, monkeypatch):
    """The machine sleeps for an hour after the reading.

    Meanwhile somebody makes the same refund in the portal.
    """
    account = make_account(1)
    plan = account.make_approved_plan("refund", 500)
    core, clock = account.client.core, SleepingClock()
    events = core.events

    async def then_sleep(*arguments, **named):
        monkeypatch.undo()
        log = await events(*arguments, **named)
        await core.refund("order-000001", 500, "NOK", idempotency_key="portal", msn=MSN)
        clock.asleep += 3600
        return log

    monkeypatch.setattr(core, "events", then_sleep)

    carried = account.carry_out(plan, clock=clock)

    assert list_outcomes(carried) == ["refused"]
    assert "refunded was 0.00 NOK and is 5.00 NOK" in carried.results[0].explanation
    assert account.effects() == {"order-000001": ("refund", 1, 500)}


def test_already_cancelled_payment_is_read_before_it_is_refused(make_account, monkeypatch):
    """Somebody cancels just before us and the next reading fails.

    The row must not be called refused yet.
    """
    account = make_account(1, captured=0)
    plan = account.make_approved_plan("cancel", 100_000)
    core = account.client.core
    cancel, payment = core.cancel, core.payment
    failures = []

    async def beaten(reference, **named):
        monkeypatch.undo()
        await cancel(reference, idempotency_key="portal", msn=MSN)
        account.simulator.set_faults([{"operations": ["getPayment"], "share": 1, "status": 503}])
        monkeypatch.setattr(core, "payment", failing_once)
        return await cancel(reference, **named)

    async def failing_once(*given, **named):
        try:
            return await payment(*given, **named)
        except ServiceError as error:
            failures.append(error)
            raise
        finally:
            account.simulator.set_faults([])

    monkeypatch.setattr(core, "cancel", beaten)

    with stamina.set_testing(True, attempts=1):
        carried = account.carry_out(plan)

    assert len(failures) == 1
    assert list_outcomes(carried) == ["already_done"]
    assert account.effects() == {"order-000001": ("cancel", 1, 100_000)}
