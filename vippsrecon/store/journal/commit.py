"""A carrier's group commit: the one transaction everything that moves money stands on.

In this order, all of it or nothing: the epoch is checked and the lease renewed; for each draft
in turn, caps and the payment are reserved or let go; the entries are linked to the chain's head
as it is now, and written. When `commit` has returned, it is on the disk.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, text

from vippsrecon.store.database.open import Store
from vippsrecon.store.database.tables import CAPS, IN_FLIGHT, RESERVED, among
from vippsrecon.store.database.transactions import recorded
from vippsrecon.store.journal.attempts import entries_elsewhere
from vippsrecon.store.journal.entries import Chain, chain_of, checked, link_all, write_entries
from vippsrecon.store.journal.entry import Draft, Entry
from vippsrecon.store.journal.plan_lock import Carrier, hold
from vippsrecon.store.journal.reservations import Counter, No, Payment, Standing, Taken

MOST_DRAFTS = 5_000
"""In one group. More would be more values than a statement may carry."""

_SET_CAP = text(
    "INSERT INTO caps (environment, scope, currency, amount_minor) "
    "VALUES (:environment, :scope, :currency, :amount_minor) "
    "ON CONFLICT (environment, scope, currency) "
    "DO UPDATE SET amount_minor = excluded.amount_minor"
)


def commit(store: Store, carrier: Carrier, drafts: Sequence[Draft]) -> list[Entry | No]:
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
    checked(drafts)
    if len(drafts) > MOST_DRAFTS:
        raise ValueError(f"at most {MOST_DRAFTS} drafts in a group, not {len(drafts)}")
    if not drafts:
        return []

    def work(connection: Connection) -> tuple[list[Entry | No], list[Entry]]:
        now = hold(connection, carrier)
        before = _standing(connection, carrier, drafts)
        after = before.copied()
        outcomes = [_decide(after, draft, now) for draft in drafts]
        _write_standing(connection, carrier, before, after)
        stands = [draft for draft, no in zip(drafts, outcomes, strict=True) if no is None]
        chain = _chain(connection, carrier)
        made = link_all(stands, chain, epoch=carrier.epoch, at=now)
        write_entries(connection, made)
        following = iter(made)
        return [next(following) if no is None else no for no in outcomes], made

    return recorded(store, work)


def _decide(standing: Standing, draft: Draft, now: str) -> No | None:
    if draft.kind == "intended":
        return standing.intend(draft, draft.at or now)
    standing.end(draft)
    return None


def _chain(connection: Connection, carrier: Carrier) -> Chain:
    return chain_of(connection, carrier.plan_id)._replace(
        environment=carrier.environment, verb=carrier.verb
    )


def _standing(connection: Connection, carrier: Carrier, drafts: Sequence[Draft]) -> Standing:
    """Read what the drafts may meet."""
    rows = {draft.row for draft in drafts if draft.row is not None}
    intended = [draft for draft in drafts if draft.kind == "intended"]
    payments = {_payment(draft) for draft in intended}
    judged = {_payment(draft) for draft in intended if draft.known is not None}
    reserved = _read_reserved(connection, carrier, rows)
    counters = {(scope, currency) for draft in intended for scope, currency, _ in draft.caps}
    counters.update(counter for held in reserved.values() for counter in held)
    return Standing(
        carrier.plan_id,
        _read_caps(connection, carrier.environment, counters),
        _read_in_flight(connection, carrier, rows, payments),
        reserved,
        entries_elsewhere(connection, carrier.environment, judged, but=carrier.plan_id),
    )


def _payment(draft: Draft) -> Payment:
    return draft.msn or "", draft.reference or ""


def _read_in_flight(
    connection: Connection, carrier: Carrier, rows: Collection[int], payments: Collection[Payment]
) -> dict[Payment, Taken]:
    """Read who has these payments, and which payments these rows of the plan have."""
    own = select(IN_FLIGHT).where(IN_FLIGHT.c.plan_id == carrier.plan_id, IN_FLIGHT.c.row.in_(rows))
    theirs = select(IN_FLIGHT).where(
        IN_FLIGHT.c.environment == carrier.environment,
        among(IN_FLIGHT.c.msn, IN_FLIGHT.c.reference, payments),
    )
    found = list(connection.execute(own)) if rows else []
    found += connection.execute(theirs) if payments else []
    return {(one.msn, one.reference): Taken(one.plan_id, one.row, one.since) for one in found}


def _read_reserved(
    connection: Connection, carrier: Carrier, rows: Collection[int]
) -> dict[int, dict[Counter, int]]:
    """Read what these rows of the plan hold of each cap."""
    reserved: dict[int, dict[Counter, int]] = {}
    if rows:
        chosen = select(RESERVED).where(
            RESERVED.c.plan_id == carrier.plan_id, RESERVED.c.row.in_(rows)
        )
        for one in connection.execute(chosen):
            reserved.setdefault(one.row, {})[(one.scope, one.currency)] = one.amount_minor
    return reserved


def _read_caps(
    connection: Connection, environment: str, counters: Collection[Counter]
) -> dict[Counter, int]:
    """Read how much of these caps is used."""
    if not counters:
        return {}
    chosen = select(CAPS).where(
        CAPS.c.environment == environment,
        among(CAPS.c.scope, CAPS.c.currency, counters),
    )
    return {(one.scope, one.currency): one.amount_minor for one in connection.execute(chosen)}


def _write_standing(
    connection: Connection, carrier: Carrier, before: Standing, after: Standing
) -> None:
    """Write the difference. What is let go goes first: a row may be free and taken in one group."""
    environment, plan_id = carrier.environment, carrier.plan_id
    gone = [
        payment
        for payment, taken in before.in_flight.items()
        if after.in_flight.get(payment) != taken
    ]
    _delete(
        connection,
        IN_FLIGHT,
        [{"environment": environment, "msn": msn, "reference": ref} for msn, ref in gone],
    )
    new = {
        payment: taken
        for payment, taken in after.in_flight.items()
        if before.in_flight.get(payment) != taken
    }
    _insert(
        connection,
        IN_FLIGHT,
        [
            {"environment": environment, "msn": msn, "reference": ref, **taken._asdict()}
            for (msn, ref), taken in new.items()
        ],
    )
    held_before, held_after = _flat(before), _flat(after)
    _delete(
        connection,
        RESERVED,
        [
            {"plan_id": plan_id, "row": row, "scope": scope, "currency": currency}
            for (row, scope, currency), amount in held_before.items()
            if held_after.get((row, scope, currency)) != amount
        ],
    )
    _insert(
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
        connection.execute(_SET_CAP, moved)


def _flat(standing: Standing) -> dict[tuple[int, str, str], int]:
    return {
        (row, scope, currency): amount
        for row, held in standing.reserved.items()
        for (scope, currency), amount in held.items()
    }


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _delete(connection: Connection, table: Table, keys: list[dict[str, Any]]) -> None:
    if keys:
        same = [table.c[name] == bindparam(f"key_{name}") for name in keys[0]]
        named = [{f"key_{name}": value for name, value in key.items()} for key in keys]
        connection.execute(delete(table).where(*same), named)
