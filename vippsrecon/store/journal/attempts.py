"""Read what plans did with payments, the state of a plan's rows, and the sums of caps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, func, select
from sqlalchemy.sql.functions import Function

from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import CAPS, JOURNAL, match_pairs
from vippsrecon.store.database.transactions import read_transaction
from vippsrecon.store.journal.entries import ENTRY_COLUMNS
from vippsrecon.store.journal.entry import ROW_KINDS, Entry
from vippsrecon.store.journal.reservations import PaymentKey

PAYMENTS_PER_QUERY = 500

OPEN_KINDS = ("intended", "unknown")
"""States of a row whose operation may have taken effect, or still may."""

_ATTEMPT_COLUMNS = [
    JOURNAL.c[name]
    for name in (
        "plan_id", "row", "verb", "msn", "reference", "currency", "amount_minor", "kind", "at",
        "detail",
    )
]  # fmt: skip


class Attempt(NamedTuple):
    """What one row of one plan did, or tried to do, with a payment.

    Attributes:
        plan_id: The plan.
        row: Its row.
        verb: refund, cancel or capture.
        currency: The operation's currency.
        amount_minor: Its amount in whole minor units.
        discrepancy_id: The discrepancies it resolves, if any.
        intended_at: Time of its last intention; without one, time of the decision.
        entry_count: Number of its journal entries. Their sum is passed to the next `Draft`.
        kind: Its state: intended, unknown, done, already_done, refused or skipped; after a manual
            decision, the outcome decided.
    """

    plan_id: str
    row: int
    verb: str
    currency: str
    amount_minor: int
    discrepancy_id: str | None
    intended_at: str
    entry_count: int
    kind: str


class RowState(NamedTuple):
    """State of one plan row.

    Attributes:
        outcome: intended, unknown, done, already_done, refused or skipped.
        entry: The entry that recorded the outcome.
        intended: Its first `intended` while the row is open (intended or unknown); None otherwise,
            and where the row is unknown without a request of this journal.
        verified: A later check of the outcome, if there was one.
    """

    outcome: str
    entry: Entry
    intended: Entry | None
    verified: Entry | None

    @property
    def detail(self) -> dict[str, Any]:
        """Details of the outcome, with the event that a later check found."""
        return self.entry.parse_detail() | (
            {} if self.verified is None else self.verified.parse_detail()
        )


def read_attempts(
    store: Store, environment: str, payments: Sequence[PaymentKey], *, but: str | None = None
) -> dict[PaymentKey, list[Attempt]]:
    """Return what plans did, or tried to do, with each payment; payments without attempts are absent.

    Args:
        store: The workspace database.
        environment: test, production or simulator.
        payments: (msn, reference) of each.
        but: A plan to exclude.

    Raises:
        StoreError: The database cannot be used.
    """
    chosen = (
        select(*_ATTEMPT_COLUMNS)
        .where(
            JOURNAL.c.environment == environment,
            JOURNAL.c.kind.in_(ROW_KINDS),
            JOURNAL.c.plan_id != (but or ""),
        )
        .order_by(JOURNAL.c.plan_id, JOURNAL.c.row, JOURNAL.c.seq)
    )
    attempts: dict[PaymentKey, list[Attempt]] = {}
    for start in range(0, len(payments), PAYMENTS_PER_QUERY):
        chunk = set(payments[start : start + PAYMENTS_PER_QUERY])
        chunk_query = chosen.where(match_pairs(JOURNAL.c.msn, JOURNAL.c.reference, chunk))
        with read_transaction(store) as connection:
            rows = connection.execute(chunk_query).all()
        for _, row_entries in groupby(rows, key=attrgetter("plan_id", "row", "msn", "reference")):
            entries = list(row_entries)
            payment = entries[0].msn, entries[0].reference
            if payment in chunk:
                attempts.setdefault(payment, []).append(_build_attempt(entries))
    return attempts


def count_entries_of_other_plans(
    connection: Connection, environment: str, payments: Collection[PaymentKey], *, but: str
) -> dict[PaymentKey, int]:
    """Return how many entries other plans have on each payment; other payments may be included.

    Equals the sum of `times` that `read_attempts` returns.
    """
    if not payments:
        return {}
    chosen = (
        select(JOURNAL.c.msn, JOURNAL.c.reference, func.count())
        .where(
            JOURNAL.c.environment == environment,
            match_pairs(JOURNAL.c.msn, JOURNAL.c.reference, payments),
            JOURNAL.c.kind.in_(ROW_KINDS),
            JOURNAL.c.plan_id != but,
        )
        .group_by(JOURNAL.c.msn, JOURNAL.c.reference)
    )
    return {(msn, reference): count for msn, reference, count in connection.execute(chosen)}


def read_row_states(store: Store, plan_id: str) -> dict[int, RowState]:
    """Return the state of each row of a plan; rows never started are absent.

    Raises:
        StoreError: The database cannot be used.
    """
    lasts = read_last_entries(store, plan_id)
    verified = read_last_verifications(store, plan_id)
    some_open = any(last.kind in OPEN_KINDS for last in lasts.values())
    intended = read_intentions(store, plan_id) if some_open else {}
    return {
        row: RowState(
            _get_outcome(last.kind, last.detail),
            last,
            intended.get(row) if last.kind in OPEN_KINDS else None,
            verified.get(row),
        )
        for row, last in lasts.items()
    }


def read_last_entries(store: Store, plan_id: str) -> dict[int, Entry]:
    """Return the last entry of each plan row that records its state.

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
    """Sum the plans of one planner per currency, in minor units.

    Args:
        store: The workspace database.
        is_planner: Whether a planner's name in a plan is this planner.
        environment: test, production or simulator.
        since_at: Count only plans first seen or approved at or after this time.
        but: A plan to exclude.

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
        first_entries = connection.execute(chosen).all()
    sums: dict[str, int] = {}
    for plan_id, detail in first_entries:
        first_detail = orjson.loads(detail)
        if plan_id != but and is_planner(first_detail.get("planner") or ""):
            for currency, amount in first_detail["totals"].items():
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
        return {cap.currency: cap.amount_minor for cap in connection.execute(chosen)}


def _get_outcome(kind: str, detail: str) -> str:
    return str(orjson.loads(detail)["outcome"]) if kind == "settled" else kind


def _build_attempt(entries: Sequence[Row[Any]]) -> Attempt:
    """Build an attempt from the entries of one row."""
    intended = [entry for entry in entries if entry.kind == "intended"]
    # A row found already done has no intention here; the journal that held it may be lost.
    began, last = (intended or entries)[-1], entries[-1]
    return Attempt(
        last.plan_id,
        last.row,
        last.verb,
        last.currency,
        last.amount_minor,
        orjson.loads(began.detail).get("discrepancy_id"),
        began.at,
        len(entries),
        _get_outcome(last.kind, last.detail),
    )


def _read_entry_per_row(
    store: Store, plan_id: str, condition: Function[int], kinds: tuple[str, ...]
) -> dict[int, Entry]:
    of_rows = (
        select(condition.label("seq"))
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
        entries = map(Entry._make, connection.execute(chosen))
        return {entry.row: entry for entry in entries if entry.row is not None}
