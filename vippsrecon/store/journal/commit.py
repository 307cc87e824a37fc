"""Commit a group of entries: the transaction on which every operation that moves money depends.

In this order, all or nothing: check the epoch and renew the lease; for each draft reserve or release
caps and payment; link the entries to the current head of the chain and write them. When
`commit_entries` returns, the entries are on the disk.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, text

from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import CAPS, IN_FLIGHT, RESERVED, match_pairs
from vippsrecon.store.database.transactions import run_in_write_transaction
from vippsrecon.store.journal.attempts import count_entries_of_other_plans
from vippsrecon.store.journal.entries import (
    Chain,
    check_drafts,
    link_entries,
    read_chain,
    write_entries,
)
from vippsrecon.store.journal.entry import Draft, Entry
from vippsrecon.store.journal.plan_lock import PlanLock, ensure_held
from vippsrecon.store.journal.reservations import (
    CapKey,
    NotReserved,
    PaymentBusy,
    PaymentKey,
    Reservations,
)

MAX_DRAFTS = 5_000
"""Per group. More would exceed the number of values that one statement may have."""

_SET_CAP_SQL = text(
    "INSERT INTO caps (environment, scope, currency, amount_minor) "
    "VALUES (:environment, :scope, :currency, :amount_minor) "
    "ON CONFLICT (environment, scope, currency) "
    "DO UPDATE SET amount_minor = excluded.amount_minor"
)


def commit_entries(
    store: Store, carrier: PlanLock, drafts: Sequence[Draft]
) -> list[Entry | NotReserved]:
    """Write a group of entries in one transaction.

    Args:
        store: The workspace database.
        carrier: From `acquire`.
        drafts: In order. An `intended` reserves its caps and its payment; `done`,
            `already_done`, `refused`, `skipped` and `settled` release the payment; outcomes
            without effect release the caps too; `unknown` keeps both.

    Returns:
        For each draft its entry; for an `intended` that must not be sent, PaymentBusy, CapExceeded
        or PaymentChanged. Nothing was written for it then; the other entries were.

    Raises:
        PlanLockLostError: Another process took over the plan lock. Nothing was written.
        StoreError: The database cannot be used. Nothing was written, or the sentence says that
            this is unknown; then the journal shows it.
    """
    check_drafts(drafts)
    if len(drafts) > MAX_DRAFTS:
        raise ValueError(f"at most {MAX_DRAFTS} drafts in a group, not {len(drafts)}")
    if not drafts:
        return []

    def work(connection: Connection) -> tuple[list[Entry | NotReserved], list[Entry]]:
        now = ensure_held(connection, carrier)
        before = _read_reservations(connection, carrier, drafts)
        after = before.copy()
        outcomes = [_apply_draft(after, draft, now) for draft in drafts]
        _write_reservations(connection, carrier, before, after)
        stands = [draft for draft, no in zip(drafts, outcomes, strict=True) if no is None]
        chain = _read_chain_of_lock(connection, carrier)
        entries = link_entries(stands, chain, epoch=carrier.epoch, at=now)
        write_entries(connection, entries)
        following = iter(entries)
        return [next(following) if no is None else no for no in outcomes], entries

    return run_in_write_transaction(store, work)


def _apply_draft(standing: Reservations, draft: Draft, now: str) -> NotReserved | None:
    if draft.kind == "intended":
        return standing.reserve(draft, draft.at or now)
    standing.release_payment(draft)
    return None


def _read_chain_of_lock(connection: Connection, carrier: PlanLock) -> Chain:
    return read_chain(connection, carrier.plan_id)._replace(
        environment=carrier.environment, verb=carrier.verb
    )


def _read_reservations(
    connection: Connection, carrier: PlanLock, drafts: Sequence[Draft]
) -> Reservations:
    """Read the reservations that the drafts may touch."""
    rows = {draft.row for draft in drafts if draft.row is not None}
    intended = [draft for draft in drafts if draft.kind == "intended"]
    payments = {_get_payment_key(draft) for draft in intended}
    judged = {_get_payment_key(draft) for draft in intended if draft.known is not None}
    reserved = _read_reserved(connection, carrier, rows)
    counters = {(scope, currency) for draft in intended for scope, currency, _ in draft.caps}
    counters.update(
        counter for reserved_counters in reserved.values() for counter in reserved_counters
    )
    return Reservations(
        carrier.plan_id,
        _read_caps(connection, carrier.environment, counters),
        _read_in_flight(connection, carrier, rows, payments),
        reserved,
        count_entries_of_other_plans(connection, carrier.environment, judged, but=carrier.plan_id),
    )


def _get_payment_key(draft: Draft) -> PaymentKey:
    return draft.msn or "", draft.reference or ""


def _read_in_flight(
    connection: Connection,
    carrier: PlanLock,
    rows: Collection[int],
    payments: Collection[PaymentKey],
) -> dict[PaymentKey, PaymentBusy]:
    """Read which rows hold these payments, and which payments these plan rows hold."""
    own = select(IN_FLIGHT).where(IN_FLIGHT.c.plan_id == carrier.plan_id, IN_FLIGHT.c.row.in_(rows))
    others_in_flight = select(IN_FLIGHT).where(
        IN_FLIGHT.c.environment == carrier.environment,
        match_pairs(IN_FLIGHT.c.msn, IN_FLIGHT.c.reference, payments),
    )
    rows_in_flight = list(connection.execute(own)) if rows else []
    rows_in_flight += connection.execute(others_in_flight) if payments else []
    return {
        (holder.msn, holder.reference): PaymentBusy(holder.plan_id, holder.row, holder.since)
        for holder in rows_in_flight
    }


def _read_reserved(
    connection: Connection, carrier: PlanLock, rows: Collection[int]
) -> dict[int, dict[CapKey, int]]:
    """Read the amount of each cap that these plan rows hold."""
    reserved: dict[int, dict[CapKey, int]] = {}
    if rows:
        chosen = select(RESERVED).where(
            RESERVED.c.plan_id == carrier.plan_id, RESERVED.c.row.in_(rows)
        )
        for reservation in connection.execute(chosen):
            reserved.setdefault(reservation.row, {})[(reservation.scope, reservation.currency)] = (
                reservation.amount_minor
            )
    return reserved


def _read_caps(
    connection: Connection, environment: str, counters: Collection[CapKey]
) -> dict[CapKey, int]:
    """Read the used amount of these caps."""
    if not counters:
        return {}
    chosen = select(CAPS).where(
        CAPS.c.environment == environment,
        match_pairs(CAPS.c.scope, CAPS.c.currency, counters),
    )
    return {(cap.scope, cap.currency): cap.amount_minor for cap in connection.execute(chosen)}


def _write_reservations(
    connection: Connection, carrier: PlanLock, before: Reservations, after: Reservations
) -> None:
    """Write the difference, releases first: one group may release and reserve the same payment."""
    environment, plan_id = carrier.environment, carrier.plan_id
    released = [
        payment
        for payment, holder in before.in_flight.items()
        if after.in_flight.get(payment) != holder
    ]
    _delete_rows(
        connection,
        IN_FLIGHT,
        [{"environment": environment, "msn": msn, "reference": ref} for msn, ref in released],
    )
    new = {
        payment: holder
        for payment, holder in after.in_flight.items()
        if before.in_flight.get(payment) != holder
    }
    _insert_rows(
        connection,
        IN_FLIGHT,
        [
            {"environment": environment, "msn": msn, "reference": ref, **holder._asdict()}
            for (msn, ref), holder in new.items()
        ],
    )
    held_before, held_after = _flatten_reserved(before), _flatten_reserved(after)
    _delete_rows(
        connection,
        RESERVED,
        [
            {"plan_id": plan_id, "row": row, "scope": scope, "currency": currency}
            for (row, scope, currency), amount in held_before.items()
            if held_after.get((row, scope, currency)) != amount
        ],
    )
    _insert_rows(
        connection,
        RESERVED,
        [
            {
                "plan_id": plan_id,
                "row": row,
                "environment": environment,
                "scope": scope,
                "currency": currency,
                "amount_minor": amount,
            }
            for (row, scope, currency), amount in held_after.items()
            if held_before.get((row, scope, currency)) != amount
        ],
    )
    moved = [
        {
            "environment": environment,
            "scope": scope,
            "currency": currency,
            "amount_minor": amount,
        }
        for (scope, currency), amount in after.used.items()
        if amount != before.used.get((scope, currency))
    ]
    if moved:
        connection.execute(_SET_CAP_SQL, moved)


def _flatten_reserved(standing: Reservations) -> dict[tuple[int, str, str], int]:
    return {
        (row, scope, currency): amount
        for row, reserved_counters in standing.reserved.items()
        for (scope, currency), amount in reserved_counters.items()
    }


def _insert_rows(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _delete_rows(connection: Connection, table: Table, keys: list[dict[str, Any]]) -> None:
    if keys:
        same = [table.c[name] == bindparam(f"key_{name}") for name in keys[0]]
        named = [{f"key_{name}": value for name, value in key.items()} for key in keys]
        connection.execute(delete(table).where(*same), named)
