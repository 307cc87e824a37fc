"""Where a plan's rows stand, and what planners and caps have used."""

from __future__ import annotations

from collections.abc import Callable

import orjson
from sqlalchemy import func, select
from sqlalchemy.sql.functions import Function

from vippsrecon.store.database.open import Store
from vippsrecon.store.database.tables import CAPS, JOURNAL
from vippsrecon.store.database.transactions import read_transaction
from vippsrecon.store.journal.entries import ENTRY_COLUMNS
from vippsrecon.store.journal.entry import ROW_KINDS, Entry


def read_last_entries(store: Store, plan_id: str) -> dict[int, Entry]:
    """Return where each row of a plan stands: the last entry that says so.

    Raises:
        StoreError: The database cannot be used.
    """
    return _read_entry_per_row(store, plan_id, func.max(JOURNAL.c.seq), ROW_KINDS)


def read_intentions(store: Store, plan_id: str) -> dict[int, Entry]:
    """Return the first `intended` of each row that has one.

    Raises:
        StoreError: The database cannot be used.
    """
    return _read_entry_per_row(store, plan_id, func.min(JOURNAL.c.seq), ("intended",))


def read_last_verifications(store: Store, plan_id: str) -> dict[int, Entry]:
    """Return the last `verified` of each row that has one.

    Raises:
        StoreError: The database cannot be used.
    """
    return _read_entry_per_row(store, plan_id, func.max(JOURNAL.c.seq), ("verified",))


def sum_planner_totals(
    store: Store,
    is_planner: Callable[[str], bool],
    environment: str,
    since_at: str,
    *,
    but: str | None = None,
) -> dict[str, int]:
    """Return the sums per currency of the plans of one planner, in minor units.

    Args:
        store: The database.
        is_planner: Whether a name, as a plan has it, is the planner's.
        environment: test, production or simulator.
        since_at: Of the plans first seen, or approved, at or after this time.
        but: A plan to leave out.

    Raises:
        StoreError: The database cannot be used.
    """
    lately = select(JOURNAL.c.plan_id).where(
        JOURNAL.c.environment == environment,
        JOURNAL.c.at >= since_at,
        JOURNAL.c.kind.in_(("seen", "approved")),
    )
    chosen = select(JOURNAL.c.plan_id, JOURNAL.c.detail).where(
        JOURNAL.c.seq == 1, JOURNAL.c.plan_id.in_(lately)
    )
    with read_transaction(store) as connection:
        found = connection.execute(chosen).all()
    sums: dict[str, int] = {}
    for plan_id, detail in found:
        said = orjson.loads(detail)
        if plan_id != but and is_planner(said.get("planner") or ""):
            for currency, amount in said["totals"].items():
                sums[currency] = sums.get(currency, 0) + amount
    return sums


def read_cap_usage(store: Store, environment: str, scope: str) -> dict[str, int]:
    """Return how much of a cap is used, per currency, in minor units.

    Raises:
        StoreError: The database cannot be used.
    """
    chosen = select(CAPS.c.currency, CAPS.c.amount_minor).where(
        CAPS.c.environment == environment, CAPS.c.scope == scope
    )
    with read_transaction(store) as connection:
        return {one.currency: one.amount_minor for one in connection.execute(chosen)}


def _read_entry_per_row(
    store: Store, plan_id: str, which: Function[int], kinds: tuple[str, ...]
) -> dict[int, Entry]:
    of_rows = (
        select(which.label("seq"))
        .where(JOURNAL.c.plan_id == plan_id, JOURNAL.c.row.is_not(None), JOURNAL.c.kind.in_(kinds))
        .group_by(JOURNAL.c.row)
        .subquery()
    )
    chosen = (
        select(*ENTRY_COLUMNS)
        .join(of_rows, JOURNAL.c.seq == of_rows.c.seq)
        .where(JOURNAL.c.plan_id == plan_id)
    )
    with read_transaction(store) as connection:
        found = map(Entry._make, connection.execute(chosen))
        return {entry.row: entry for entry in found if entry.row is not None}
