"""Questions about all plans: our keys, open rows, receipts, and numbers of outcomes."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import event

from tests.store.plans_and_drafts import (
    OTHER,
    PLAN,
    change_as_owner,
    make_draft,
    register_approved_plan,
)
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
def finished(store, carrier):
    """Return a store with two plans: one whose rows have all outcomes, and one not started."""
    rows = (1, 2, 3, 4, 5, 6)
    commit_entries(
        store, carrier, [make_draft("intended", row, discrepancy_id=ID.format(row)) for row in rows]
    )
    commit_entries(
        store,
        carrier,
        [
            make_draft("done", 1, discrepancy_id=ID.format(1), event_at="2026-01-31T10:00:01.5Z"),
            make_draft(
                "already_done", 2, discrepancy_id=f"{ID.format(2)} over_captured:123456:order-2"
            ),
            make_draft("refused", 3, discrepancy_id=ID.format(3)),
            make_draft("unknown", 4, discrepancy_id=ID.format(4)),
            make_draft("unknown", 5, discrepancy_id=ID.format(5)),
        ],
    )
    settled = make_draft("settled", 5, discrepancy_id=ID.format(5), outcome="done", by="kari")
    commit_entries(store, carrier, [settled, make_draft("done", 7)])
    register_approved_plan(store, OTHER)
    return store


def test_own_keys_are_those_that_were_sent(finished):
    """Keys of all rows that were intended or done, not those of another verb or environment."""
    assert read_own_idempotency_keys(finished, "simulator", "refund") == {
        f"key-{row}" for row in range(1, 8)
    }
    assert read_own_idempotency_keys(finished, "simulator", "capture") == frozenset()
    assert read_own_idempotency_keys(finished, "production", "refund") == frozenset()


def test_rows_in_flight_are_in_progress_or_unknown(finished):
    """Rows that are in progress or unknown. A settled row is no longer listed."""
    result = read_payments_in_flight(finished, "simulator")

    assert [
        (row_in_flight.reference, row_in_flight.plan_id, row_in_flight.row)
        for row_in_flight in result
    ] == [
        ("order-4", PLAN, 4),
        ("order-6", PLAN, 6),
    ]
    assert read_payments_in_flight(finished, "test") == []


def test_receipts_are_of_done_rows_with_a_discrepancy(finished):
    """Rows done, already done, or confirmed as done by a person; not refused or unknown rows."""
    result = list(read_receipts(finished, "simulator"))

    assert [(receipt.row, receipt.outcome, receipt.discrepancy_ids) for receipt in result] == [
        (1, "done", (ID.format(1),)),
        (2, "already_done", (ID.format(2), "over_captured:123456:order-2")),
        (5, "done", (ID.format(5),)),
    ]
    assert result[0].event_at == "2026-01-31T10:00:01.5Z"
    assert (result[0].verb, result[0].currency, result[0].amount_minor) == ("refund", "NOK", 100)
    assert list(read_receipts(finished, "production")) == []


def test_later_reading_gives_the_time_of_the_operation(finished):
    """The event log came later than the answer; `verified` has the event's time."""
    detail = {"event_at": "2026-01-31T10:05:00Z"}
    append_entries(finished, PLAN, [make_draft("verified", 2)._replace(detail=detail)])

    assert {receipt.row: receipt.event_at for receipt in read_receipts(finished, "simulator")}[
        2
    ] == detail["event_at"]


def test_outcome_counts_equal_the_rows(finished):
    """The same counts as row by row, without reading the rows."""
    states = [state.outcome for state in read_row_states(finished, PLAN).values()]

    assert count_outcomes(finished) == {PLAN: {name: states.count(name) for name in set(states)}}


@pytest.mark.ci
@pytest.mark.parametrize(
    "ask", [count_outcomes, lambda store: list(read_receipts(store, "simulator"))]
)
def test_modified_entry_error_names_verify(finished, ask):
    """The error says to run --verify."""
    with change_as_owner(finished) as change:
        change("UPDATE journal SET detail = '[' WHERE kind = 'settled'")

    with pytest.raises(StoreError, match="was changed after it was written"):
        ask(finished)


def test_run_entries_contain_no_single_row(finished):
    """Approved, carrier and ended entries, and none about single rows."""
    kinds = [(entry.plan_id, entry.kind) for entry, _ in read_run_entries(finished)]

    assert kinds == [(PLAN, "approved"), (PLAN, "carrier"), (OTHER, "approved")]


def test_entries_are_read_by_kind(finished):
    """Approvals can be read without reading every entry."""
    assert [
        entry.kind for entry in read_entries(finished, PLAN, kinds=("approved", "carrier"))
    ] == [
        "approved",
        "carrier",
    ]
    assert list(read_entries(finished, PLAN, kinds=())) == []
    assert len(list(read_entries(finished, PLAN))) == list_plans(finished)[0].entries


@pytest.mark.ci
def test_counts_need_few_queries(store):
    """The number of queries does not depend on the number of rows and plans."""
    count = 5_000
    lock = acquire(store, PLAN, holder="ola", host="here", pid=os.getpid())
    for start in range(1, count + 1, 500):
        rows = range(start, start + 500)
        commit_entries(store, lock, [make_draft("intended", row) for row in rows])
        commit_entries(
            store, lock, [make_draft("skipped" if row % 5 == 0 else "done", row) for row in rows]
        )
    statements = []
    event.listen(
        store._engine,
        "after_cursor_execute",
        lambda *event_arguments: statements.append(event_arguments[2]),
    )

    assert count_outcomes(store) == {PLAN: {"done": count // 5 * 4, "skipped": count // 5}}
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 1


def test_receipts_are_read_in_pages(store, carrier, monkeypatch):
    """In a long journal, none is lost or repeated where a page ends."""
    monkeypatch.setattr("vippsrecon.store.journal.receipts.ENTRIES_PER_PAGE", 3)
    rows = range(1, 11)
    commit_entries(store, carrier, [make_draft("intended", row) for row in rows])
    commit_entries(
        store, carrier, [make_draft("done", row, discrepancy_id=f"x:{row}") for row in rows]
    )

    assert [receipt.row for receipt in read_receipts(store, "simulator")] == list(rows)


def test_receipts_of_all_plans_are_in_order(store, carrier):
    """Plan by plan, in order."""
    register_approved_plan(store, OTHER)
    other = acquire(store, OTHER, holder="ola", host="here", pid=os.getpid())
    for lock, row in ((other, 1), (carrier, 2)):
        commit_entries(
            store,
            lock,
            [make_draft("intended", row), make_draft("done", row, discrepancy_id=f"x:{row}")],
        )
    commit_entries(store, other, [Draft("ended", detail={"stopped": ""})])

    assert [(receipt.plan_id, receipt.row) for receipt in read_receipts(store, "simulator")] == [
        (PLAN, 2),
        (OTHER, 1),
    ]
