"""The frames of the house: one table of columns each (name, kind, bounds, what it says).

Uniqueness is nobody's promise here: duplicates are data, and reconciling names them.
"""

from __future__ import annotations

from vippsrecon.promises import (
    Column,
    Frame,
    Kind,
    model,
    polars_schema,
    to_pandas,
    validate,
)

__all__ = [
    "BRIDGE",
    "BUCKETS",
    "DISCREPANCIES",
    "EVENTS",
    "FAILURES",
    "FRAMES",
    "ORDERS",
    "PAYMENT",
    "PAYMENTS",
    "REJECTS",
    "SEVERITIES",
    "STATUSES",
    "SUMMARY",
    "Column",
    "Frame",
    "model",
    "polars_schema",
    "to_pandas",
    "validate",
]

PAYMENT = ("msn", "reference")
"""A reference is unique within one sales unit only, so both make the key of a payment.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/orderid/"""


def _c(
    name: str,
    kind: Kind,
    about: str,
    *,
    required: bool = False,
    at_least: int | None = None,
    one_of: tuple[str, ...] = (),
) -> Column:
    return Column(name, kind, about, not required, at_least, one_of)


_MSN = _c("msn", "text", "Merchant serial number of the sales unit.", required=True)
_REFERENCE = _c("reference", "text", "The merchant's id of the payment.", required=True)
_CURRENCY = _c("currency", "text", "ISO 4217 code of every amount in the row.", required=True)

STATUSES = ("open", "partial", "fulfilled", "cancelled", "unknown")

ORDERS = Frame(
    "orders",
    "one row per payment reference the shop expects",
    "a shop's order export, read by vippsrecon.sources",
    (
        _MSN,
        _c("reference", "text", "The reference the shop holds; empty where it holds none."),
        _c("order_number", "text", "The number the shop shows."),
        _CURRENCY,
        _c("ordered_at", "moment", "When the order was placed."),
        _c("ordered_day", "day", "The local day of ordered_at."),
        _c(
            "total_minor",
            "minor",
            "What Vipps was to collect, before refunds.",
            required=True,
            at_least=0,
        ),
        _c(
            "refunded_minor",
            "minor",
            "Refunded by the shop; empty where the export cannot say.",
            at_least=0,
        ),
        _c("status", "text", "How far the shop has come.", required=True, one_of=STATUSES),
        _c(
            "paid",
            "text",
            "Whether the shop believes it is paid.",
            required=True,
            one_of=("yes", "no", "unknown"),
        ),
        _c("payment_method", "text", "The tender, as the shop names it."),
        _c(
            "by_vipps", "boolean", "Whether that tender is Vipps or MobilePay; empty where unknown."
        ),
        _c(
            "recurring",
            "boolean",
            "A recurring charge, which is not an ePayment payment.",
            required=True,
        ),
        _c(
            "split_tender",
            "boolean",
            "Paid in part by a tender the export cannot take apart.",
            required=True,
        ),
        _c(
            "shop_currency_only",
            "boolean",
            "The export gives the shop's currency, not the payment's.",
            required=True,
        ),
        _c(
            "truncated_minor",
            "minor",
            "What a plugin that truncates the float product would send (Shopware).",
            at_least=0,
        ),
        _c(
            "attempt_base",
            "text",
            "Reference of the first attempt, where the export lets it be told.",
        ),
        _c("fulfilled_at", "moment", "When the shop fulfilled the order."),
        _c("fulfilled_day", "day", "The local day of fulfilled_at."),
        _c("refunded_at", "moment", "When the shop last refunded."),
        _c("refunded_day", "day", "The local day of refunded_at."),
        _c("exported_at", "moment", "When the export was taken.", required=True),
        _c("vat_minor", "minor", "VAT within total_minor."),
        _c("store", "text", "The shop's own name for the store or channel."),
        _c("source_file", "text", "Name of the file read.", required=True),
        _c("source_row", "count", "Line or sheet row, counted from 1.", required=True, at_least=1),
    ),
)

PAYMENTS = Frame(
    "payments",
    "one row per payment",
    "GET /epayment/v1/payments/{reference}; moments from its event log",
    (
        _MSN,
        _REFERENCE,
        _c("psp_reference", "text", "The CREATED event's pspReference.", required=True),
        _c(
            "state",
            "text",
            "CREATED, AUTHORIZED, ABORTED, EXPIRED, TERMINATED, or one Vipps adds.",
            required=True,
        ),
        _CURRENCY,
        _c("amount_minor", "minor", "The amount asked for at creation.", required=True, at_least=0),
        _c("authorized_minor", "minor", "Aggregate authorized.", required=True, at_least=0),
        _c(
            "captured_minor",
            "minor",
            "Aggregate captured, before refunds.",
            required=True,
            at_least=0,
        ),
        _c("refunded_minor", "minor", "Aggregate refunded.", required=True, at_least=0),
        _c("cancelled_minor", "minor", "Aggregate cancelled.", required=True, at_least=0),
        _c("payment_method", "text", "WALLET, CARD, …"),
        _c("capture_guaranteed_until_at", "moment", "Until when a capture is guaranteed."),
        _c("created_at", "moment", "Time of the CREATED event."),
        _c("created_day", "day", "The local day of created_at."),
        _c("authorized_at", "moment", "Time of the first successful AUTHORIZED event."),
        _c("authorized_day", "day", "The local day of authorized_at."),
        _c(
            "discovered_by",
            "text",
            "How the reference came to be asked for.",
            required=True,
            one_of=("orders", "ledger", "earlier_run", "references"),
        ),
        _c("fetched_at", "moment", "The answer's own Date.", required=True),
    ),
)

EVENTS = Frame(
    "events",
    "one row per event of a payment's log",
    "GET /epayment/v1/payments/{reference}/events",
    (
        _MSN,
        _REFERENCE,
        _c(
            "psp_reference",
            "text",
            "Of this one operation; equals the ledger entry's.",
            required=True,
        ),
        _c("name", "text", "CREATED, AUTHORIZED, CAPTURED, REFUNDED, CANCELLED, …", required=True),
        _c("amount_minor", "minor", "Amount of this operation.", required=True, at_least=0),
        _CURRENCY,
        _c("event_at", "moment", "When it happened.", required=True),
        _c("event_day", "day", "The local day of event_at.", required=True),
        _c("idempotency_key", "text", "The key the operation was asked for with."),
        _c("success", "boolean", "False: the attempt changed nothing.", required=True),
    ),
)

FAILURES = Frame(
    "failures",
    "one row per reference that was not fetched",
    "the ePayment API's answers; a status of 404 is an answer, anything else leaves a hole",
    (
        _MSN,
        _c("reference", "text", "The reference asked for, as the input has it.", required=True),
        _c("operation", "text", "getPayment, getPaymentEventLog, or not_sent.", required=True),
        _c("status", "count", "HTTP status; empty where no answer came or nothing was sent."),
        _c("title", "text", "In a word or two.", required=True),
        _c("detail", "text", "In a sentence."),
        _c("trace_id", "text", "Quote it to Vipps MobilePay's support."),
    ),
)

REJECTS = Frame(
    "rejects",
    "one row per input row that could not be used",
    "vippsrecon.sources",
    (
        _c("source_file", "text", "Name of the file.", required=True),
        _c("source_row", "count", "Line or sheet row, counted from 1.", required=True, at_least=1),
        _c("column", "text", "Heading of the column at fault; empty for the whole row."),
        _c("value", "text", "What stood there."),
        _c("reason", "text", "Why it could not be used.", required=True),
    ),
)

SEVERITIES = ("critical", "high", "medium", "low", "info")

DISCREPANCIES = Frame(
    "discrepancies",
    "one row per thing wrong",
    "vippsrecon.reconcile",
    (
        _c("discrepancy_id", "text", "The same in every run.", required=True),
        _c("leg", "text", "order_payment.", required=True),
        _c("question", "text", "there, captured, refunded, reserved, or aggregate.", required=True),
        _c("kind", "text", "The code.", required=True),
        _c("severity", "text", "critical … info.", required=True, one_of=SEVERITIES),
        _MSN,
        _c(
            "reference",
            "text",
            "The payment's reference, or the order's where there is no payment.",
        ),
        _c("order_number", "text", "The number the shop shows."),
        _c("payout_number", "text", "For payouts; empty here."),
        _CURRENCY,
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
    "vippsrecon.reconcile",
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
    "vippsrecon.reconcile",
    (
        _CURRENCY,
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
    "vippsrecon.reconcile",
    (
        _c("leg", "text", "captured or refunded.", required=True, one_of=("captured", "refunded")),
        _MSN,
        _CURRENCY,
        _c("line", "text", "What moves the sum: orders, ignored, …, or a code.", required=True),
        _c("position", "count", "Order of the lines, from 1.", required=True, at_least=1),
        _c("amount_minor", "minor", "Signed; the lines sum to the last one.", required=True),
        _c("rows", "count", "How many rows it sums.", required=True, at_least=0),
    ),
)

FRAMES = (ORDERS, PAYMENTS, EVENTS, FAILURES, REJECTS, DISCREPANCIES, BUCKETS, SUMMARY, BRIDGE)
