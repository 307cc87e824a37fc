"""Faults that the chain of a single plan does not show: missing plans, reservations, triggers."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.store.plans_and_drafts import (
    OTHER,
    PLAN,
    change_as_owner,
    make_draft,
    register_approved_plan,
)
from vippsrecon.errors import StoreError
from vippsrecon.store import back_up, commit_entries, verify_database, verify_journal

THIRD = "33333333-3333-4333-8333-333333333333"
DAY = ("day:2026-01-31", "NOK", 10_000)


@pytest.fixture
def busy(store, carrier):
    """Return a database with rows done, refused, unknown and in progress, under a cap."""
    counted = {"caps": (DAY,)}
    commit_entries(
        store, carrier, [make_draft("intended", row, **counted)._replace(detail={"caps": [DAY[0]]}) for row in (1, 2, 3, 4)]
    )  # fmt: skip
    commit_entries(
        store, carrier, [make_draft("done", 1), make_draft("refused", 2), make_draft("unknown", 3)]
    )
    return store


def change(store, *statements):
    """Change tables that no trigger protects."""
    with store._engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_unchanged_database_is_valid(busy):
    """Reservations of rows that are done, unknown or in progress follow from their entries."""
    assert verify_database(busy) == []


@pytest.mark.ci
@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["UPDATE caps SET amount_minor = 0"], "counts 0 minor units"),
        (["DELETE FROM caps"], "is missing"),
        (["DELETE FROM reserved WHERE row = 1"], "holds nothing of the cap day:2026-01-31 NOK"),
        (["UPDATE reserved SET amount_minor = 1 WHERE row = 3"], "holds 1 minor units"),
        (["DELETE FROM in_flight WHERE row = 3"], "is open, but does not hold payment order-3"),
        (["UPDATE in_flight SET reference = 'x' WHERE row = 4"], "payment x of sales unit 123456"),
        (["DROP INDEX journal_one_end"], "the index journal_one_end is missing"),
    ],
)
def test_tables_that_contradict_the_journal_are_reported(busy, statements, message):
    """A person could change these tables to exceed a cap or to run two operations at once."""
    change(busy, *statements)

    assert any(message in fault for fault in verify_database(busy))
    assert verify_journal(busy, PLAN).ok, "the chain alone does not show it"


def test_missing_triggers_are_reported(store):
    """They protect the journal from accidents, so somebody removed them on purpose."""
    with change_as_owner(store):
        pass

    assert any("trigger journal_" in fault for fault in verify_database(store))


def test_added_trigger_is_reported(store):
    """It could drop entries or empty the caps before anybody looks."""
    if store._engine.dialect.name == "sqlite":
        change(store, "CREATE TRIGGER extra AFTER INSERT ON caps BEGIN DELETE FROM caps; END")
    else:
        body = "RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        change(store, f"CREATE FUNCTION nothing() {body}")
        change(store, "CREATE TRIGGER extra BEFORE INSERT ON caps FOR EACH ROW EXECUTE FUNCTION nothing()")  # fmt: skip

    assert verify_database(store) == [
        "the trigger extra was added: it could change what is recorded"
    ]


@pytest.mark.parametrize("removed", [PLAN, OTHER])
def test_removed_plan_is_found_by_the_next_plan(store, removed):
    """The plan registered after it counts the plans before it and is linked to the last one."""
    register_approved_plan(store, OTHER)
    register_approved_plan(store, THIRD)
    assert verify_database(store) == []

    with change_as_owner(store) as execute:
        for table in ("journal", "carriers", "reserved", "in_flight"):
            execute(f"DELETE FROM {table} WHERE plan_id = :plan", plan=removed)

    faults = verify_database(store)
    assert any("a whole plan registered before it" in fault for fault in faults)
    assert verify_journal(store, THIRD).ok, "the chains that are left hold"


def test_removed_last_plan_is_not_found(store):
    """As the documents state, only a head that was saved elsewhere shows this."""
    register_approved_plan(store, OTHER)

    with change_as_owner(store) as execute:
        execute("DELETE FROM journal WHERE plan_id = :plan", plan=OTHER)
        execute("DELETE FROM carriers WHERE plan_id = :plan", plan=OTHER)

    assert not [fault for fault in verify_database(store) if "plan" in fault]


def test_postgresql_backup_names_its_own_tool(store, tmp_path):
    """SQLite gives one complete file; for PostgreSQL the error names its backup tool."""
    if store._engine.dialect.name == "sqlite":
        assert back_up(store, tmp_path / "copy.db").stat().st_size > 0
        return
    with pytest.raises(StoreError, match="pg_dump"):
        back_up(store, tmp_path / "copy.db")
