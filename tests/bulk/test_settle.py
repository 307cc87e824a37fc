"""Settling open rows: they are read again and never sent.

A person's decision must not contradict the facts.
"""

from __future__ import annotations

import pytest

from tests.bulk.simulated_account import SOON
from vippsrecon.bulk.execution.carry_out import carry_out
from vippsrecon.bulk.open_rows.settle import ManualDecision, settle
from vippsrecon.bulk.outcomes.from_journal import read_plan_history
from vippsrecon.errors import PlanError, PlanLockHeldError
from vippsrecon.store import acquire, read_entries, read_head, read_row_states, verify_journal

QUICK = SOON._replace(settle_for=0.1)


@pytest.fixture
def lost(world):
    """Return a world and a plan with one refund that was done but is not in the log yet."""
    here = world(1)
    here.simulator.set_settings(event_log_lag_ms=600_000)
    here.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
    plan = here.approved("refund", 2_500)
    assert [one.outcome for one in here.live(plan, patience=QUICK).results] == ["unknown"]
    here.simulator.set_faults([])
    return here, plan


@pytest.fixture
def undone(world):
    """Return a world and a plan with one refund that was never done."""
    here = world(1, retry_seconds=1)
    here.simulator.set_faults([{"operations": ["refund"], "share": 1, "status": 500}])
    plan = here.approved("refund", 2_500)
    assert [one.outcome for one in here.live(plan, patience=QUICK).results] == ["unknown"]
    here.simulator.set_faults([])
    return here, plan


def state(here, plan):
    """Return the state of the plan's first row."""
    return read_row_states(here.store, plan.plan_id)[1]


def test_settle_records_what_the_event_log_proves(lost):
    """The event log contains our key, so it settles the row whose answer was lost."""
    here, plan = lost
    here.simulator.advance(601)

    settled = settle(here.store, plan.plan_id, here.client)

    assert [one.outcome for one in settled.results] == ["done"]
    assert settled.results[0].psp_reference
    assert settled.exit_code == 0
    assert state(here, plan).outcome == "done"
    assert verify_journal(here.store, plan.plan_id, settled.head).ok
    assert here.effects() == {"order-000001": ("refund", 1, 2_500)}


def test_settle_sends_nothing(undone):
    """Settling only reads, whatever it finds."""
    here, plan = undone
    sent = here.asked("refund")
    here.simulator.advance(61)

    settled = settle(here.store, plan.plan_id, here.client)

    assert here.asked("refund") == sent
    assert [one.outcome for one in settled.results] == ["unknown"]
    assert settled.exit_code == 1
    assert "the payment is unchanged" in settled.results[0].explanation
    assert "--as refused" in settled.results[0].explanation
    assert state(here, plan).outcome == "unknown"


def test_missing_event_proves_nothing_within_a_minute(undone):
    """The log may be late, so a person cannot decide within a minute that nothing was done."""
    here, plan = undone
    word = ManualDecision(1, "refused", "the portal shows no refund", "kari")

    with pytest.raises(PlanError, match="less than a minute ago"):
        settle(here.store, plan.plan_id, here.client, word=word)
    assert state(here, plan).outcome == "unknown"


def test_manual_decision_refused_is_recorded(undone):
    """The person's decision is recorded with the name, the reason and the payment's totals."""
    here, plan = undone
    here.simulator.advance(61)
    word = ManualDecision(1, "refused", "the portal shows  no refund", "kari")

    settle(here.store, plan.plan_id, here.client, word=word)

    last = list(read_entries(here.store, plan.plan_id))[-1]
    said = last.parse_detail()
    assert last.kind == "settled"
    assert (said["outcome"], said["by"]) == ("refused", "kari")
    assert said["because"] == "the portal shows no refund"
    assert said["after"] == [100_000, 100_000, 0, 0]
    assert read_plan_history(here.store, plan.plan_id).rows[1].decided_by == "kari"
    assert [one.outcome for one in here.live(plan).results] == ["refused"]
    assert here.effects() == {}


def test_manual_decision_that_the_totals_contradict_is_refused(undone):
    """An unchanged payment was not refunded, so nobody can settle the row as done."""
    here, plan = undone
    here.simulator.advance(61)

    with pytest.raises(PlanError, match="cannot be settled as done"):
        settle(
            here.store, plan.plan_id, here.client, word=ManualDecision(1, "done", "I believe so")
        )
    assert state(here, plan).outcome == "unknown"


def test_manual_decision_that_the_log_contradicts_is_refused(lost):
    """If a refund that was done were settled as refused, it would be planned and made again."""
    here, plan = lost
    here.simulator.advance(601)

    with pytest.raises(PlanError, match="cannot be settled as refused"):
        settle(
            here.store, plan.plan_id, here.client, word=ManualDecision(1, "refused", "I think not")
        )
    assert state(here, plan).outcome == "unknown"


def test_proof_takes_priority_over_a_manual_decision(lost):
    """If the log proves the outcome, no person's decision is needed or recorded."""
    here, plan = lost
    here.simulator.advance(601)

    settle(here.store, plan.plan_id, here.client, word=ManualDecision(1, "done", "in the portal"))

    assert state(here, plan).entry.kind == "done"


def test_change_without_our_key_needs_a_manual_decision(lost):
    """The payment moved and the log is later than it should be.

    A person has to check and decide.
    """
    here, plan = lost
    here.simulator.advance(120)

    settled = settle(here.store, plan.plan_id, here.client)
    assert "business portal" in settled.results[0].explanation

    settle(
        here.store,
        plan.plan_id,
        here.client,
        word=ManualDecision(1, "done", "portal, 31 January", "kari"),
    )
    assert state(here, plan).outcome == "done"
    again = here.live(plan)
    assert [one.outcome for one in again.results] == ["done"]
    assert here.effects() == {"order-000001": ("refund", 1, 2_500)}


def test_unreadable_payment_stays_open(undone):
    """A service that is down proves nothing about the row."""
    here, plan = undone
    here.simulator.set_faults([{"operations": ["getPayment"], "share": 1, "status": 503}])

    settled = settle(here.store, plan.plan_id, here.client)

    assert settled.results[0].outcome == "unknown"
    assert "could not be read" in settled.results[0].explanation


def test_settle_without_open_rows_changes_nothing(world):
    """A finished plan is not changed, and the journal gets no new entry."""
    here = world(1)
    plan = here.approved("refund", 100)
    carried = here.live(plan)

    assert settle(here.store, plan.plan_id, here.client).results == ()
    with pytest.raises(PlanError, match="is not open"):
        settle(here.store, plan.plan_id, here.client, word=ManualDecision(1, "refused", "no"))
    assert read_head(here.store, plan.plan_id) == carried.head


def test_settle_refuses_a_plan_in_progress(undone):
    """Two processes that write about the same row could contradict each other."""
    here, plan = undone
    acquire(here.store, plan.plan_id, holder="ola", host="elsewhere", pid=1, started="")

    with pytest.raises(PlanLockHeldError):
        settle(here.store, plan.plan_id, here.client)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        pytest.param(ManualDecision(1, "skipped", "why not"), "done or refused", id="no ending"),
        pytest.param(ManualDecision(1, "done", "  "), "describe in one sentence", id="no reason"),
        pytest.param(
            ManualDecision(1, "done", "seen", "\x07"),
            "is not a valid name: ",
            id="a name that is none",
        ),
        pytest.param(ManualDecision(7, "done", "seen"), "is not open", id="no such row"),
    ],
)
def test_manual_decision_requires_row_outcome_reason_and_name(undone, word, said):
    """A decision needs an open row, an outcome, a reason and a name.

    An auditor may read it years later.
    """
    here, plan = undone
    before = list(read_entries(here.store, plan.plan_id))

    with pytest.raises(PlanError, match=said):
        settle(here.store, plan.plan_id, here.client, word=word)
    kinds = [one.kind for one in read_entries(here.store, plan.plan_id)][len(before) :]
    assert set(kinds) <= {"carrier"}


def test_unknown_plan_is_refused(world):
    """The message says that the plan is not in this workspace database."""
    here = world(1)

    with pytest.raises(PlanError, match="is not in the workspace database"):
        settle(here.store, here.plan("refund", 1).plan_id, here.client)


def test_settled_plan_continues_in_the_next_run(undone):
    """A row that stayed open after settling is sent by the next run, once."""
    here, plan = undone

    assert settle(here.store, plan.plan_id, here.client).exit_code == 1
    assert [one.outcome for one in here.live(plan).results] == ["done"]
    assert here.effects() == {"order-000001": ("refund", 1, 2_500)}
    assert carry_out(plan, here.client, store=here.store).results[0].outcome != "would_do"


def _outcomes(carried):
    """Return the outcomes, in the plan's order."""
    return [result.outcome for result in carried.results]


def test_manual_decision_waits_a_minute_after_the_last_request(world):
    """The row was skipped earlier and sent again just now.

    The log may be late, so "refused" is not accepted yet.
    """
    here = world(1)
    here.simulator.set_settings(refusals=[{"code": 6160, "operation": "refund"}])
    plan = here.approved("refund", 500)
    assert _outcomes(here.live(plan, patience=SOON._replace(wait_for=0.02))) == ["skipped"]
    here.simulator.set_settings(refusals=[], event_log_lag_ms=30_000)
    here.simulator.advance(2 * 3600)
    here.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
    assert _outcomes(here.live(plan, patience=SOON._replace(settle_for=0.1))) == ["unknown"]

    with pytest.raises(PlanError, match="Run this again in a minute"):
        settle(
            here.store,
            plan.plan_id,
            here.client,
            word=ManualDecision(1, "refused", "portal", "kari"),
        )

    assert read_row_states(here.store, plan.plan_id)[1].outcome == "unknown"
    assert here.effects() == {"order-000001": ("refund", 1, 500)}
