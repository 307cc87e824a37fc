"""Verify a plan's hash chain from the first entry to the last.

The chain alone shows that an entry was changed in any column, removed from the middle, inserted or
swapped. Only a head saved outside the database shows that entries were cut off at the end, or that the
whole chain was rewritten. `verify_database` checks what concerns more than one plan.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select

from vippsrecon.display.html import HtmlView
from vippsrecon.errors import StoreError
from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import JOURNAL
from vippsrecon.store.database.transactions import read_transaction
from vippsrecon.store.journal.entries import read_entries
from vippsrecon.store.journal.entry import NO_HASH, Entry, compute_entry_hash
from vippsrecon.store.journal.plans import list_plan_ids
from vippsrecon.texts import format_spaced_number, say, use_language


class VerificationResult(NamedTuple):
    """Result of verifying a chain.

    Attributes:
        ok: The chain is intact and agrees with the given head.
        rows: Number of entries read, up to the fault if there is one.
        first_hash: Hash of the first entry; "" if there is none.
        last_hash: Hash of the last entry read; with `rows` the head, if `ok`.
        fault: The fault as a sentence; None if `ok`.
        at_seq: Sequence number of the entry at fault.
    """

    ok: bool
    rows: int
    first_hash: str
    last_hash: str
    fault: str | None
    at_seq: int | None

    def __repr__(self) -> str:
        """State the verdict in one line."""
        with use_language("en"):
            return f"<VerificationResult: {self._describe()}>"

    def _describe(self) -> str:
        if not self.ok:
            return say("journal.not_intact", fault=self.fault)
        return say("journal.intact", count=self.rows, number=format_spaced_number(self.rows))

    def _repr_html_(self) -> str:
        view = HtmlView()
        verdict = say("journal.verdict", verdict=self._describe())
        view.add_banner(verdict, "good" if self.ok else "critical")
        if self.ok:
            view.add_code(say("journal.save_head"), f"{self.rows}:{self.last_hash}")
        else:
            view.add_sentence(say("journal.carry_out_nothing"))
        return view.render()


def verify_journal(
    store: Store, plan_id: str, head: tuple[int, str] | None = None
) -> VerificationResult:
    """Check every entry of a plan's chain, in bounded memory.

    Args:
        store: The workspace database.
        plan_id: The plan.
        head: (seq, hash) as an earlier run printed it, saved outside the database.

    Raises:
        StoreError: The database cannot be used.
    """
    rows, first_hash, last_hash = 0, "", NO_HASH
    for entry in read_entries(store, plan_id):
        fault = _find_fault(entry, rows + 1, last_hash) or _compare_with_head(head, entry)
        if fault is not None:
            read = last_hash if rows else ""
            return VerificationResult(
                False, rows, first_hash, read, fault, _choose_seq(entry, rows + 1)
            )
        rows, last_hash = rows + 1, entry.hash
        first_hash = first_hash or entry.hash
    if rows == 0:
        return VerificationResult(False, 0, "", "", f"plan {plan_id} has no entries here", None)
    if head is not None and head[0] > rows:
        fault = (
            f"entry {rows + 1} is missing: the journal ends with entry {rows}, and the saved "
            f"head is entry {head[0]}, so its tail was cut off"
        )
        return VerificationResult(False, rows, first_hash, last_hash, fault, rows + 1)
    return VerificationResult(True, rows, first_hash, last_hash, None, None)


def find_broken_plan(store: Store) -> tuple[str, str] | None:
    """Return the first plan whose chain is broken and its fault; None if every chain is intact.

    Raises:
        StoreError: The database cannot be used.
    """
    for plan_id in list_plan_ids(store):
        verdict = verify_journal(store, plan_id)
        if verdict.fault is not None:
            return plan_id, verdict.fault
    return None


def refuse_modified_journal(store: Store, error: Exception) -> None:
    """Raise StoreError if an error comes from a journal that was modified.

    A modified entry can hold anything, so whatever reads it may fail in any way. Only the chain
    distinguishes that from an error in this package, which is left as it is.
    """
    broken = find_broken_plan(store)
    if broken is not None:
        plan_id, fault = broken
        raise StoreError(
            f"the journal of plan {plan_id} was modified: {fault}. vippsrecon journal --verify "
            "shows more; compare the database with a backup"
        ) from error


def find_plan_of_head(store: Store, head: tuple[int, str]) -> str | None:
    """Return the plan whose entry has this (seq, hash), or None if no plan here has it.

    Raises:
        StoreError: The database cannot be used.
    """
    seq, entry_hash = head
    chosen = select(JOURNAL.c.plan_id).where(JOURNAL.c.seq == seq, JOURNAL.c.hash == entry_hash)
    with read_transaction(store) as connection:
        return connection.execute(chosen.limit(1)).scalar()


def _find_fault(entry: Entry, seq: int, last_hash: str) -> str | None:
    """Describe the fault of an entry that must be number `seq` after `last_hash`."""
    if entry.seq != seq:
        return f"entry {seq} is missing: entry {entry.seq} follows entry {seq - 1}"
    try:
        holds = entry.hash == compute_entry_hash(entry)
    except (TypeError, AttributeError, UnicodeEncodeError):
        holds = False
    if not holds:
        return f"entry {seq} was changed: its hash does not match its content"
    if entry.previous_hash != last_hash:
        return (
            f"entry {seq} does not follow entry {seq - 1}: one of the two was replaced, or "
            "rewritten with a new hash"
        )
    if (entry.kind == "seen") != (seq == 1):
        return f"entry {seq} is of kind {entry.kind!r}, which does not belong there"
    return None


def _compare_with_head(head: tuple[int, str] | None, entry: Entry) -> str | None:
    if head is None or entry.seq != head[0] or entry.hash == head[1]:
        return None
    return (
        f"entry {entry.seq} has another hash than the saved head: the chain was rewritten "
        "up to there"
    )


def _choose_seq(entry: Entry, expected: int) -> int:
    """Return the sequence number to report: the missing entry's, or this entry's."""
    return expected if entry.seq != expected else entry.seq
