"""A plan is carried out again: what an earlier run left, and what a dry run shows of it."""

from __future__ import annotations

import dataclasses

import pytest

from tests.bulk.simulated_account import SHORT_TIMEOUTS, list_outcomes
from vippsrecon.bulk.execution.carry_out import carry_out
from vippsrecon.errors import PlanError, StoreError
from vippsrecon.store import read_entries


def test_stopped_second_run_keeps_earlier_outcomes(make_account):
    """A second run that stops early must not report a refund of the first run as skipped."""
    account = make_account(8)
    plan = account.make_approved_plan("refund", *[100] * 8)
    locked = [
        {"code": 6160, "operation": "refund", "reference": f"order-{n:06d}"} for n in range(1, 6)
    ]
    lost = {"code": 4150, "operation": "refund", "reference": "order-000008"}
    account.simulator.set_settings(refusals=[*locked, lost])
    quick = SHORT_TIMEOUTS._replace(wait_for=0.02)
    first = account.carry_out(plan, patience=quick, in_flight=8)
    assert list_outcomes(first) == ["skipped"] * 5 + ["done"] * 2 + ["unknown"]

    again = account.carry_out(plan, patience=quick, in_flight=1)

    assert "5 rows in a row failed" in again.stopped
    assert list_outcomes(again) == ["skipped"] * 5 + ["done"] * 2 + ["unknown"]
    assert again.results[5] == first.results[5]
    ended = list(read_entries(account.store, plan.plan_id))[-1].parse_detail()
    assert ended["counts"] == {"skipped": 5, "done": 2, "unknown": 1}


def test_dry_run_of_a_finished_plan_shows_final_outcomes(make_account):
    """A row with a final refusal would not be sent by a live run either."""
    account = make_account(3)
    plan = account.make_approved_plan("refund", 100, 200, 300)
    refused = {"code": 6210, "operation": "refund", "reference": "order-000001"}
    account.simulator.set_settings(refusals=[refused])
    account.carry_out(plan)
    account.simulator.set_settings(refusals=[])

    dry = carry_out(plan, account.client, store=account.store)

    assert list_outcomes(dry) == ["refused", "already_done", "already_done"]
    assert dry.counts["would_do"] == 0
    assert len(dry.outcomes) == 3


def test_modified_journal_is_refused(make_account):
    """The outcomes in a modified journal may be wrong, so nothing is sent."""
    account = make_account(2)
    plan = account.make_approved_plan("refund", 100, 200)
    account.carry_out(plan)
    account.change_database(
        "DROP TRIGGER journal_no_update",
        f"UPDATE journal SET amount_minor = 1 WHERE plan_id = '{plan.plan_id}' AND row = 1",
    )
    sent = account.count_requests("refund")

    with pytest.raises(StoreError, match=r"was modified: entry \d+ .*Nothing was sent"):
        account.carry_out(plan)
    assert account.count_requests("refund") == sent


def test_replaced_plan_is_refused_in_dry_run(make_account):
    """A dry run must not report that a changed plan would be carried out."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 100)
    other = dataclasses.replace(plan, rows=(plan.rows[0]._replace(amount_minor=200),))

    with pytest.raises(PlanError, match="was first seen on"):
        carry_out(other, account.client, store=account.store)


@pytest.mark.parametrize(
    ("fault", "would"), [("drop_before", "would_do"), ("drop_after", "skipped")]
)
def test_dry_run_resolves_open_rows_without_sending(make_account, fault, would):
    """A dry run shows for an open row what a live run would find, not what a new row would get."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 500)
    account.simulator.set_settings(event_log_lag_ms=30_000)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, fault: True}])
    assert list_outcomes(
        account.carry_out(plan, patience=SHORT_TIMEOUTS._replace(settle_for=0.1))
    ) == ["unknown"]
    sent = account.count_requests("refund")

    assert list_outcomes(carry_out(plan, account.client, store=account.store)) == [would]

    account.simulator.advance(31)
    settled = "already_done" if fault == "drop_after" else "would_do"
    assert list_outcomes(carry_out(plan, account.client, store=account.store)) == [settled]
    assert account.count_requests("refund") == sent


def test_second_run_of_a_finished_plan_reports_that_nothing_was_sent(make_account):
    """Nothing is read or sent, even after the approval expired.

    The summary gives the day of the first run.
    """
    from vippsrecon.bulk.outcomes.html import summarize_run

    account = make_account(3)
    plan = account.make_approved_plan("refund", 100, 200, 300)
    first = account.carry_out(plan)
    assert summarize_run(first) == "Done: 3 refunds"
    account.simulator.advance(25 * 3600)
    reads = account.count_requests("getPayment")

    again = account.carry_out(plan)

    assert summarize_run(again) == "Nothing was sent: all 3 were done on 2026-01-31"
    assert again.results == first.results
    assert (again.approver, again.head, again.exit_code) == ("ola", first.head, 0)
    assert account.count_requests("getPayment") == reads


def test_second_run_counts_rows_done_earlier(make_account):
    """The summary separates the work of this run from the work of an earlier run."""
    from vippsrecon.bulk.outcomes.html import summarize_run

    account = make_account(2)
    plan = account.make_approved_plan("refund", 100, 200)
    refusal = {"code": 6160, "operation": "refund", "reference": "order-000002"}
    account.simulator.set_settings(refusals=[refusal])
    account.carry_out(plan, patience=SHORT_TIMEOUTS._replace(wait_for=0.02))
    account.simulator.set_settings(refusals=[])

    assert summarize_run(account.carry_out(plan)) == "Done: 2 refunds, 1 of them in an earlier run"


def test_dry_run_on_a_damaged_database_raises_one_error(make_account):
    """Rows are read at the same time, but the error must be one error and not a group of errors."""
    account = make_account(2)
    plan = account.make_approved_plan("refund", 100, 200)
    account.change_database("ALTER TABLE journal RENAME TO elsewhere")

    with pytest.raises(StoreError):
        carry_out(plan, account.client, store=account.store)
