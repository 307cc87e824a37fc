"""Settling open rows: they are read again and never sent.

A person's decision must not contradict the facts.
"""

from __future__ import annotations

import pytest

from tests.bulk.simulated_account import SHORT_TIMEOUTS, list_outcomes
from vippsrecon.bulk.execution.carry_out import carry_out
from vippsrecon.bulk.open_rows.settle import ManualDecision, settle
from vippsrecon.bulk.outcomes.from_journal import read_plan_history
from vippsrecon.errors import PlanError, PlanLockHeldError
from vippsrecon.store import acquire, read_entries, read_head, read_row_states, verify_journal

QUICK = SHORT_TIMEOUTS._replace(settle_for=0.1)


@pytest.fixture
def lost(make_account):
    """Return an account and a plan with one refund that was done but is not in the log yet."""
    account = make_account(1)
    account.simulator.set_settings(event_log_lag_ms=600_000)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
    plan = account.make_approved_plan("refund", 2_500)
    assert list_outcomes(account.carry_out(plan, patience=QUICK)) == ["unknown"]
    account.simulator.set_faults([])
    return account, plan


@pytest.fixture
def undone(make_account):
    """Return an account and a plan with one refund that was never done."""
    account = make_account(1, retry_seconds=1)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "status": 500}])
    plan = account.make_approved_plan("refund", 2_500)
    assert list_outcomes(account.carry_out(plan, patience=QUICK)) == ["unknown"]
    account.simulator.set_faults([])
    return account, plan


def state(account, plan):
    """Return the state of the plan's first row."""
    return read_row_states(account.store, plan.plan_id)[1]


def test_settle_records_what_the_event_log_proves(lost):
    """The event log contains our key, so it settles the row whose answer was lost."""
    account, plan = lost
    account.simulator.advance(601)

    settled = settle(account.store, plan.plan_id, account.client)

    assert list_outcomes(settled) == ["done"]
    assert settled.results[0].psp_reference
    assert settled.exit_code == 0
    assert state(account, plan).outcome == "done"
    assert verify_journal(account.store, plan.plan_id, settled.head).ok
    assert account.effects() == {"order-000001": ("refund", 1, 2_500)}


def test_settle_sends_nothing(undone):
    """Settling only reads, whatever it finds."""
    account, plan = undone
    sent = account.count_requests("refund")
    account.simulator.advance(61)

    settled = settle(account.store, plan.plan_id, account.client)

    assert account.count_requests("refund") == sent
    assert list_outcomes(settled) == ["unknown"]
    assert settled.exit_code == 1
    assert "the payment is unchanged" in settled.results[0].explanation
    assert "--as refused" in settled.results[0].explanation
    assert state(account, plan).outcome == "unknown"


def test_missing_event_proves_nothing_within_a_minute(undone):
    """The log may be late, so a person cannot decide within a minute that nothing was done."""
    account, plan = undone
    decision = ManualDecision(1, "refused", "the portal shows no refund", "kari")

    with pytest.raises(PlanError, match="less than a minute ago"):
        settle(account.store, plan.plan_id, account.client, word=decision)
    assert state(account, plan).outcome == "unknown"


def test_manual_decision_refused_is_recorded(undone):
    """The person's decision is recorded with the name, the reason and the payment's totals."""
    account, plan = undone
    account.simulator.advance(61)
    decision = ManualDecision(1, "refused", "the portal shows  no refund", "kari")

    settle(account.store, plan.plan_id, account.client, word=decision)

    last = list(read_entries(account.store, plan.plan_id))[-1]
    detail = last.parse_detail()
    assert last.kind == "settled"
    assert (detail["outcome"], detail["by"]) == ("refused", "kari")
    assert detail["because"] == "the portal shows no refund"
    assert detail["after"] == [100_000, 100_000, 0, 0]
    assert read_plan_history(account.store, plan.plan_id).rows[1].decided_by == "kari"
    assert list_outcomes(account.carry_out(plan)) == ["refused"]
    assert account.effects() == {}


def test_manual_decision_that_the_totals_contradict_is_refused(undone):
    """An unchanged payment was not refunded, so nobody can settle the row as done."""
    account, plan = undone
    account.simulator.advance(61)

    with pytest.raises(PlanError, match="cannot be settled as done"):
        settle(
            account.store,
            plan.plan_id,
            account.client,
            word=ManualDecision(1, "done", "I believe so"),
        )
    assert state(account, plan).outcome == "unknown"


def test_manual_decision_that_the_log_contradicts_is_refused(lost):
    """If a refund that was done were settled as refused, it would be planned and made again."""
    account, plan = lost
    account.simulator.advance(601)

    with pytest.raises(PlanError, match="cannot be settled as refused"):
        settle(
            account.store,
            plan.plan_id,
            account.client,
            word=ManualDecision(1, "refused", "I think not"),
        )
    assert state(account, plan).outcome == "unknown"


def test_proof_takes_priority_over_a_manual_decision(lost):
    """If the log proves the outcome, no person's decision is needed or recorded."""
    account, plan = lost
    account.simulator.advance(601)

    settle(
        account.store, plan.plan_id, account.client, word=ManualDecision(1, "done", "in the portal")
    )

    assert state(account, plan).entry.kind == "done"


def test_change_without_our_key_needs_a_manual_decision(lost):
    """The payment moved and the log is later than it should be.

    A person has to check and decide.
    """
    account, plan = lost
    account.simulator.advance(120)

    settled = settle(account.store, plan.plan_id, account.client)
    assert "business portal" in settled.results[0].explanation

    settle(
        account.store,
        plan.plan_id,
        account.client,
        word=ManualDecision(1, "done", "portal, 31 January", "kari"),
    )
    assert state(account, plan).outcome == "done"
    again = account.carry_out(plan)
    assert list_outcomes(again) == ["done"]
    assert account.effects() == {"order-000001": ("refund", 1, 2_500)}


def test_unreadable_payment_stays_open(undone):
    """A service that is down proves nothing about the row."""
    account, plan = undone
    account.simulator.set_faults([{"operations": ["getPayment"], "share": 1, "status": 503}])

    settled = settle(account.store, plan.plan_id, account.client)

    assert settled.results[0].outcome == "unknown"
    assert "could not be read" in settled.results[0].explanation


def test_settle_without_open_rows_changes_nothing(make_account):
    """A finished plan is not changed, and the journal gets no new entry."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 100)
    carried = account.carry_out(plan)

    assert settle(account.store, plan.plan_id, account.client).results == ()
    with pytest.raises(PlanError, match="is not open"):
        settle(account.store, plan.plan_id, account.client, word=ManualDecision(1, "refused", "no"))
    assert read_head(account.store, plan.plan_id) == carried.head


def test_settle_refuses_a_plan_in_progress(undone):
    """Two processes that write about the same row could contradict each other."""
    account, plan = undone
    acquire(account.store, plan.plan_id, holder="ola", host="elsewhere", pid=1, started="")

    with pytest.raises(PlanLockHeldError):
        settle(account.store, plan.plan_id, account.client)


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        pytest.param(ManualDecision(1, "skipped", "why not"), "done or refused", id="no ending"),
        pytest.param(ManualDecision(1, "done", "  "), "describe in one sentence", id="no reason"),
        pytest.param(
            ManualDecision(1, "done", "seen", "\x07"),
            "is not a valid name: ",
            id="an invalid name",
        ),
        pytest.param(ManualDecision(7, "done", "seen"), "is not open", id="no such row"),
    ],
)
def test_manual_decision_requires_row_outcome_reason_and_name(undone, decision, message):
    """A decision needs an open row, an outcome, a reason and a name.

    An auditor may read it years later.
    """
    account, plan = undone
    before = list(read_entries(account.store, plan.plan_id))

    with pytest.raises(PlanError, match=message):
        settle(account.store, plan.plan_id, account.client, word=decision)
    kinds = [entry.kind for entry in read_entries(account.store, plan.plan_id)][len(before) :]
    assert set(kinds) <= {"carrier"}


def test_unknown_plan_is_refused(make_account):
    """The message says that the plan is not in this workspace database."""
    account = make_account(1)

    with pytest.raises(PlanError, match="is not in the workspace database"):
        settle(account.store, account.make_plan("refund", 1).plan_id, account.client)


def test_settled_plan_continues_in_the_next_run(undone):
    """A row that stayed open after settling is sent by the next run, once."""
    account, plan = undone

    assert settle(account.store, plan.plan_id, account.client).exit_code == 1
    assert list_outcomes(account.carry_out(plan)) == ["done"]
    assert account.effects() == {"order-000001": ("refund", 1, 2_500)}
    assert carry_out(plan, account.client, store=account.store).results[0].outcome != "would_do"


def test_manual_decision_waits_a_minute_after_the_last_request(make_account):
    """The row was skipped earlier and sent again just now.

    The log may be late, so "refused" is not accepted yet.
    """
    account = make_account(1)
    account.simulator.set_settings(refusals=[{"code": 6160, "operation": "refund"}])
    plan = account.make_approved_plan("refund", 500)
    assert list_outcomes(
        account.carry_out(plan, patience=SHORT_TIMEOUTS._replace(wait_for=0.02))
    ) == ["skipped"]
    account.simulator.set_settings(refusals=[], event_log_lag_ms=30_000)
    account.simulator.advance(2 * 3600)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
    assert list_outcomes(
        account.carry_out(plan, patience=SHORT_TIMEOUTS._replace(settle_for=0.1))
    ) == ["unknown"]

    with pytest.raises(PlanError, match="Run this again in a minute"):
        settle(
            account.store,
            plan.plan_id,
            account.client,
            word=ManualDecision(1, "refused", "portal", "kari"),
        )

    assert read_row_states(account.store, plan.plan_id)[1].outcome == "unknown"
    assert account.effects() == {"order-000001": ("refund", 1, 500)}
