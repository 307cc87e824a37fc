"""Reading a plan's chain from one end to the other, and saying where it does not hold.

What this finds by itself: an entry changed in any column, removed from the middle, put in, or
exchanged with another. What it cannot find by itself: a cut tail, and a chain written anew as a
whole. Those show only against a head kept elsewhere, which is what `head` is for.
"""

from __future__ import annotations

from typing import NamedTuple

from vippsrecon.store.database.store import Store
from vippsrecon.store.journal.entries import read_entries
from vippsrecon.store.journal.entry import NO_HASH, Entry, compute_entry_hash


class VerificationResult(NamedTuple):
    """What became of reading a chain.

    Attributes:
        ok: It holds from its first entry to its last, and agrees with the head given.
        rows: Entries read before a fault, or in all.
        first_hash: The first entry's; "" where there is none.
        last_hash: The last one's read: with `rows`, the head, where `ok`.
        fault: What does not hold, as a sentence; None where `ok`.
        at_seq: At which entry.
    """

    ok: bool
    rows: int
    first_hash: str
    last_hash: str
    fault: str | None
    at_seq: int | None


def verify_journal(
    store: Store, plan_id: str, head: tuple[int, str] | None = None
) -> VerificationResult:
    """Check every entry of a plan's chain, in bounded memory.

    Args:
        store: The database.
        plan_id: The plan.
        head: (seq, hash) as printed by an earlier run and kept elsewhere.

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
            f"entry {rows + 1} is missing: the journal ends with entry {rows}, and the head kept "
            f"elsewhere is entry {head[0]}, so its tail was cut off"
        )
        return VerificationResult(False, rows, first_hash, last_hash, fault, rows + 1)
    return VerificationResult(True, rows, first_hash, last_hash, None, None)


def _find_fault(entry: Entry, seq: int, last_hash: str) -> str | None:
    """Say what is wrong with an entry that has to be number `seq` after `last_hash`."""
    if entry.seq != seq:
        return f"entry {seq} is missing: entry {entry.seq} follows entry {seq - 1}"
    try:
        holds = entry.hash == compute_entry_hash(entry)
    except (TypeError, AttributeError, UnicodeEncodeError):
        holds = False
    if not holds:
        return f"entry {seq} was changed: its hash is not that of what it says"
    if entry.previous_hash != last_hash:
        return (
            f"entry {seq} does not follow entry {seq - 1}: one of the two was exchanged, or "
            "written anew with a new hash"
        )
    if (entry.kind == "seen") != (seq == 1):
        return f"entry {seq} is of kind {entry.kind!r}, which does not belong there"
    return None


def _compare_with_head(head: tuple[int, str] | None, entry: Entry) -> str | None:
    if head is None or entry.seq != head[0] or entry.hash == head[1]:
        return None
    return (
        f"entry {entry.seq} has another hash than the head kept elsewhere: the chain was written "
        "anew up to there"
    )


def _choose_seq(entry: Entry, expected: int) -> int:
    """The entry to look at: the one that is there, or the one that is not."""
    return expected if entry.seq != expected else entry.seq
