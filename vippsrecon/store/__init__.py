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

from vippsrecon.store.database.inspect import StoreStatus, inspect_store
from vippsrecon.store.database.open import database_exists, open_store
from vippsrecon.store.database.processes import identify_process
from vippsrecon.store.database.store import Store
from vippsrecon.store.journal.attempts import (
    Attempt,
    RowState,
    read_attempts,
    read_cap_usage,
    read_intentions,
    read_last_entries,
    read_row_states,
    sum_planner_totals,
)
from vippsrecon.store.journal.commit import commit_entries
from vippsrecon.store.journal.entries import (
    PlanSummary,
    append_entries,
    list_plan_ids,
    list_plans,
    read_entries,
    read_head,
    record_plan,
    refuse_changed_plan,
)
from vippsrecon.store.journal.entry import (
    ENTRY_KINDS,
    FINAL_KINDS,
    NO_HASH,
    ROW_KINDS,
    Cap,
    Draft,
    Entry,
    format_canonical_json,
)
from vippsrecon.store.journal.plan_lock import (
    LEASE_RENEWAL_SECONDS,
    LEASE_SECONDS,
    PlanLock,
    acquire,
    check_held,
    release,
    renew,
)
from vippsrecon.store.journal.receipts import (
    PaymentInFlight,
    Receipt,
    count_outcomes,
    read_own_idempotency_keys,
    read_payments_in_flight,
    read_receipts,
    read_run_entries,
)
from vippsrecon.store.journal.reservations import CapExceeded, PaymentBusy, PaymentChanged
from vippsrecon.store.journal.verify import VerificationResult, verify_journal

__all__ = [
    "ENTRY_KINDS",
    "FINAL_KINDS",
    "LEASE_RENEWAL_SECONDS",
    "LEASE_SECONDS",
    "NO_HASH",
    "ROW_KINDS",
    "Attempt",
    "Cap",
    "CapExceeded",
    "Draft",
    "Entry",
    "PaymentBusy",
    "PaymentChanged",
    "PaymentInFlight",
    "PlanLock",
    "PlanSummary",
    "Receipt",
    "RowState",
    "Store",
    "StoreStatus",
    "VerificationResult",
    "acquire",
    "append_entries",
    "check_held",
    "commit_entries",
    "count_outcomes",
    "database_exists",
    "format_canonical_json",
    "identify_process",
    "inspect_store",
    "list_plan_ids",
    "list_plans",
    "open_store",
    "read_attempts",
    "read_cap_usage",
    "read_entries",
    "read_head",
    "read_intentions",
    "read_last_entries",
    "read_own_idempotency_keys",
    "read_payments_in_flight",
    "read_receipts",
    "read_row_states",
    "read_run_entries",
    "record_plan",
    "refuse_changed_plan",
    "release",
    "renew",
    "sum_planner_totals",
    "verify_journal",
]
