"""Read what the journal proves about payments, for reconciliation and for listings.

    read_own_idempotency_keys  keys of this toolkit's operations, to recognise them in event logs
    read_payments_in_flight    payments with an operation whose outcome is open
    read_receipts              rows that were done, and the discrepancies they resolved
    count_outcomes             number of rows per plan and outcome
    read_run_entries           who approved, who carried out, why a run stopped

Each is one query, however long the journal is.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Row, Select, case, func, literal, select, tuple_

from vippsrecon.errors import StoreError
from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import IN_FLIGHT, JOURNAL
from vippsrecon.store.database.transactions import read_transaction
from vippsrecon.store.journal.entries import ENTRIES_PER_PAGE, ENTRY_COLUMNS
from vippsrecon.store.journal.entry import ROW_KINDS, Entry

DONE_KINDS = ("done", "already_done")

_RECEIPT_COLUMNS = [
    JOURNAL.c[name]
    for name in (
        "plan_id", "seq", "row", "verb", "msn", "reference", "currency", "amount_minor", "kind",
        "at", "detail",
    )
]  # fmt: skip


class Receipt(NamedTuple):
    """A plan row that was done and resolved discrepancies.

    Attributes:
        plan_id: The plan.
        row: Its row.
        verb: refund, cancel or capture.
        msn, reference: The payment.
        currency: The operation's currency.
        amount_minor: Its amount in whole minor units.
        outcome: done or already_done; after a manual decision, the outcome decided.
        at: When the journal recorded it.
        event_at: Time of the event at Vipps MobilePay; None if the event was not read.
        discrepancy_ids: The discrepancies it resolved.
    """

    plan_id: str
    row: int
    verb: str
    msn: str
    reference: str
    currency: str
    amount_minor: int
    outcome: str
    at: str
    event_at: str | None
    discrepancy_ids: tuple[str, ...]


class PaymentInFlight(NamedTuple):
    """A payment with an operation in progress or with an unknown outcome."""

    msn: str
    reference: str
    plan_id: str
    row: int


def read_own_idempotency_keys(store: Store, environment: str, verb: str) -> frozenset[str]:
    """Return every idempotency key that this toolkit's operations have, or may have, in event logs.

    Args:
        store: The workspace database.
        environment: test, production or simulator.
        verb: refund or capture; the event of a cancel carries no key.

    Raises:
        StoreError: The database cannot be used.
    """
    chosen = select(JOURNAL.c.idempotency_key).where(
        JOURNAL.c.environment == environment,
        JOURNAL.c.verb == verb,
        JOURNAL.c.kind.in_(("intended", *DONE_KINDS)),
        JOURNAL.c.idempotency_key.is_not(None),
    )
    with read_transaction(store) as connection:
        return frozenset(connection.execute(chosen).scalars())


def read_payments_in_flight(store: Store, environment: str) -> list[PaymentInFlight]:
    """Return the payments with an operation whose outcome is open, in order.

    Raises:
        StoreError: The database cannot be used.
    """
    chosen = (
        select(*(IN_FLIGHT.c[name] for name in PaymentInFlight._fields))
        .where(IN_FLIGHT.c.environment == environment)
        .order_by(IN_FLIGHT.c.msn, IN_FLIGHT.c.reference)
    )
    with read_transaction(store) as connection:
        return [PaymentInFlight._make(row) for row in connection.execute(chosen)]


def read_receipts(store: Store, environment: str) -> Iterator[Receipt]:
    """Yield every row that was done for a discrepancy, plan by plan, in bounded memory.

    Args:
        store: The workspace database.
        environment: test, production or simulator.

    Raises:
        StoreError: The database cannot be used, or an entry was changed after it was written.
    """
    chosen = select(*_RECEIPT_COLUMNS).where(
        JOURNAL.c.environment == environment,
        JOURNAL.c.kind.in_((*DONE_KINDS, "settled", "verified")),
    )
    for plan_id, plan_entries in groupby(_read_pages(store, chosen), key=attrgetter("plan_id")):
        done: dict[int, Receipt] = {}
        for entry in plan_entries:
            try:
                _apply_entry(entry, done)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise _build_changed_entry_error(plan_id) from None
        yield from done.values()


def count_outcomes(store: Store) -> dict[str, dict[str, int]]:
    """Return the number of rows per outcome for each plan with rows in the journal.

    Outcomes as in `read_row_states`. Rows never started are not counted.

    Raises:
        StoreError: The database cannot be used, or an entry was changed after it was written.
    """
    lasts = (
        select(JOURNAL.c.plan_id, func.max(JOURNAL.c.seq).label("seq"))
        .where(JOURNAL.c.row.is_not(None), JOURNAL.c.kind.in_(ROW_KINDS))
        .group_by(JOURNAL.c.plan_id, JOURNAL.c.row)
    )
    last = lasts.subquery()
    settled_detail = case((JOURNAL.c.kind == "settled", JOURNAL.c.detail), else_="")
    chosen = (
        select(
            JOURNAL.c.plan_id,
            JOURNAL.c.kind,
            settled_detail.label("word"),
            func.count().label("rows"),
        )
        .join(last, (JOURNAL.c.plan_id == last.c.plan_id) & (JOURNAL.c.seq == last.c.seq))
        .group_by(JOURNAL.c.plan_id, JOURNAL.c.kind, settled_detail)
    )
    counts_by_plan: dict[str, dict[str, int]] = {}
    with read_transaction(store) as connection:
        for group in connection.execute(chosen):
            try:
                outcome = str(orjson.loads(group.word)["outcome"]) if group.word else group.kind
            except (ValueError, KeyError, TypeError):
                raise _build_changed_entry_error(group.plan_id) from None
            counts = counts_by_plan.setdefault(group.plan_id, {})
            counts[outcome] = counts.get(outcome, 0) + group.rows
    return counts_by_plan


def read_run_entries(store: Store) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Yield the entries about whole plans (approved, carrier, ended) with their details.

    Raises:
        StoreError: The database cannot be used, or an entry was changed after it was written.
    """
    chosen = select(*ENTRY_COLUMNS).where(
        JOURNAL.c.row.is_(None), JOURNAL.c.kind.in_(("approved", "carrier", "ended"))
    )
    for row in _read_pages(store, chosen):
        entry = Entry._make(row)
        try:
            detail = dict(entry.parse_detail())
        except (ValueError, TypeError):
            raise _build_changed_entry_error(entry.plan_id) from None
        yield entry, detail


def _read_pages(store: Store, chosen: Select[Any]) -> Iterator[Row[Any]]:
    """Read rows of the journal by plan and seq. Each page is its own transaction."""
    place = tuple_(JOURNAL.c.plan_id, JOURNAL.c.seq)
    ordered = chosen.order_by(JOURNAL.c.plan_id, JOURNAL.c.seq).limit(ENTRIES_PER_PAGE)
    page = ordered
    while True:
        with read_transaction(store) as connection:
            page_rows = connection.execute(page).all()
        yield from page_rows
        if len(page_rows) < ENTRIES_PER_PAGE:
            return
        page = ordered.where(
            place > tuple_(literal(page_rows[-1].plan_id), literal(page_rows[-1].seq))
        )


def _build_changed_entry_error(plan_id: str) -> StoreError:
    return StoreError(
        f"an entry of plan {plan_id} cannot be understood: it was changed after it was written. "
        f"vippsrecon journal --plan {plan_id} --verify shows which"
    )


def _apply_entry(entry: Row[Any], done: dict[int, Receipt]) -> None:
    """Apply an entry: a row that was done, or a later check that found its event."""
    detail = orjson.loads(entry.detail)
    receipt = done.get(entry.row)
    if entry.kind == "verified":
        if receipt is not None and detail.get("event_at"):
            done[entry.row] = receipt._replace(event_at=detail["event_at"])
        return
    outcome = detail["outcome"] if entry.kind == "settled" else entry.kind
    answered = (detail.get("discrepancy_id") or "").split()
    if outcome in DONE_KINDS and answered:
        done[entry.row] = Receipt(
            entry.plan_id,
            entry.row,
            entry.verb,
            entry.msn,
            entry.reference,
            entry.currency,
            entry.amount_minor,
            outcome,
            entry.at,
            detail.get("event_at"),
            tuple(answered),
        )
