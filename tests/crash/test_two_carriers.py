"""Two carriers at the same time: on one plan, and on two plans with the same payments."""

from __future__ import annotations

import signal
import time

import pytest

from tests.crash.kill_rounds import FAULTS, make_fault
from tests.crash.workspace import assert_carried_out, assert_never_twice, list_ended_rows, make_life
from tests.waiting import wait_until

ROWS = 8


@pytest.mark.ci
def test_second_carrier_of_one_plan_is_refused(workspace, begin):
    """The same command runs in two windows. One carries the plan out, and the other is refused."""
    simulator = workspace.simulator
    simulator.slow_down()
    plan = simulator.plan("refund", ROWS)
    life = make_life(workspace, plan, in_flight=2)

    both = [begin(life), begin(life)]
    wait_until(lambda: not all(carrier.process.is_alive() for carrier in both))
    simulator.speed_up()
    ended = sorted((carrier.wait() for carrier in both), key=lambda end: end.exit_code)

    assert [life.exit_code for life in ended] == [0, 2], ended
    assert ended[1].message.startswith("PlanLockHeldError: ")
    assert_carried_out(workspace, plan)


@pytest.mark.ci
@pytest.mark.parametrize(("kind", "verb"), [("sqlite", "refund"), ("postgresql", "capture")])
def test_two_plans_never_change_the_same_payment(workspace_on, begin, kind, verb):
    """Two plans were made from the same reading of a payment.

    After one has changed it, the other's approval no longer fits.
    """
    workspace = workspace_on(kind)
    simulator = workspace.simulator
    simulator.settings(latency_ms=40)
    cases = [case for case in simulator.take_cases(verb, 2 * ROWS) if case.amount > 400][:ROWS]
    first_plan = simulator.plan_for(verb, [case.row(1) for case in cases])
    amounts = [case.amount // 2 for case in cases]
    changed = [case.row(1, amount_minor=a) for case, a in zip(cases, amounts, strict=True)]
    other = simulator.plan_for(verb, list(reversed(changed)))

    both = [begin(make_life(workspace, plan)) for plan in (first_plan, other)]
    for running in both:
        assert running.wait().exit_code in (0, 1)
    while begin(make_life(workspace, other)).wait().counts["skipped"]:
        pass  # rows skipped because the other plan held the payment are checked again
    while begin(make_life(workspace, first_plan)).wait().counts["skipped"]:
        pass

    effects = simulator.effects()
    entry_kinds = {plan.plan_id: _kinds(workspace, plan) for plan in (first_plan, other)}
    for case in cases:
        read_counts = effects[case.reference]
        kinds = sorted(entry_kinds[plan.plan_id][case.reference] for plan in (first_plan, other))
        assert read_counts[verb]["count"] == 1, read_counts
        assert kinds == ["done", "refused"]


@pytest.mark.ci
def test_same_refund_in_two_plans_is_refused_as_a_duplicate(workspace, begin):
    """Two people plan the same refund, the second one after the first was carried out."""
    simulator = workspace.simulator
    cases = [case for case in simulator.take_cases("refund", 8 * ROWS) if case.amount < 30_000][:4]
    assert cases
    first = simulator.plan_for("refund", [case.row(1) for case in cases])
    assert begin(make_life(workspace, first)).wait().exit_code == 0
    rows_read_again = [case.row(1, refunded_minor=case.refunded + case.amount) for case in cases]
    second = simulator.plan_for("refund", rows_read_again)

    assert begin(make_life(workspace, second)).wait().exit_code == 1

    for _, entry, detail in list_ended_rows(workspace.store, second):
        assert entry.kind == "refused"
        assert f"of plan {first.plan_id} refunded the same amount" in detail["why"]
    assert_carried_out(workspace, first)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("kind", "name"), [("sqlite", "drop_after"), ("sqlite", "none"), ("postgresql", "latency_ms")]
)
def test_carrier_that_slept_past_its_lease_stops(workspace_on, begin, kind, name):
    """A laptop sleeps, and another carrier takes the plan over.

    When the first carrier wakes, it stops and does nothing twice.
    """
    workspace = workspace_on(kind)
    simulator = workspace.simulator
    simulator.slow_down()
    if name in FAULTS:
        simulator.faults(make_fault(name))
    plan = simulator.plan("refund", ROWS)
    life = make_life(workspace, plan, in_flight=3)

    sleeper = begin(life)
    _wait_for_an_intention(workspace, plan)
    _put_to_sleep(workspace, sleeper)
    simulator.speed_up()
    early = begin(life).wait()
    # End the lease, as if the sleeping carrier had sent no heartbeat for half a minute.
    workspace.sql("UPDATE carriers SET heartbeat_at = '2020-01-01T00:00:00.000Z'")
    other = begin(life)
    other.wait_until_begun()
    _wait_for_epoch(workspace, plan, 2)
    sleeper.signal(signal.SIGCONT)
    woken, carried = sleeper.wait(), other.wait()

    assert (early.exit_code, early.message.split(" ")[0]) == (2, "PlanLockHeldError:")
    assert woken.exit_code == 2
    assert "was taken over by" in woken.message
    assert_never_twice(workspace, plan)
    while carried.exit_code != 0:
        carried = begin(life).wait()
    assert_carried_out(workspace, plan)


def _put_to_sleep(workspace, sleeper):
    """Stop a carrier while it holds no lock, so that another carrier can take the plan over.

    A carrier stopped within a transaction is tested in tests/store: PostgreSQL ends its session
    after some seconds, and SQLite's file stays locked until the carrier continues or is killed.
    """
    for _ in range(50):
        sleeper.signal(signal.SIGSTOP)
        if workspace.is_free():
            return
        sleeper.signal(signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError("the carrier was always in a transaction")


def _kinds(workspace, plan):
    return {row.reference: entry.kind for row, entry, _ in list_ended_rows(workspace.store, plan)}


def _wait_for_an_intention(workspace, plan):
    _wait(
        workspace,
        "SELECT COUNT(*) FROM journal WHERE plan_id = :plan AND kind = 'intended'",
        plan,
        1,
    )


def _wait_for_epoch(workspace, plan, epoch):
    _wait(workspace, "SELECT epoch FROM carriers WHERE plan_id = :plan", plan, epoch)


def _wait(workspace, question, plan, least):
    wait_until(lambda: workspace.sql(question, plan=plan.plan_id)[0][0] >= least)
