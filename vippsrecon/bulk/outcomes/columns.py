"""The columns of the auditor's workbook: of its sheet Outcomes and of its sheet Entries."""

from __future__ import annotations

from vippsrecon.spreadsheet.sheets import SheetColumn

_AGGREGATE_NAMES = ("Authorized", "Captured", "Refunded", "Cancelled")

JOURNAL_OUTCOME_COLUMNS = (
    SheetColumn("plan_id", "Plan", width=36),
    SheetColumn("row", "Row", "count", 6),
    SheetColumn("verb", "Verb", width=8),
    SheetColumn("outcome", "Outcome", width=12),
    SheetColumn("order_number", "Order", width=13),
    SheetColumn("reference", "Reference", width=22),
    SheetColumn("msn", "Sales unit", width=9.5),
    SheetColumn("currency", "Currency", width=8.5),
    SheetColumn("amount_minor", "Amount", "money", 13),
    SheetColumn("booking_date", "Booking day", "date", 11),
    SheetColumn("reason", "Reason", width=15),
    SheetColumn("document_ref", "Document", width=15),
    SheetColumn("sentence", "What became of it", "wrapped", 46),
    SheetColumn("planner", "Planner", width=15),
    SheetColumn("approver", "Approver", width=15),
    SheetColumn("carrier", "Carried out by", width=15),
    SheetColumn("settled_by", "Said by", width=13, printed=False),
    SheetColumn("note", "Note", width=24, printed=False),
    SheetColumn("vat_minor", "VAT", "money", 11, printed=False),
    SheetColumn("discrepancy_id", "Discrepancy", width=40, printed=False),
    SheetColumn("psp_reference", "PSP reference", width=38, printed=False),
    SheetColumn("event_at", "Event (UTC)", "moment", 18, printed=False),
    SheetColumn("intended_at", "Intended (UTC)", "moment", 18, printed=False),
    SheetColumn("decided_at", "Decided (UTC)", "moment", 18, printed=False),
    *(
        SheetColumn(f"{name}_{when}", f"{name} {when}", "money", 13, printed=False)
        for when in ("before", "after")
        for name in _AGGREGATE_NAMES
    ),
    SheetColumn("idempotency_key", "Idempotency key", "mono", 40, printed=False),
    SheetColumn("digest", "Digest of the plan", "mono", 68, printed=False),
    SheetColumn("source_name", "Made from", width=24, printed=False),
    SheetColumn("source_sha256", "SHA-256 of that file", "mono", 68, printed=False),
    SheetColumn("seq", "Entry", "count", 8, printed=False),
    SheetColumn("hash", "Hash of the entry", "mono", 68, printed=False),
)

ENTRY_COLUMNS = (
    SheetColumn("plan_id", "Plan", width=36),
    SheetColumn("seq", "Entry", "count", 8),
    SheetColumn("at", "At (UTC)", width=24),
    SheetColumn("kind", "Kind", width=12),
    SheetColumn("row", "Row", "count", 6),
    SheetColumn("reference", "Reference", width=22),
    SheetColumn("msn", "Sales unit", width=9.5),
    SheetColumn("currency", "Currency", width=8.5),
    SheetColumn("amount_minor", "Amount", "money", 13),
    SheetColumn("said", "What it says", "wrapped", 60),
    *(
        SheetColumn(f"{name}_{when}", f"{name} {when}", "money", 13, printed=False)
        for when in ("before", "after")
        for name in _AGGREGATE_NAMES
    ),
    SheetColumn("idempotency_key", "Idempotency key", "mono", 40, printed=False),
    SheetColumn("verb", "Verb", width=8, printed=False),
    SheetColumn("environment", "Environment", width=11, printed=False),
    SheetColumn("epoch", "Epoch", "count", 7, printed=False),
    SheetColumn("detail", "Detail, as it was hashed", "mono", 60, printed=False),
    SheetColumn("previous_hash", "Previous hash", "mono", 68, printed=False),
    SheetColumn("hash", "Hash", "mono", 68, printed=False),
)
