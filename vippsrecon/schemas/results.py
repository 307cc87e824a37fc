"""The frames that come out: one table of columns each. Import them from `vippsrecon.schemas`."""

from __future__ import annotations

from vippsrecon.schemas.frame import CURRENCY, MSN, REFERENCE, Frame
from vippsrecon.schemas.frame import define_column as _c

SEVERITIES = ("critical", "high", "medium", "low", "info")

DISCREPANCIES = Frame(
    "discrepancies",
    "one row per thing wrong",
    "vippsrecon.reconciliation",
    (
        _c("discrepancy_id", "text", "The same in every run.", required=True),
        _c("leg", "text", "order_payment.", required=True),
        _c("question", "text", "there, captured, refunded, reserved, or aggregate.", required=True),
        _c("kind", "text", "The code.", required=True),
        _c("severity", "text", "critical … info.", required=True, one_of=SEVERITIES),
        MSN,
        _c(
            "reference",
            "text",
            "The payment's reference, or the order's where there is no payment.",
        ),
        _c("order_number", "text", "The number the shop shows."),
        _c("payout_number", "text", "For payouts; empty here."),
        CURRENCY,
        _c("expected_minor", "minor", "What the order says."),
        _c("actual_minor", "minor", "What Vipps MobilePay says."),
        _c(
            "difference_minor",
            "minor",
            "Actual minus expected, an unknown side counting as 0.",
            required=True,
        ),
        _c("at_risk_minor", "minor", "Money that may be lost or owed.", required=True, at_least=0),
        _c(
            "proposal",
            "text",
            "refund, capture or cancel, where one may be proposed.",
            one_of=("refund", "capture", "cancel"),
        ),
        _c("proposal_minor", "minor", "The amount proposed.", at_least=1),
        _c("flags", "text", "Sorted, joined by one space.", required=True),
        _c("age_days", "count", "Local days since it went wrong.", at_least=0),
        _c("first_seen_date", "date", "Day of the first run that showed it.", required=True),
        _c("cause", "text", "One sentence.", required=True),
        _c("next_step", "text", "One sentence.", required=True),
    ),
)

BUCKETS = Frame(
    "buckets",
    "one row per input row",
    "vippsrecon.reconciliation",
    (
        _c(
            "side",
            "text",
            "orders or payments.",
            required=True,
            one_of=("orders", "payments", "ledger_entries", "payouts", "bank_lines"),
        ),
        _c(
            "row_key",
            "text",
            "source_file:source_row for orders, msn:reference for payments.",
            required=True,
        ),
        _c(
            "bucket",
            "text",
            "Where the row ended.",
            required=True,
            one_of=("matched", "timing", "discrepancy", "ignored", "not_checked"),
        ),
        _c("kind", "text", "The primary code; empty where simply matched."),
        _c("flags", "text", "Sorted, joined by one space.", required=True),
    ),
)

SUMMARY = Frame(
    "summary",
    "one row per currency, bucket and kind",
    "vippsrecon.reconciliation",
    (
        CURRENCY,
        _c(
            "bucket", "text", "matched, timing, discrepancy, ignored or not_checked.", required=True
        ),
        _c("kind", "text", "The code; empty for simply matched.", required=True),
        _c(
            "rows",
            "count",
            "Pairs (or discrepancies, where the bucket is discrepancy).",
            required=True,
            at_least=0,
        ),
        _c(
            "total_minor",
            "minor",
            "Sum of the pairs' order totals, else of the captured amounts.",
            required=True,
        ),
        _c("difference_minor", "minor", "Sum of differences.", required=True),
        _c("at_risk_minor", "minor", "Sum at risk.", required=True),
    ),
)

BRIDGE = Frame(
    "bridge",
    "one row per leg, sales unit, currency and line",
    "vippsrecon.reconciliation",
    (
        _c("leg", "text", "captured or refunded.", required=True, one_of=("captured", "refunded")),
        MSN,
        CURRENCY,
        _c("line", "text", "What moves the sum: orders, ignored, …, or a code.", required=True),
        _c("position", "count", "Order of the lines, from 1.", required=True, at_least=1),
        _c("amount_minor", "minor", "Signed; the lines sum to the last one.", required=True),
        _c("rows", "count", "How many rows it sums.", required=True, at_least=0),
    ),
)

OUTCOMES = Frame(
    "outcomes",
    "one row per row of a plan",
    "vippsrecon.bulk: the plan, and what carrying it out came to",
    (
        _c("plan_id", "text", "The plan.", required=True),
        _c("row", "count", "The plan's row, from 1.", required=True, at_least=1),
        _c(
            "verb", "text", "What was asked.", required=True, one_of=("refund", "cancel", "capture")
        ),
        MSN,
        REFERENCE,
        _c("order_number", "text", "The number the shop shows."),
        CURRENCY,
        _c("amount_minor", "minor", "The amount planned.", required=True, at_least=0),
        _c(
            "outcome",
            "text",
            "What became of it; would_do in a dry run only.",
            required=True,
            one_of=("done", "already_done", "refused", "skipped", "unknown", "would_do"),
        ),
        _c("sentence", "text", "The outcome, the amount and why, to be forwarded.", required=True),
        _c("status", "count", "HTTP status of the answer that decided it; empty where none did."),
        _c("code", "text", "Domain code of that answer."),
        _c("trace_id", "text", "Quote it to Vipps MobilePay's support."),
        _c("psp_reference", "text", "The operation's own; equals the ledger entry's."),
        _c("event_at", "moment", "When Vipps MobilePay did it, from the event log."),
        _c("booking_date", "date", "The local day of event_at, in the sales unit's zone."),
        *(
            _c(f"{name}_{when}_minor", "minor", f"Aggregate {name} {said}.", at_least=0)
            for when, said in (
                ("before", "before the operation"),
                ("after", "after it; empty where not seen"),
            )
            for name in ("authorized", "captured", "refunded", "cancelled")
        ),
        _c("reason", "text", "The planner's reason.", required=True),
        _c("note", "text", "What the planner wrote."),
        _c("document_ref", "text", "The document it is booked by, such as a credit note's number."),
        _c("vat_minor", "minor", "VAT within the amount, where known.", at_least=0),
        _c("discrepancy_id", "text", "The discrepancies it settles, joined by one space."),
        _c("planner", "text", "Who planned it.", required=True),
        _c("approver", "text", "Who approved it; empty in a dry run of a plan nobody approved."),
        _c("carrier", "text", "Who carried it out."),
        _c("idempotency_key", "text", "The key it was, or would be, asked with.", required=True),
        _c(
            "credit_note_needed",
            "boolean",
            "Captured money was given back and no document is named.",
            required=True,
        ),
        _c(
            "shop_to_update",
            "boolean",
            "It is done, and the shop's order does not show it yet.",
            required=True,
        ),
        _c("customer_notice", "text", "What to tell the customer; empty where there is nothing."),
    ),
)

RECEIPTS = Frame(
    "receipts",
    "one row per discrepancy and row of a plan that was done for it",
    "vippsrecon.workflow.reconcile_month: the journal, and a comparison of payments it was done with",
    (
        _c("discrepancy_id", "text", "The discrepancy.", required=True),
        _c("plan_id", "text", "The plan.", required=True),
        _c("row", "count", "The plan's row, from 1.", required=True, at_least=1),
        _c("verb", "text", "What was done.", required=True, one_of=("refund", "cancel", "capture")),
        MSN,
        REFERENCE,
        CURRENCY,
        _c(
            "amount_minor",
            "minor",
            "The row's amount; one that answers several discrepancies has it in each.",
            required=True,
            at_least=0,
        ),
        _c(
            "outcome",
            "text",
            "What became of the row.",
            required=True,
            one_of=("done", "already_done"),
        ),
        _c(
            "done_at",
            "moment",
            "When Vipps MobilePay did it, from the event log; else when the journal had it.",
            required=True,
        ),
        _c(
            "booking_date",
            "date",
            "The local day of done_at, in the sales unit's zone.",
            required=True,
        ),
        _c("closed", "boolean", "Whether the discrepancy is gone.", required=True),
        _c("next_step", "text", "What to do about one that is still open, in a sentence."),
    ),
)
