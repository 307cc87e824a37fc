"""Verify what the chains of single plans do not show: missing plans, reservations, triggers.

    order of plans     a whole plan was removed, or replaced (`plan_order`)
    reservations       `reserved`, `caps` and `in_flight` follow from the journal's entries
    triggers, indexes  those that protect the journal still exist, unchanged, and no trigger was
                       added that could change what is recorded

Not found: that the plans registered last were removed with all their traces, or that every chain
and table was rewritten consistently. Only a head saved outside the database shows that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import Connection, select, text

from vippsrecon.store.database.migrate import load_migrations
from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import CAPS, IN_FLIGHT, JOURNAL, RESERVED
from vippsrecon.store.database.transactions import read_transaction
from vippsrecon.store.journal.entry import ROW_KINDS, Draft
from vippsrecon.store.journal.plan_order import find_order_faults, read_registered_plans
from vippsrecon.store.journal.reservations import RELEASING_KINDS, had_no_effect

MAX_FAULTS_OF_A_KIND = 10
"""More faults of one table are not listed."""

_TRIGGER_OR_INDEX = re.compile(
    r"^CREATE (?:UNIQUE )?(TRIGGER|INDEX) (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE
)

ReservedKey = tuple[str, int, str, str]
"""(plan_id, row, scope, currency)."""


def verify_database(store: Store) -> list[str]:
    """Return every fault that no chain of a single plan shows, each as one sentence.

    Raises:
        StoreError: The database cannot be used.
    """
    with read_transaction(store) as connection:
        if connection.dialect.name == "postgresql":
            # All queries see the same moment: a run may be writing meanwhile.
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        faults = list(_find_missing_triggers_and_indexes(connection))
        faults += find_order_faults(read_registered_plans(connection))
        faults += _limit(_find_reservation_faults(connection))
    return faults


def _limit(faults: Iterator[str]) -> Iterator[str]:
    for number, fault in enumerate(faults):
        if number == MAX_FAULTS_OF_A_KIND:
            yield "there are more reservations that do not follow from the journal"
            return
        yield fault


class _Replay:
    """The reservations that follow from the entries of all plans, taken in order."""

    def __init__(self) -> None:
        self.reserved: dict[ReservedKey, int] = {}
        self.in_flight: dict[tuple[str, int], tuple[str, str, str]] = {}
        self.unverifiable: set[tuple[str, int]] = set()
        """Rows whose intention does not name its caps: written by an earlier version."""

    def apply(self, entry: Any) -> None:
        """Apply one entry of a row."""
        row = (entry.plan_id, entry.row)
        detail = orjson.loads(entry.detail)
        if entry.kind == "intended":
            self.in_flight[row] = (entry.environment, entry.msn, entry.reference)
            if "caps" not in detail:
                self.unverifiable.add(row)
            for scope in detail.get("caps", ()):
                self.reserved[(*row, scope, entry.currency)] = entry.amount_minor
        elif entry.kind in RELEASING_KINDS:
            self.in_flight.pop(row, None)
            if had_no_effect(Draft(entry.kind, entry.row, detail=detail)):
                for key in [key for key in self.reserved if key[:2] == row]:
                    del self.reserved[key]


def _find_reservation_faults(connection: Connection) -> Iterator[str]:
    chosen = (
        select(JOURNAL)
        .where(JOURNAL.c.row.is_not(None), JOURNAL.c.kind.in_(ROW_KINDS))
        .order_by(JOURNAL.c.plan_id, JOURNAL.c.row, JOURNAL.c.seq)
    )
    expected: dict[ReservedKey, int] = {}
    in_flight: dict[tuple[str, int], tuple[str, str, str]] = {}
    unverifiable: set[tuple[str, int]] = set()
    replay, current = _Replay(), None
    for entry in connection.execute(chosen.execution_options(yield_per=2_000)):
        row = (entry.plan_id, entry.row)
        if row != current:
            _collect(replay, expected, in_flight, unverifiable)
            replay, current = _Replay(), row
        try:
            replay.apply(entry)
        except (ValueError, KeyError, TypeError):
            unverifiable.add(row)  # The plan's own chain shows that the entry was changed.
    _collect(replay, expected, in_flight, unverifiable)
    yield from _compare_reserved(connection, expected, unverifiable)
    yield from _compare_caps(connection)
    yield from _compare_in_flight(connection, in_flight, unverifiable)


def _collect(
    replay: _Replay,
    expected: dict[ReservedKey, int],
    in_flight: dict[tuple[str, int], tuple[str, str, str]],
    unverifiable: set[tuple[str, int]],
) -> None:
    expected.update(replay.reserved)
    in_flight.update(replay.in_flight)
    unverifiable.update(replay.unverifiable)


def _compare_reserved(
    connection: Connection, expected: dict[ReservedKey, int], unverifiable: set[tuple[str, int]]
) -> Iterator[str]:
    for stored in connection.execute(select(RESERVED)):
        key = (stored.plan_id, stored.row, stored.scope, stored.currency)
        journal_minor = expected.pop(key, 0)
        if journal_minor != stored.amount_minor and key[:2] not in unverifiable:
            yield (
                f"row {stored.row} of plan {stored.plan_id} holds {stored.amount_minor} minor units of the "
                f"cap {stored.scope} {stored.currency}, but its journal entries say {journal_minor}"
            )
    for (plan_id, row, scope, currency), minor in expected.items():
        if (plan_id, row) not in unverifiable:
            yield (
                f"row {row} of plan {plan_id} holds nothing of the cap {scope} {currency}, but its "
                f"journal entries say {minor} minor units"
            )


def _compare_caps(connection: Connection) -> Iterator[str]:
    sums: dict[tuple[str, str, str], int] = {}
    for stored in connection.execute(select(RESERVED)):
        cap = (stored.environment, stored.scope, stored.currency)
        sums[cap] = sums.get(cap, 0) + stored.amount_minor
    for used in connection.execute(select(CAPS)):
        reserved = sums.pop((used.environment, used.scope, used.currency), 0)
        if used.amount_minor != reserved:
            yield (
                f"the cap {used.scope} {used.currency} counts {used.amount_minor} minor units, but "
                f"its rows hold {reserved}"
            )
    for (_, scope, currency), reserved in sums.items():
        if reserved:
            yield f"the cap {scope} {currency} is missing, but its rows hold {reserved} minor units"


def _compare_in_flight(
    connection: Connection,
    expected: dict[tuple[str, int], tuple[str, str, str]],
    unverifiable: set[tuple[str, int]],
) -> Iterator[str]:
    for stored in connection.execute(select(IN_FLIGHT)):
        payment = expected.pop((stored.plan_id, stored.row), None)
        if payment != (stored.environment, stored.msn, stored.reference):
            yield (
                f"payment {stored.reference} of sales unit {stored.msn} is held by row {stored.row} of "
                f"plan {stored.plan_id}, but its journal entries do not say so"
            )
    for (plan_id, row), (_, msn, reference) in expected.items():
        yield (
            f"row {row} of plan {plan_id} is open, but does not hold payment {reference} of sales "
            f"unit {msn}: another plan could change it"
        )


def _find_missing_triggers_and_indexes(connection: Connection) -> Iterator[str]:
    """Yield a sentence for each trigger and index of the migrations that is missing or changed.

    A trigger that the migrations did not create is named too: it could drop what is recorded.
    """
    dialect = connection.dialect.name
    present = (
        _read_sqlite_triggers_and_indexes
        if dialect == "sqlite"
        else _read_postgresql_triggers_and_indexes
    )
    existing, expected = present(connection), set()
    for migration in load_migrations():
        for statement in migration.select_statements(dialect):
            sql = _strip(statement)
            match = _TRIGGER_OR_INDEX.match(sql)
            if match is None:
                continue
            kind, name = match[1].lower(), match[2]
            expected.add(name)
            if name not in existing:
                yield f"the {kind} {name} is missing or switched off"
            elif existing[name] not in ("", sql):
                yield f"the {kind} {name} was changed"
    for name in sorted(_read_triggers(connection) - expected):
        yield f"the trigger {name} was added: it could change what is recorded"


def _read_triggers(connection: Connection) -> set[str]:
    """Return the name of every trigger on the tables that a run writes."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        return set(connection.execute(text(query)).scalars())
    query = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = ANY(ARRAY["
        "'journal', 'carriers', 'in_flight', 'caps', 'reserved']::regclass[])"
    )
    return set(connection.execute(text(query)).scalars())


def _strip(statement: str) -> str:
    lines = [line for line in statement.splitlines() if not line.startswith("--")]
    return " ".join(" ".join(lines).split()).removesuffix(";")


def _read_sqlite_triggers_and_indexes(connection: Connection) -> dict[str, str]:
    existing = connection.execute(
        text("SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'index')")
    )
    return {name: _strip(sql) for name, sql in existing if sql}


def _read_postgresql_triggers_and_indexes(connection: Connection) -> dict[str, str]:
    """Return the names; the trigger only if it is on and its function still raises."""
    existing = connection.execute(
        text(
            "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() UNION ALL "
            "SELECT t.tgname FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid "
            "WHERE t.tgrelid = 'journal'::regclass AND t.tgenabled IN ('O', 'A') "
            "AND f.prosrc LIKE '%RAISE EXCEPTION%'"
        )
    )
    return dict.fromkeys(existing.scalars(), "")
