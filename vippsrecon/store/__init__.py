"""The workspace database: the journal of operations that move money, plan locks, earlier runs, ledgers.

    open_store ─► record_plan ─► append_entries(approved) ─► acquire ─► commit_entries, … ─► release
                                                                │          │
                                               one lock per plan ┘          └ one hash chain per plan

SQLAlchemy Core over one SQLite file by default, over PostgreSQL for a team; the same SQL on both.
Suggested reading order: `database/migrations/0001_journal.sql` (the tables), `journal/entry` (one
entry), `journal/reservations` (caps and payments in flight), `database/transactions`,
`journal/entries`, `journal/plans`, `journal/plan_lock`, `journal/commit`, `journal/verify`. Functions
raise StoreError or PlanError; the sentence never contains the password.
"""

from vippsrecon.store.database.backup import back_up
from vippsrecon.store.database.inspect import StoreStatus, inspect_store
from vippsrecon.store.database.open import database_exists, find_database_file, open_store
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
from vippsrecon.store.journal.entries import append_entries, read_entries, read_head
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
from vippsrecon.store.journal.plans import (
    PlanSummary,
    list_plan_ids,
    list_plans,
    record_plan,
    refuse_changed_plan,
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
from vippsrecon.store.journal.verify import VerificationResult, find_plan_of_head, verify_journal
from vippsrecon.store.journal.verify_database import verify_database
from vippsrecon.store.ledger_entries import (
    LedgerTopic,
    StoredDate,
    StoredPage,
    read_closed_dates,
    read_feed_page,
    record_closed_date,
    record_feed_page,
)
from vippsrecon.store.money_memory import (
    DisputeEntry,
    PayoutAccount,
    read_dispute_entries,
    read_payout_accounts,
    record_money_memory,
)
from vippsrecon.store.open_items import (
    ItemDecision,
    OpenItem,
    keep_latest_items,
    read_item_decisions,
    read_open_items,
    record_item_decisions,
)
from vippsrecon.store.periods import (
    PeriodChange,
    close_period,
    read_closed_periods,
    read_period_changes,
    read_period_facts,
    read_vouchers,
    record_vouchers,
    reopen_period,
)
from vippsrecon.store.runs import (
    ComparedOrder,
    Run,
    keep_first_dates,
    keep_latest_orders,
    read_compared_orders,
    read_first_seen_dates,
    read_latest_complete_run,
    read_unsettled_orders,
    record_run,
)

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
    "ComparedOrder",
    "DisputeEntry",
    "Draft",
    "Entry",
    "ItemDecision",
    "LedgerTopic",
    "OpenItem",
    "PaymentBusy",
    "PaymentChanged",
    "PaymentInFlight",
    "PayoutAccount",
    "PeriodChange",
    "PlanLock",
    "PlanSummary",
    "Receipt",
    "RowState",
    "Run",
    "Store",
    "StoreStatus",
    "StoredDate",
    "StoredPage",
    "VerificationResult",
    "acquire",
    "append_entries",
    "back_up",
    "check_held",
    "close_period",
    "commit_entries",
    "count_outcomes",
    "database_exists",
    "find_database_file",
    "find_plan_of_head",
    "format_canonical_json",
    "identify_process",
    "inspect_store",
    "keep_first_dates",
    "keep_latest_items",
    "keep_latest_orders",
    "list_plan_ids",
    "list_plans",
    "open_store",
    "read_attempts",
    "read_cap_usage",
    "read_closed_dates",
    "read_closed_periods",
    "read_compared_orders",
    "read_dispute_entries",
    "read_entries",
    "read_feed_page",
    "read_first_seen_dates",
    "read_head",
    "read_intentions",
    "read_item_decisions",
    "read_last_entries",
    "read_latest_complete_run",
    "read_open_items",
    "read_own_idempotency_keys",
    "read_payments_in_flight",
    "read_payout_accounts",
    "read_period_changes",
    "read_period_facts",
    "read_receipts",
    "read_row_states",
    "read_run_entries",
    "read_unsettled_orders",
    "read_vouchers",
    "record_closed_date",
    "record_feed_page",
    "record_item_decisions",
    "record_money_memory",
    "record_plan",
    "record_run",
    "record_vouchers",
    "refuse_changed_plan",
    "release",
    "renew",
    "reopen_period",
    "sum_planner_totals",
    "verify_database",
    "verify_journal",
]
