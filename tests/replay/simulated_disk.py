"""A journal in memory that replaces the store. Its disk can fail, or lose what was not synced.

Entries, chain and reservations are made by the store's own code; only the database is simulated.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from vippsrecon.errors import PlanLockLostError, StoreError
from vippsrecon.store import NO_HASH, Draft, Entry, PlanLock, RowState
from vippsrecon.store.journal.attempts import OPEN_KINDS
from vippsrecon.store.journal.entries import Chain, check_drafts, link_entries
from vippsrecon.store.journal.entry import ROW_KINDS, compute_entry_hash
from vippsrecon.store.journal.reservations import NotReserved, Reservations


class SimulatedDisk:
    """One plan's journal.

    Args:
        plan_id: The plan's id.
        verb: The plan's verb.
        dice: Draws faults.
        lies: Whether the disk confirms data that it has not written. A crash may then undo commits.
    """

    def __init__(self, plan_id: str, verb: str, dice: random.Random, *, lies: bool) -> None:
        self.entries: list[Entry] = []
        self.lies = lies
        self.fault_share = 0.0
        self.reservations = Reservations(plan_id)
        self._plan_id, self._verb = plan_id, verb
        self._dice = dice
        self._epoch = 0
        self._commits: list[tuple[int, Reservations]] = []

    def acquire(self) -> PlanLock:
        """Take the plan's lock, even if another process holds it."""
        self._epoch += 1
        lock = PlanLock(self._plan_id, self._epoch, "test", self._verb)
        self._append([Draft("seen" if not self.entries else "carrier")], lock)
        return lock

    def crash(self) -> None:
        """Lose the last commits that a lying disk had confirmed; how many is random."""
        if not self.lies or len(self._commits) < 2:
            return
        lost = self._dice.randrange(min(4, len(self._commits)))
        if lost:
            size, reservations = self._commits[-1 - lost]
            del self._commits[-lost:]
            del self.entries[size:]
            self.reservations = reservations.copy()

    def commit(self, lock: PlanLock, drafts: Sequence[Draft]) -> list[Entry | NotReserved]:
        """Commit a group of drafts, as `store.commit_entries` does."""
        check_drafts(drafts)
        self.check(lock)
        if self._dice.random() < self.fault_share / 20:
            raise StoreError("disk I/O error")
        after = self.reservations.copy()
        outcomes: list[NotReserved | None] = []
        for draft in drafts:
            if draft.kind == "intended":
                outcomes.append(after.reserve(draft, draft.at))
            else:
                after.release_payment(draft)
                outcomes.append(None)
        entries = iter(
            self._append(
                [draft for draft, no in zip(drafts, outcomes, strict=True) if no is None], lock
            )
        )
        self.reservations = after
        self._commits.append((len(self.entries), after.copy()))
        return [next(entries) if no is None else no for no in outcomes]

    def check(self, lock: PlanLock) -> None:
        """Raise an error if the lock was lost."""
        if lock.epoch != self._epoch:
            raise PlanLockLostError("another process holds the plan")

    def read_row_states(self) -> dict[int, RowState]:
        """Return the state of each row, as `store.read_row_states` does."""
        last: dict[int, Entry] = {}
        intended: dict[int, Entry] = {}
        verified: dict[int, Entry] = {}
        for entry in self.entries:
            if entry.row is None:
                continue
            if entry.kind in ROW_KINDS:
                last[entry.row] = entry
            if entry.kind == "intended":
                intended.setdefault(entry.row, entry)
            if entry.kind == "verified":
                verified[entry.row] = entry
        return {
            row: RowState(
                entry.kind,
                entry,
                intended.get(row) if entry.kind in OPEN_KINDS else None,
                verified.get(row),
            )
            for row, entry in last.items()
        }

    def count_intentions(self, row: int) -> int:
        """Return how many requests of a row are recorded in the journal."""
        return sum(entry.kind == "intended" and entry.row == row for entry in self.entries)

    def is_chain_intact(self) -> bool:
        """Return whether each entry follows the one before it."""
        hashes = [NO_HASH, *(entry.hash for entry in self.entries)]
        return all(
            entry.previous_hash == before and entry.hash == compute_entry_hash(entry)
            for before, entry in zip(hashes, self.entries, strict=False)
        )

    def _append(self, drafts: list[Draft], lock: PlanLock) -> list[Entry]:
        head = (self.entries[-1].seq, self.entries[-1].hash) if self.entries else (0, NO_HASH)
        chain = Chain(self._plan_id, lock.environment, lock.verb, head)
        entries = link_entries(drafts, chain, epoch=lock.epoch, at="2026-01-31T12:00:00.000Z")
        self.entries += entries
        return entries


def commit_entries(store: Any, lock: PlanLock, drafts: Sequence[Draft]) -> Any:
    """Replace `store.commit_entries` in the journal's writer."""
    return store.commit(lock, drafts)


def renew(store: Any, lock: PlanLock) -> None:
    """Replace `store.renew` in the journal's writer."""
    store.check(lock)


def read_attempts(store: Any, *_: Any, **__: Any) -> dict[Any, Any]:
    """Replace the search for attempts of other plans: there are none."""
    return {}
