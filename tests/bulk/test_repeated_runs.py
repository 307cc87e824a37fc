"""A plan is carried out again: what an earlier run left, and what a dry run shows of it."""

from __future__ import annotations

import dataclasses
import sqlite3

import pytest

from tests.bulk.simulated_account import SOON
from vippsrecon.bulk.execution.carry_out import carry_out
from vippsrecon.errors import PlanError, StoreError
from vippsrecon.store import read_entries


def outcomes(carried) -> list[str]:
    """Return the outcomes, in the plan's order."""
    return [result.outcome for result in carried.results]


def tamper(here, *statements: str) -> None:
    """Change the journal without the package."""
    with sqlite3.connect(here.folder / "work.db") as database:
        for statement in statements:
            database.execute(statement)


def test_stopped_second_run_keeps_earlier_outcomes(world):
    """A second run that stops early must not report a refund of the first run as skipped."""
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
    ended = list(read_entries(here.store, plan.plan_id))[-1].parse_detail()
    assert ended["counts"] == {"skipped": 5, "done": 2, "unknown": 1}


def test_dry_run_of_a_finished_plan_shows_final_outcomes(world):
    """A row with a final refusal would not be sent by a live run either."""
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


def test_modified_journal_is_refused(world):
    """The outcomes in a modified journal may be wrong, so nothing is sent."""
    here = world(2)
    plan = here.approved("refund", 100, 200)
    here.live(plan)
    tamper(
        here,
        "DROP TRIGGER journal_no_update",
        f"UPDATE journal SET amount_minor = 1 WHERE plan_id = '{plan.plan_id}' AND row = 1",
    )
    sent = here.asked("refund")

    with pytest.raises(StoreError, match=r"was modified: entry \d+ .*Nothing was sent"):
        here.live(plan)
    assert here.asked("refund") == sent


def test_replaced_plan_is_refused_in_dry_run(world):
    """A dry run must not report that a changed plan would be carried out."""
    here = world(1)
    plan = here.approved("refund", 100)
    other = dataclasses.replace(plan, rows=(plan.rows[0]._replace(amount_minor=200),))

    with pytest.raises(PlanError, match="was first seen on"):
        carry_out(other, here.client, store=here.store)


@pytest.mark.parametrize(
    ("fault", "would"), [("drop_before", "would_do"), ("drop_after", "skipped")]
)
def test_dry_run_resolves_open_rows_without_sending(world, fault, would):
    """A dry run shows for an open row what a live run would find, not what a new row would get."""
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


def test_second_run_of_a_finished_plan_reports_that_nothing_was_sent(world):
    """Nothing is read or sent, even after the approval expired.

    The summary gives the day of the first run.
    """
    from vippsrecon.bulk.outcomes.html import summarize_run

    here = world(3)
    plan = here.approved("refund", 100, 200, 300)
    first = here.live(plan)
    assert summarize_run(first) == "Done: 3 refunds"
    here.simulator.advance(25 * 3600)
    reads = here.asked("getPayment")

    again = here.live(plan)

    assert summarize_run(again) == "Nothing was sent: all 3 were done on 2026-01-31"
    assert again.results == first.results
    assert (again.approver, again.head, again.exit_code) == ("ola", first.head, 0)
    assert here.asked("getPayment") == reads


def test_second_run_counts_rows_done_earlier(world):
    """The summary separates the work of this run from the work of an earlier run."""
    from vippsrecon.bulk.outcomes.html import summarize_run

    here = world(2)
    plan = here.approved("refund", 100, 200)
    refusal = {"code": 6160, "operation": "refund", "reference": "order-000002"}
    here.simulator.set_settings(refusals=[refusal])
    here.live(plan, patience=SOON._replace(wait_for=0.02))
    here.simulator.set_settings(refusals=[])

    assert summarize_run(here.live(plan)) == "Done: 2 refunds, 1 of them in an earlier run"


def test_dry_run_on_a_damaged_database_raises_one_error(world):
    """Rows are read at the same time, but the error must be one error and not a group of errors."""
    here = world(2)
    plan = here.approved("refund", 100, 200)
    tamper(here, "ALTER TABLE journal RENAME TO elsewhere")

    with pytest.raises(StoreError):
        carry_out(plan, here.client, store=here.store)
