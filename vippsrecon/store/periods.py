"""Close months, reopen them, and keep what they consisted of and which vouchers were written.

close_period         close a month with its facts; a closed month is closed only after it is reopened
reopen_period        reopen a month, with a name and a reason
read_closed_periods  the latest closing of each month that is closed
read_period_changes  every closing and reopening
read_period_facts    the facts of a month as its latest closing found them
record_vouchers      vouchers that were written; none into a closed month
read_vouchers        these, line by line
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, select

from vippsrecon.errors import ClosedPeriodError, InputError
from vippsrecon.store.database.rows import insert_rows
from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import (
    PERIOD_CHANGES,
    PERIOD_FACTS,
    WRITTEN_VOUCHERS,
    database_time,
)
from vippsrecon.store.database.transactions import read_transaction, write_transaction

_FACT_COLUMNS = [
    column.name for column in PERIOD_FACTS.c if column.name not in ("environment", "period")
]
_VOUCHER_COLUMNS = [
    column.name for column in WRITTEN_VOUCHERS.c if column.name not in ("environment", "written_at")
]


class PeriodChange(NamedTuple):
    """One closing or reopening of a month.

    Attributes:
        period: The month, such as "2026-10".
        seq: Number of the change of this month, from 1.
        action: closed or reopened.
        person: Who did it.
        reason: Why; "" for a closing without one.
        sides: The inputs whose facts were closed.
        changed_at: By the clock of the database.
    """

    period: str
    seq: int
    action: str
    person: str
    reason: str
    sides: tuple[str, ...]
    changed_at: str


def close_period(
    store: Store,
    environment: str,
    period: str,
    *,
    person: str,
    sides: Collection[str],
    facts: Iterable[Mapping[str, Any]],
    reason: str = "",
) -> None:
    """Close a month.

    Args:
        store: The workspace database.
        environment: test, production or simulator.
        period: The month, such as "2026-10".
        person: Who closes it.
        sides: The inputs that were given; only these are compared later.
        facts: Rows of `schemas.PERIOD_FACTS`.
        reason: A note.

    Raises:
        ClosedPeriodError: It is closed already.
        StoreError: Nothing was recorded.
    """
    with write_transaction(store) as connection:
        latest = _find_latest(connection, environment, period)
        if latest is not None and latest.action == "closed":
            raise ClosedPeriodError(
                f"{period} was closed by {latest.person} at {latest.changed_at}. It stays as it is. "
                "To close it with other facts, reopen it first: vippsrecon close-period --period "
                f"{period} --reopen --by NAME --reason TEXT"
            )
        change = PeriodChange(period, 0, "closed", person, reason, tuple(sides), "")
        _add_change(connection, environment, latest, change)
        connection.execute(
            delete(PERIOD_FACTS).where(
                PERIOD_FACTS.c.environment == environment, PERIOD_FACTS.c.period == period
            )
        )
        insert_rows(
            connection,
            PERIOD_FACTS.name,
            (
                {
                    **{name: fact[name] for name in _FACT_COLUMNS},
                    "environment": environment,
                    "period": period,
                }
                for fact in facts
            ),
            "DO NOTHING",
        )


def reopen_period(store: Store, environment: str, period: str, person: str, reason: str) -> None:
    """Reopen a closed month. Its facts stay until it is closed again.

    Raises:
        InputError: The month is not closed, or the name or the reason is missing.
        StoreError: Nothing was recorded.
    """
    if not person.strip() or not reason.strip():
        raise InputError("A closed period is reopened with a name and a reason: --by and --reason.")
    with write_transaction(store) as connection:
        latest = _find_latest(connection, environment, period)
        if latest is None or latest.action != "closed":
            raise InputError(f"{period} is not closed, so it cannot be reopened.")
        change = latest._replace(action="reopened", person=person, reason=reason)
        _add_change(connection, environment, latest, change)


def read_closed_periods(store: Store, environment: str) -> dict[str, PeriodChange]:
    """Return the latest closing of each month that is closed, in order of month."""
    latest = {change.period: change for change in read_period_changes(store, environment)}
    return {period: change for period, change in latest.items() if change.action == "closed"}


def read_period_changes(store: Store, environment: str) -> list[PeriodChange]:
    """Return every closing and reopening, by month and number."""
    with read_transaction(store) as connection:
        return _read_changes(connection, environment)


def read_period_facts(store: Store, environment: str, period: str) -> list[dict[str, Any]]:
    """Return the facts of a month as its latest closing found them, by side and key."""
    query = (
        select(*(PERIOD_FACTS.c[name] for name in _FACT_COLUMNS))
        .where(PERIOD_FACTS.c.environment == environment, PERIOD_FACTS.c.period == period)
        .order_by(PERIOD_FACTS.c.side, PERIOD_FACTS.c.fact_key)
    )
    with read_transaction(store) as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def record_vouchers(store: Store, environment: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """Record vouchers that are written into a file. Recording the same again changes nothing.

    Args:
        store: The workspace database.
        environment: test, production or simulator.
        lines: Rows of `schemas.VOUCHERS` with the status new or reversal.

    Raises:
        ClosedPeriodError: A voucher's month is closed; nothing was recorded.
        StoreError: Nothing was recorded.
    """
    rows = [
        {
            **{name: line[name] for name in _VOUCHER_COLUMNS},
            "voucher_date": str(line["voucher_date"]),
            "environment": environment,
        }
        for line in lines
    ]
    with write_transaction(store) as connection:
        latest = {change.period: change for change in _read_changes(connection, environment)}
        closed = {period for period, change in latest.items() if change.action == "closed"}
        blocked = sorted({row["voucher_date"][:7] for row in rows} & closed)
        if blocked:
            raise ClosedPeriodError(
                f"{', '.join(blocked)} was closed meanwhile. No voucher was written."
            )
        now = connection.execute(select(database_time())).scalar_one()
        written = ({**row, "written_at": now} for row in rows)
        insert_rows(connection, WRITTEN_VOUCHERS.name, written, "DO NOTHING")


def read_vouchers(store: Store, environment: str) -> list[dict[str, Any]]:
    """Return the lines of all written vouchers, by number and line; days are ISO 8601 text."""
    query = (
        select(*(WRITTEN_VOUCHERS.c[name] for name in _VOUCHER_COLUMNS))
        .where(WRITTEN_VOUCHERS.c.environment == environment)
        .order_by(WRITTEN_VOUCHERS.c.voucher_number, WRITTEN_VOUCHERS.c.line)
    )
    with read_transaction(store) as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _read_changes(connection: Connection, environment: str) -> list[PeriodChange]:
    query = (
        select(*(PERIOD_CHANGES.c[name] for name in PeriodChange._fields))
        .where(PERIOD_CHANGES.c.environment == environment)
        .order_by(PERIOD_CHANGES.c.period, PERIOD_CHANGES.c.seq)
    )
    changes = (PeriodChange(*row) for row in connection.execute(query))
    return [change._replace(sides=tuple(str(change.sides).split())) for change in changes]


def _find_latest(connection: Connection, environment: str, period: str) -> PeriodChange | None:
    changes = (
        change for change in _read_changes(connection, environment) if change.period == period
    )
    return max(changes, key=lambda change: change.seq, default=None)


def _add_change(
    connection: Connection, environment: str, latest: PeriodChange | None, change: PeriodChange
) -> None:
    row = {
        **change._asdict(),
        "environment": environment,
        "seq": 1 if latest is None else latest.seq + 1,
        "sides": " ".join(sorted(change.sides)),
        "changed_at": connection.execute(select(database_time())).scalar_one(),
    }
    connection.execute(PERIOD_CHANGES.insert().values(row))
