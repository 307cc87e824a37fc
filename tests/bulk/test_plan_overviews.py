"""The list of plans shows the same figures as the journals of the plans."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from tests.bulk.simulated_account import SOON
from vippsrecon.bulk.outcomes.from_journal import list_plan_overviews, read_plan_history
from vippsrecon.store import append_entries
from vippsrecon.store.journal.entry import Draft

SAID = ("count", "totals", "counts", "not_begun", "approver", "carrier", "stopped", "first_hash")


@pytest.fixture
def here(world):
    """Return a world with three plans: one left open, one with ended rows, one only approved."""
    here = world(4)
    here.simulator.set_settings(event_log_lag_ms=600_000)
    here.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
    here.live(here.approved("refund", 300, 400), patience=SOON._replace(settle_for=0.1))
    here.simulator.set_faults([])
    here.live(here.approved("refund", 100, 200, 300, 400, 500))
    here.approved("refund", 600)
    return here


def test_plan_list_agrees_with_the_journals(here):
    """The figures are computed in two ways, and both must always agree."""
    found = list_plan_overviews(here.store)

    assert len(found) == 3
    for one in found:
        chain = read_plan_history(here.store, one.known.plan_id)
        assert {name: getattr(one, name) for name in (*SAID, "head")} == {
            name: getattr(chain, name) for name in (*SAID, "head")
        }
    assert [{name: n for name, n in one.counts.items() if n} for one in found] == [
        {"unknown": 2},
        {"done": 2, "refused": 3},
        {"skipped": 1},
    ]
    assert [one.not_begun for one in found] == [0, 0, 1]


def test_plan_list_needs_few_queries(here):
    """The number of queries depends on the number of plans, not on the number of rows."""
    asked = []
    event.listen(here.store._engine, "after_cursor_execute", lambda *said: asked.append(said[2]))

    found = list_plan_overviews(here.store)

    assert len([one for one in asked if one.startswith("SELECT")]) <= len(found) + 3


def test_plan_list_shows_the_approver(here):
    """Before a plan is carried out, the last approver is shown.

    Afterwards, it is the approver whose approval was used.
    """
    before = list_plan_overviews(here.store)
    for one in before:
        append_entries(
            here.store, one.known.plan_id, [Draft("approved", detail={"approver": "liv"})]
        )

    found = list_plan_overviews(here.store)
    assert [one.approver for one in found] == ["ola", "ola", "liv"]
    assert [read_plan_history(here.store, one.known.plan_id).approver for one in found] == [
        "ola",
        "ola",
        "liv",
    ]
