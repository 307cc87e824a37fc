"""Questions over all plans: our keys, open rows, receipts, and how many rows ended as what."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import event

from tests.store.making import OTHER, PLAN, approved, as_owner, draft
from vippsrecon.errors import StoreError
from vippsrecon.store import (
    Draft,
    acquire,
    append_entries,
    commit_entries,
    count_outcomes,
    list_plans,
    read_entries,
    read_own_idempotency_keys,
    read_payments_in_flight,
    read_receipts,
    read_row_states,
    read_run_entries,
)

ID = "refund_missing_at_vipps:123456:order-{}"


@pytest.fixture
def told(store, carrier):
    """A plan whose six rows ended in every way, and another one that was never begun."""
    rows = (1, 2, 3, 4, 5, 6)
    commit_entries(
        store, carrier, [draft("intended", row, discrepancy_id=ID.format(row)) for row in rows]
    )
    commit_entries(
        store,
        carrier,
        [
            draft("done", 1, discrepancy_id=ID.format(1), event_at="2026-01-31T10:00:01.5Z"),
            draft("already_done", 2, discrepancy_id=f"{ID.format(2)} over_captured:123456:order-2"),
            draft("refused", 3, discrepancy_id=ID.format(3)),
            draft("unknown", 4, discrepancy_id=ID.format(4)),
            draft("unknown", 5, discrepancy_id=ID.format(5)),
        ],
    )
    settled = draft("settled", 5, discrepancy_id=ID.format(5), outcome="done", by="kari")
    commit_entries(store, carrier, [settled, draft("done", 7)])
    approved(store, OTHER)
    return store


def test_our_keys_are_those_that_were_sent(told):
    """Of what was intended or found done; not of what another verb or environment asked for."""
    assert read_own_idempotency_keys(told, "simulator", "refund") == {
        f"key-{row}" for row in range(1, 8)
    }
    assert read_own_idempotency_keys(told, "simulator", "capture") == frozenset()
    assert read_own_idempotency_keys(told, "production", "refund") == frozenset()


def test_what_is_in_flight(told):
    """Under way or unknown, and no longer once it is settled."""
    found = read_payments_in_flight(told, "simulator")

    assert [(one.reference, one.plan_id, one.row) for one in found] == [
        ("order-4", PLAN, 4),
        ("order-6", PLAN, 6),
    ]
    assert read_payments_in_flight(told, "test") == []


def test_receipts_are_of_rows_that_were_done_for_something(told):
    """Done, found done, or done by a person's word; not refused, unknown, or for no discrepancy."""
    found = list(read_receipts(told, "simulator"))

    assert [(one.row, one.outcome, one.discrepancy_ids) for one in found] == [
        (1, "done", (ID.format(1),)),
        (2, "already_done", (ID.format(2), "over_captured:123456:order-2")),
        (5, "done", (ID.format(5),)),
    ]
    assert found[0].event_at == "2026-01-31T10:00:01.5Z"
    assert (found[0].verb, found[0].currency, found[0].amount_minor) == ("refund", "NOK", 100)
    assert list(read_receipts(told, "production")) == []


def test_a_later_look_tells_when_it_was_done(told):
    """The log lagged when the answer came; `verified` has the event's time."""
    detail = {"event_at": "2026-01-31T10:05:00Z"}
    append_entries(told, PLAN, [draft("verified", 2)._replace(detail=detail)])

    assert {one.row: one.event_at for one in read_receipts(told, "simulator")}[2] == detail[
        "event_at"
    ]


def test_outcomes_are_those_of_the_rows(told):
    """The same as row by row, without the rows."""
    states = [state.outcome for state in read_row_states(told, PLAN).values()]

    assert count_outcomes(told) == {PLAN: {name: states.count(name) for name in set(states)}}


@pytest.mark.parametrize(
    "ask", [count_outcomes, lambda store: list(read_receipts(store, "simulator"))]
)
def test_what_was_tampered_with_is_a_sentence(told, ask):
    """A word that is no longer one: who reads on is sent to --verify."""
    with as_owner(told) as change:
        change("UPDATE journal SET detail = '[' WHERE kind = 'settled'")

    with pytest.raises(StoreError, match="was changed after it was written"):
        ask(told)


def test_what_is_said_of_runs(told):
    """Approved, carrier and ended: nothing about single rows."""
    kinds = [(entry.plan_id, entry.kind) for entry, _ in read_run_entries(told)]

    assert kinds == [(PLAN, "approved"), (PLAN, "carrier"), (OTHER, "approved")]


def test_a_chain_by_kinds(told):
    """Approvals are found without every row being read."""
    assert [entry.kind for entry in read_entries(told, PLAN, kinds=("approved", "carrier"))] == [
        "approved",
        "carrier",
    ]
    assert list(read_entries(told, PLAN, kinds=())) == []
    assert len(list(read_entries(told, PLAN))) == list_plans(told)[0].entries


def test_thousands_of_rows_are_counted_at_once(store):
    """However many rows and plans: so many questions, and no row of a plan is fetched."""
    count = 5_000
    held = acquire(store, PLAN, holder="ola", host="here", pid=os.getpid())
    for start in range(1, count + 1, 500):
        rows = range(start, start + 500)
        commit_entries(store, held, [draft("intended", row) for row in rows])
        commit_entries(
            store, held, [draft("skipped" if row % 5 == 0 else "done", row) for row in rows]
        )
    asked = []
    event.listen(store._engine, "after_cursor_execute", lambda *said: asked.append(said[2]))

    assert count_outcomes(store) == {PLAN: {"done": count // 5 * 4, "skipped": count // 5}}
    assert len([one for one in asked if one.startswith("SELECT")]) == 1


def test_receipts_page_by_page(store, carrier, monkeypatch):
    """However long the journal is: none is lost or told twice where a page ends."""
    monkeypatch.setattr("vippsrecon.store.journal.receipts.ENTRIES_PER_PAGE", 3)
    rows = range(1, 11)
    commit_entries(store, carrier, [draft("intended", row) for row in rows])
    commit_entries(store, carrier, [draft("done", row, discrepancy_id=f"x:{row}") for row in rows])

    assert [one.row for one in read_receipts(store, "simulator")] == list(rows)


def test_a_receipt_of_every_plan(store, carrier):
    """Plan by plan, in order."""
    approved(store, OTHER)
    other = acquire(store, OTHER, holder="ola", host="here", pid=os.getpid())
    for held, row in ((other, 1), (carrier, 2)):
        commit_entries(
            store, held, [draft("intended", row), draft("done", row, discrepancy_id=f"x:{row}")]
        )
    commit_entries(store, other, [Draft("ended", detail={"stopped": ""})])

    assert [(one.plan_id, one.row) for one in read_receipts(store, "simulator")] == [
        (PLAN, 2),
        (OTHER, 1),
    ]
