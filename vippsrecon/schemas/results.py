"""Define the output frames: one table of columns each. Import them from `vippsrecon.schemas`."""

from __future__ import annotations

from vippsrecon.schemas.frame import CURRENCY, MSN, REFERENCE, Frame
from vippsrecon.schemas.frame import define_column as _c

LEGS = ("order_payment", "payment_ledger", "ledger_payout", "payout_bank")
"""What is compared with what, from the order to the bank."""

BRIDGE_LEGS = (
    "captured",
    "refunded",
    "captured_as_fetched",
    "refunded_as_fetched",
    "ledger",
    "payouts",
    "bank",
)

SEVERITIES = ("critical", "high", "medium", "low", "info")

DISCREPANCIES = Frame(
    "discrepancies",
    "one row per discrepancy",
    "vippsrecon.reconciliation",
    (
        _c(
            "discrepancy_id",
            "text",
            "Identifies the discrepancy; the same in every run.",
            required=True,
        ),
        _c(
            "leg",
            "text",
            "What is compared: order_payment, payment_ledger, ledger_payout or payout_bank.",
            required=True,
            one_of=LEGS,
        ),
        _c(
            "question",
            "text",
            "The check it comes from: there, captured, refunded, reserved or aggregate; in the other "
            "legs entry, fee, balance, payout or bank.",
            required=True,
        ),
        _c("kind", "text", "The code.", required=True),
        _c(
            "severity",
            "text",
            "critical, high, medium, low or info.",
            required=True,
            one_of=SEVERITIES,
        ),
        MSN,
        _c(
            "reference",
            "text",
            "Reference of the payment, or of the order where there is no payment.",
        ),
        _c("order_number", "text", "The order number shown in the shop."),
        _c("payout_number", "text", "The payout's number within its ledger."),
        CURRENCY,
        _c(
            "expected_minor",
            "minor",
            "The amount according to the earlier side: the order, payment, ledger or payout.",
        ),
        _c(
            "actual_minor",
            "minor",
            "The amount according to the later side: the payment, ledger, payout or bank.",
        ),
        _c(
            "difference_minor",
            "minor",
            "Actual minus expected; an unknown amount counts as 0.",
            required=True,
        ),
        _c("at_risk_minor", "minor", "Money that may be lost or owed.", required=True, at_least=0),
        _c(
            "proposal",
            "text",
            "The proposed operation: refund, capture or cancel; empty where none is proposed.",
            one_of=("refund", "capture", "cancel"),
        ),
        _c("proposal_minor", "minor", "The proposed amount.", at_least=1),
        _c("flags", "text", "Flags, sorted and separated by one space.", required=True),
        _c("age_days", "count", "Local days since the first run that reported it.", at_least=0),
        _c("first_seen_date", "date", "Day of the first run that reported it.", required=True),
        _c("cause", "text", "The cause, in one sentence.", required=True),
        _c("next_step", "text", "What to do, in one sentence.", required=True),
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
            "The side the row belongs to.",
            required=True,
            one_of=("orders", "payments", "ledger_entries", "payouts", "bank_lines"),
        ),
        _c(
            "row_key",
            "text",
            "source_file:source_row for orders and bank lines, msn:reference for payments, "
            "ledger_id:payout_number for payouts, and for ledger entries "
            "ledger_id:topic:psp_reference:entry_type:n, where n counts entries equal in these.",
            required=True,
        ),
        _c(
            "bucket",
            "text",
            "The bucket the row is counted in.",
            required=True,
            one_of=("matched", "timing", "discrepancy", "ignored", "not_checked"),
        ),
        _c("kind", "text", "The primary code; empty for a plain match."),
        _c("flags", "text", "Flags, sorted and separated by one space.", required=True),
    ),
)

SUMMARY = Frame(
    "summary",
    "one row per leg, currency, bucket and kind",
    "vippsrecon.reconciliation",
    (
        _c("leg", "text", "What is compared, as in discrepancies.", required=True, one_of=LEGS),
        CURRENCY,
        _c(
            "bucket", "text", "matched, timing, discrepancy, ignored or not_checked.", required=True
        ),
        _c("kind", "text", "The code; empty for a plain match.", required=True),
        _c(
            "rows",
            "count",
            "Number of pairs, entries, payouts or bank lines; of discrepancies where the bucket is "
            "discrepancy.",
            required=True,
            at_least=0,
        ),
        _c(
            "total_minor",
            "minor",
            "Sum of order totals, or of captured amounts where there is no order; in the other legs, "
            "of the rows' amounts.",
            required=True,
        ),
        _c("difference_minor", "minor", "Sum of differences.", required=True),
        _c("at_risk_minor", "minor", "Sum of money at risk.", required=True),
    ),
)

BRIDGE = Frame(
    "bridge",
    "one row per leg, sales unit, currency and line",
    "vippsrecon.reconciliation",
    (
        _c(
            "leg",
            "text",
            "The amount explained: captured or refunded; how it becomes the payments' own totals; and "
            "how these become captures less refunds on the ledger, payouts, and money in the bank.",
            required=True,
            one_of=BRIDGE_LEGS,
        ),
        MSN,
        CURRENCY,
        _c("line", "text", "Name of the line: orders, ignored, …, or a code.", required=True),
        _c("position", "count", "Order of the lines, from 1.", required=True, at_least=1),
        _c(
            "amount_minor",
            "minor",
            "Signed amount; the other lines sum to the last line, the total.",
            required=True,
        ),
        _c("rows", "count", "Number of rows included in the amount.", required=True, at_least=0),
    ),
)

OUTCOMES = Frame(
    "outcomes",
    "one row per row of a plan",
    "vippsrecon.bulk: the plan and the results of its execution",
    (
        _c("plan_id", "text", "ID of the plan.", required=True),
        _c("row", "count", "Row number in the plan, from 1.", required=True, at_least=1),
        _c(
            "verb",
            "text",
            "The planned operation.",
            required=True,
            one_of=("refund", "cancel", "capture"),
        ),
        MSN,
        REFERENCE,
        _c("order_number", "text", "The order number shown in the shop."),
        CURRENCY,
        _c("amount_minor", "minor", "The planned amount.", required=True, at_least=0),
        _c(
            "outcome",
            "text",
            "The outcome; would_do in a dry run only.",
            required=True,
            one_of=("done", "already_done", "refused", "skipped", "unknown", "would_do"),
        ),
        _c(
            "sentence",
            "text",
            "Outcome, amount and reason in one sentence that can be forwarded.",
            required=True,
        ),
        _c(
            "status",
            "count",
            "HTTP status of the response that decided the outcome; empty where no response did.",
        ),
        _c("code", "text", "Error code in that response."),
        _c("trace_id", "text", "The ID to give to Vipps MobilePay's support."),
        _c(
            "psp_reference",
            "text",
            "The pspReference of this operation; equal to the one of its ledger entry.",
        ),
        _c(
            "event_at",
            "moment",
            "When Vipps MobilePay processed the operation, from the event log.",
        ),
        _c("booking_date", "date", "The local day of event_at, in the sales unit's zone."),
        *(
            _c(f"{name}_{when}_minor", "minor", f"Total {name} amount {position}.", at_least=0)
            for when, position in (
                ("before", "before the operation"),
                ("after", "after the operation; empty where it was not read"),
            )
            for name in ("authorized", "captured", "refunded", "cancelled")
        ),
        _c("reason", "text", "The reason given by the planner.", required=True),
        _c("note", "text", "The planner's note."),
        _c(
            "document_ref",
            "text",
            "The number of the document it is posted with, such as a credit note.",
        ),
        _c("vat_minor", "minor", "VAT included in the amount, where known.", at_least=0),
        _c("discrepancy_id", "text", "The discrepancies it resolves, separated by one space."),
        _c("planner", "text", "Who made the plan.", required=True),
        _c(
            "approver",
            "text",
            "Who approved the plan; empty in a dry run of a plan that is not approved.",
        ),
        _c("carrier", "text", "Who executed the plan."),
        _c(
            "idempotency_key",
            "text",
            "The idempotency key of the request; in a dry run, the one it would have.",
            required=True,
        ),
        _c(
            "credit_note_needed",
            "boolean",
            "Whether captured money was refunded and no document number is given.",
            required=True,
        ),
        _c(
            "shop_to_update",
            "boolean",
            "Whether the operation is done and the shop's order does not show it yet.",
            required=True,
        ),
        _c(
            "customer_notice",
            "text",
            "What to tell the customer; empty where there is nothing to tell.",
        ),
        _c(
            "flags",
            "text",
            "moved_beside where the row is done and somebody else changed the payment meanwhile; "
            "else empty text.",
            required=True,
        ),
    ),
)

RECEIPTS = Frame(
    "receipts",
    "one row per discrepancy and plan row that was executed for it",
    "vippsrecon.workflow.reconcile_month: the journal and the current comparison",
    (
        _c("discrepancy_id", "text", "ID of the discrepancy.", required=True),
        _c("plan_id", "text", "ID of the plan.", required=True),
        _c("row", "count", "Row number in the plan, from 1.", required=True, at_least=1),
        _c("verb", "text", "The operation.", required=True, one_of=("refund", "cancel", "capture")),
        MSN,
        REFERENCE,
        CURRENCY,
        _c(
            "amount_minor",
            "minor",
            "The plan row's amount; repeated for each discrepancy that the row resolves.",
            required=True,
            at_least=0,
        ),
        _c(
            "outcome",
            "text",
            "The outcome of the plan row.",
            required=True,
            one_of=("done", "already_done"),
        ),
        _c(
            "done_at",
            "moment",
            "When Vipps MobilePay processed the operation, from the event log; otherwise the time in the journal.",
            required=True,
        ),
        _c(
            "booking_date",
            "date",
            "The local day of done_at, in the sales unit's zone.",
            required=True,
        ),
        _c("closed", "boolean", "Whether the discrepancy is resolved.", required=True),
        _c(
            "next_step",
            "text",
            "What to do about a discrepancy that is still open, in one sentence.",
        ),
    ),
)
