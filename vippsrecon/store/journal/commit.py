"""A carrier's group commit: the one transaction everything that moves money stands on.

In this order, all of it or nothing: the epoch is checked and the lease renewed; for each draft
in turn, caps and the payment are reserved or let go; the entries are linked to the chain's head
as it is now, and written. When `commit_entries` has returned, it is on the disk.
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
"""In one group. More would be more values than a statement may carry."""

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
        store: The database.
        carrier: From `take`.
        drafts: In order. An `intended` reserves its caps and its payment; `done`,
            `already_done`, `refused`, `skipped` and `settled` let the payment go; those that
            did nothing give the caps back; `unknown` keeps both.

    Returns:
        For each draft its entry; or, for an `intended` alone, Taken, OverCap or Moved where it may
        not be sent. Then nothing was written for it, and the others stand.

    Raises:
        LostError: Another carrier took the plan over. Nothing was written.
        StoreError: The database cannot be used. Nothing was written, or it says that it cannot
            tell; the journal will.
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
        made = link_entries(stands, chain, epoch=carrier.epoch, at=now)
        write_entries(connection, made)
        following = iter(made)
        return [next(following) if no is None else no for no in outcomes], made

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
    """Read what the drafts may meet."""
    rows = {draft.row for draft in drafts if draft.row is not None}
    intended = [draft for draft in drafts if draft.kind == "intended"]
    payments = {_get_payment_key(draft) for draft in intended}
    judged = {_get_payment_key(draft) for draft in intended if draft.known is not None}
    reserved = _read_reserved(connection, carrier, rows)
    counters = {(scope, currency) for draft in intended for scope, currency, _ in draft.caps}
    counters.update(counter for held in reserved.values() for counter in held)
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
    """Read who has these payments, and which payments these rows of the plan have."""
    own = select(IN_FLIGHT).where(IN_FLIGHT.c.plan_id == carrier.plan_id, IN_FLIGHT.c.row.in_(rows))
    theirs = select(IN_FLIGHT).where(
        IN_FLIGHT.c.environment == carrier.environment,
        match_pairs(IN_FLIGHT.c.msn, IN_FLIGHT.c.reference, payments),
    )
    found = list(connection.execute(own)) if rows else []
    found += connection.execute(theirs) if payments else []
    return {(one.msn, one.reference): PaymentBusy(one.plan_id, one.row, one.since) for one in found}


def _read_reserved(
    connection: Connection, carrier: PlanLock, rows: Collection[int]
) -> dict[int, dict[CapKey, int]]:
    """Read what these rows of the plan hold of each cap."""
    reserved: dict[int, dict[CapKey, int]] = {}
    if rows:
        chosen = select(RESERVED).where(
            RESERVED.c.plan_id == carrier.plan_id, RESERVED.c.row.in_(rows)
        )
        for one in connection.execute(chosen):
            reserved.setdefault(one.row, {})[(one.scope, one.currency)] = one.amount_minor
    return reserved


def _read_caps(
    connection: Connection, environment: str, counters: Collection[CapKey]
) -> dict[CapKey, int]:
    """Read how much of these caps is used."""
    if not counters:
        return {}
    chosen = select(CAPS).where(
        CAPS.c.environment == environment,
        match_pairs(CAPS.c.scope, CAPS.c.currency, counters),
    )
    return {(one.scope, one.currency): one.amount_minor for one in connection.execute(chosen)}


def _write_reservations(
    connection: Connection, carrier: PlanLock, before: Reservations, after: Reservations
) -> None:
    """Write the difference. What is let go goes first: a row may be free and taken in one group."""
    environment, plan_id = carrier.environment, carrier.plan_id
    gone = [
        payment
        for payment, taken in before.in_flight.items()
        if after.in_flight.get(payment) != taken
    ]
    _delete_rows(
        connection,
        IN_FLIGHT,
        [{"environment": environment, "msn": msn, "reference": ref} for msn, ref in gone],
    )
    new = {
        payment: taken
        for payment, taken in after.in_flight.items()
        if before.in_flight.get(payment) != taken
    }
    _insert_rows(
        connection,
        IN_FLIGHT,
        [
            {"environment": environment, "msn": msn, "reference": ref, **taken._asdict()}
            for (msn, ref), taken in new.items()
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
        for row, held in standing.reserved.items()
        for (scope, currency), amount in held.items()
    }


def _insert_rows(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _delete_rows(connection: Connection, table: Table, keys: list[dict[str, Any]]) -> None:
    if keys:
        same = [table.c[name] == bindparam(f"key_{name}") for name in keys[0]]
        named = [{f"key_{name}": value for name, value in key.items()} for key in keys]
        connection.execute(delete(table).where(*same), named)
