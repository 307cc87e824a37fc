"""The list of plans shows the same figures as the journals of the plans."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from tests.bulk.simulated_account import SHORT_TIMEOUTS
from vippsrecon.bulk.outcomes.from_journal import list_plan_overviews, read_plan_history
from vippsrecon.store import append_entries
from vippsrecon.store.journal.entry import Draft

SAID = ("count", "totals", "counts", "not_begun", "approver", "carrier", "stopped", "first_hash")


@pytest.fixture
def account(make_account):
    """Return an account with three plans: one left open, one with ended rows, one only approved."""
    account = make_account(4)
    account.simulator.set_settings(event_log_lag_ms=600_000)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
    account.carry_out(
        account.make_approved_plan("refund", 300, 400),
        patience=SHORT_TIMEOUTS._replace(settle_for=0.1),
    )
    account.simulator.set_faults([])
    account.carry_out(account.make_approved_plan("refund", 100, 200, 300, 400, 500))
    account.make_approved_plan("refund", 600)
    return account


def test_plan_list_agrees_with_the_journals(account):
    """The figures are computed in two ways, and both must always agree."""
    overviews = list_plan_overviews(account.store)

    assert len(overviews) == 3
    for overview in overviews:
        chain = read_plan_history(account.store, overview.known.plan_id)
        assert {name: getattr(overview, name) for name in (*SAID, "head")} == {
            name: getattr(chain, name) for name in (*SAID, "head")
        }
    assert [{name: n for name, n in overview.counts.items() if n} for overview in overviews] == [
        {"unknown": 2},
        {"done": 2, "refused": 3},
        {"skipped": 1},
    ]
    assert [overview.not_begun for overview in overviews] == [0, 0, 1]


def test_plan_list_needs_few_queries(account):
    """The number of queries depends on the number of plans, not on the number of rows."""
    statements = []
    event.listen(
        account.store._engine,
        "after_cursor_execute",
        lambda *event_arguments: statements.append(event_arguments[2]),
    )

    overviews = list_plan_overviews(account.store)

    assert (
        len([statement for statement in statements if statement.startswith("SELECT")])
        <= len(overviews) + 3
    )


def test_plan_list_shows_the_approver(account):
    """Before a plan is carried out, the last approver is shown.

    Afterwards, it is the approver whose approval was used.
    """
    before = list_plan_overviews(account.store)
    for overview in before:
        append_entries(
            account.store, overview.known.plan_id, [Draft("approved", detail={"approver": "liv"})]
        )

    overviews = list_plan_overviews(account.store)
    assert [overview.approver for overview in overviews] == ["ola", "ola", "liv"]
    assert [
        read_plan_history(account.store, overview.known.plan_id).approver for overview in overviews
    ] == [
        "ola",
        "ola",
        "liv",
    ]
