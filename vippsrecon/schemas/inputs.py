"""Define the input frames of a comparison: one table of columns each. Import from `vippsrecon.schemas`.

Every column has a name, a kind, bounds and a description. No schema requires unique rows:
duplicates are data, and the comparison reports them.
"""

from __future__ import annotations

from vippsrecon.schemas.frame import CURRENCY, MSN, REFERENCE, Frame
from vippsrecon.schemas.frame import define_column as _c

PAYMENT = ("msn", "reference")
"""A reference is unique within one sales unit only, so both make the key of a payment.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/orderid/"""

PAYMENT_KEY = list(PAYMENT)
"""`PAYMENT` as joins take it."""

STATUSES = ("open", "partial", "fulfilled", "cancelled", "unknown")

ORDERS = Frame(
    "orders",
    "one row per payment reference the shop expects",
    "a shop's order export, read by vippsrecon.sources",
    (
        MSN,
        _c(
            "reference",
            "text",
            "The payment reference in the shop's export; empty where the export has none.",
        ),
        _c("order_number", "text", "The order number shown in the shop."),
        CURRENCY,
        _c("ordered_at", "moment", "When the order was placed."),
        _c("ordered_day", "day", "The local day of ordered_at."),
        _c(
            "total_minor",
            "minor",
            "The amount to be paid through Vipps MobilePay, before refunds.",
            required=True,
            at_least=0,
        ),
        _c(
            "refunded_minor",
            "minor",
            "The amount refunded in the shop; empty where the export does not show it.",
            at_least=0,
        ),
        _c("status", "text", "The order's status in the shop.", required=True, one_of=STATUSES),
        _c(
            "paid",
            "text",
            "Whether the order is paid according to the shop.",
            required=True,
            one_of=("yes", "no", "unknown"),
        ),
        _c("payment_method", "text", "The payment method, as named by the shop."),
        _c(
            "by_vipps",
            "boolean",
            "Whether payment_method is Vipps or MobilePay; empty where unknown.",
        ),
        _c(
            "recurring",
            "boolean",
            "Whether the order is a recurring charge or a bank transfer, which are not ePayment payments.",
            required=True,
        ),
        _c(
            "split_tender",
            "boolean",
            "Whether part was paid with another payment method and the export does not show how much.",
            required=True,
        ),
        _c(
            "shop_currency_only",
            "boolean",
            "Whether the amounts are in the shop's currency, not the payment's.",
            required=True,
        ),
        _c(
            "truncated_minor",
            "minor",
            "The amount that Shopware's plugin would send, because it truncates instead of rounding.",
            at_least=0,
        ),
        _c(
            "attempt_base",
            "text",
            "Reference of the first payment attempt, where the export shows it.",
        ),
        _c(
            "further_references",
            "text",
            "The other payment references in the same cell, separated by one space.",
            optional=True,
        ),
        _c(
            "attempts_asked",
            "boolean",
            "Whether the next payment attempts after the known ones were requested; empty: not known.",
            optional=True,
        ),
        _c(
            "method_unsure",
            "boolean",
            "Whether neither title nor gateway id shows who handled the payment (by_vipps is then empty).",
            optional=True,
        ),
        _c(
            "recorded_by_hand",
            "boolean",
            "Whether the shop says that its refund did not go through the payment gateway.",
            optional=True,
        ),
        _c(
            "shop_authorization",
            "text",
            "Whether the shop says that the authorization was voided or has expired; otherwise empty.",
            one_of=("voided", "expired"),
            optional=True,
        ),
        _c(
            "rest_refunded",
            "boolean",
            "Whether a refund of a part of an open order means that this part is not sent (Magento).",
            optional=True,
        ),
        _c(
            "dates_without_time",
            "boolean",
            "Whether fulfilled_at and refunded_at were days without a time: then each is the end of that local day.",
            optional=True,
        ),
        _c("fulfilled_at", "moment", "When the shop fulfilled the order."),
        _c("fulfilled_day", "day", "The local day of fulfilled_at."),
        _c("refunded_at", "moment", "When the last refund was recorded in the shop."),
        _c("refunded_day", "day", "The local day of refunded_at."),
        _c("exported_at", "moment", "When the export was made.", required=True),
        _c(
            "exported_at_guessed",
            "boolean",
            "Whether exported_at is only the file's modification time, which copying changes.",
            optional=True,
        ),
        _c("vat_minor", "minor", "VAT included in total_minor."),
        _c("store", "text", "The shop's own name for the store or channel."),
        _c("source_file", "text", "Name of the input file.", required=True),
        _c(
            "source_row",
            "count",
            "Line of the file or row of the sheet, from 1.",
            required=True,
            at_least=1,
        ),
    ),
)

PAYMENTS = Frame(
    "payments",
    "one row per payment",
    "GET /epayment/v1/payments/{reference}; times from its event log",
    (
        MSN,
        REFERENCE,
        _c("psp_reference", "text", "The CREATED event's pspReference.", required=True),
        _c(
            "state",
            "text",
            "CREATED, AUTHORIZED, ABORTED, EXPIRED, TERMINATED, or a state that Vipps MobilePay adds later.",
            required=True,
        ),
        CURRENCY,
        _c(
            "amount_minor",
            "minor",
            "The amount requested when the payment was created.",
            required=True,
            at_least=0,
        ),
        _c("authorized_minor", "minor", "Total authorized amount.", required=True, at_least=0),
        _c(
            "captured_minor",
            "minor",
            "Total captured amount, before refunds.",
            required=True,
            at_least=0,
        ),
        _c("refunded_minor", "minor", "Total refunded amount.", required=True, at_least=0),
        _c("cancelled_minor", "minor", "Total cancelled amount.", required=True, at_least=0),
        _c("payment_method", "text", "WALLET, CARD, …"),
        _c(
            "capture_guaranteed_until_at", "moment", "The time until which a capture is guaranteed."
        ),
        _c("created_at", "moment", "Time of the CREATED event."),
        _c("created_day", "day", "The local day of created_at."),
        _c("authorized_at", "moment", "Time of the first successful AUTHORIZED event."),
        _c("authorized_day", "day", "The local day of authorized_at."),
        _c(
            "discovered_by",
            "text",
            "Where the requested reference came from.",
            required=True,
            one_of=("orders", "ledger", "earlier_run", "references"),
        ),
        _c(
            "fetched_at",
            "moment",
            "When the payment was fetched: the Date header of the response.",
            required=True,
        ),
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
            "The pspReference of this operation; equal to the one of its ledger entry.",
            required=True,
        ),
        _c("name", "text", "CREATED, AUTHORIZED, CAPTURED, REFUNDED, CANCELLED, …", required=True),
        _c("amount_minor", "minor", "The amount of this operation.", required=True, at_least=0),
        CURRENCY,
        _c("event_at", "moment", "When the operation happened.", required=True),
        _c("event_day", "day", "The local day of event_at.", required=True),
        _c("idempotency_key", "text", "The idempotency key the operation was requested with."),
        _c(
            "success",
            "boolean",
            "False if the operation failed and changed nothing.",
            required=True,
        ),
    ),
)

FAILURES = Frame(
    "failures",
    "one row per reference that could not be fetched",
    "the ePayment API's responses; 404 is an answer (no such payment), any other status leaves the reference unanswered",
    (
        MSN,
        _c("reference", "text", "The requested reference, as in the input.", required=True),
        _c(
            "operation",
            "text",
            "getPayment, getPaymentEventLog, not_sent, or not_in_files.",
            required=True,
        ),
        _c("status", "count", "HTTP status; empty where no response came or no request was sent."),
        _c("title", "text", "The failure in a few words.", required=True),
        _c("detail", "text", "The failure in one sentence."),
        _c("trace_id", "text", "The ID to give to Vipps MobilePay's support."),
    ),
)

REJECTS = Frame(
    "rejects",
    "one row per input row that could not be used",
    "vippsrecon.sources",
    (
        _c("source_file", "text", "Name of the file.", required=True),
        _c(
            "source_row",
            "count",
            "Line of the file or row of the sheet, from 1.",
            required=True,
            at_least=1,
        ),
        _c(
            "column",
            "text",
            "Heading of the column with the problem; empty where the whole row is rejected.",
        ),
        _c("value", "text", "The value in the file."),
        _c("reason", "text", "Why the row could not be used.", required=True),
    ),
)
