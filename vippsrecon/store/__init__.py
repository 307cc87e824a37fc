"""The workspace database: the journal of what moved money, and who may write to it.

    open_store ─► register ─► append(approved) ─► take ─► commit, commit, … ─► release
                                                   │         │
                                        one carrier per plan └─ one chain of hashes per plan

SQLAlchemy Core over one SQLite file by default, over PostgreSQL for a team; the same SQL on both.
Read it in this order: `migrations/0001_journal.sql` (the tables), `chain` (what an entry is),
`standing` (caps and payments in flight), `transactions`, `journal`, `carriers`, `committing`,
`verifying`. Everything is a plain function over rows, and every error a StoreError or a
PlanError: a sentence, and never with the password.
"""

from vippsrecon.store.database.inspect import Found, inspect_store
from vippsrecon.store.database.open import Store, exists, open_store
from vippsrecon.store.database.processes import started_of
from vippsrecon.store.journal.attempts import Attempt, RowState, attempts_on, state_by_row
from vippsrecon.store.journal.commit import commit
from vippsrecon.store.journal.entries import (
    PlanSummary,
    append,
    entries,
    head,
    plan_ids,
    plans,
    refuse_changed,
    register,
)
from vippsrecon.store.journal.entry import (
    FINAL,
    KINDS,
    NO_HASH,
    OF_A_ROW,
    Cap,
    Draft,
    Entry,
    canonical,
)
from vippsrecon.store.journal.lookups import cap_sums, intended_by_row, last_by_row, planner_sums
from vippsrecon.store.journal.plan_lock import (
    BEAT_SECONDS,
    LEASE_SECONDS,
    Carrier,
    beat,
    release,
    still_held,
    take,
)
from vippsrecon.store.journal.receipts import (
    Flight,
    Receipt,
    in_flight,
    keys_of,
    outcomes_of,
    receipts,
    said_of_runs,
)
from vippsrecon.store.journal.reservations import Moved, OverCap, Taken
from vippsrecon.store.journal.verify import Verdict, verify

__all__ = [
    "BEAT_SECONDS",
    "FINAL",
    "KINDS",
    "LEASE_SECONDS",
    "NO_HASH",
    "OF_A_ROW",
    "Attempt",
    "Cap",
    "Carrier",
    "Draft",
    "Entry",
    "Flight",
    "Found",
    "Moved",
    "OverCap",
    "PlanSummary",
    "Receipt",
    "RowState",
    "Store",
    "Taken",
    "Verdict",
    "append",
    "attempts_on",
    "beat",
    "canonical",
    "cap_sums",
    "commit",
    "entries",
    "exists",
    "head",
    "in_flight",
    "inspect_store",
    "intended_by_row",
    "keys_of",
    "last_by_row",
    "open_store",
    "outcomes_of",
    "plan_ids",
    "planner_sums",
    "plans",
    "receipts",
    "refuse_changed",
    "register",
    "release",
    "said_of_runs",
    "started_of",
    "state_by_row",
    "still_held",
    "take",
    "verify",
]
