"""The frames of the house: one table of columns each (name, kind, bounds, what it says).

Those that go in stand here, those that come out in `vippsrecon.schemas.results`; both are had
from here.

Uniqueness is nobody's promise here: duplicates are data, and reconciling names them.
"""

from __future__ import annotations

from vippsrecon.schemas.frame import CURRENCY, MSN, REFERENCE, Frame
from vippsrecon.schemas.frame import define_column as _c

PAYMENT = ("msn", "reference")
"""A reference is unique within one sales unit only, so both make the key of a payment.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/orderid/"""


STATUSES = ("open", "partial", "fulfilled", "cancelled", "unknown")

ORDERS = Frame(
    "orders",
    "one row per payment reference the shop expects",
    "a shop's order export, read by vippsrecon.sources",
    (
        MSN,
        _c("reference", "text", "The reference the shop holds; empty where it holds none."),
        _c("order_number", "text", "The number the shop shows."),
        CURRENCY,
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
        MSN,
        REFERENCE,
        _c("psp_reference", "text", "The CREATED event's pspReference.", required=True),
        _c(
            "state",
            "text",
            "CREATED, AUTHORIZED, ABORTED, EXPIRED, TERMINATED, or one Vipps adds.",
            required=True,
        ),
        CURRENCY,
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
        MSN,
        REFERENCE,
        _c(
            "psp_reference",
            "text",
            "Of this one operation; equals the ledger entry's.",
            required=True,
        ),
        _c("name", "text", "CREATED, AUTHORIZED, CAPTURED, REFUNDED, CANCELLED, …", required=True),
        _c("amount_minor", "minor", "Amount of this operation.", required=True, at_least=0),
        CURRENCY,
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
        MSN,
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
