"""Which columns each sheet shows, in order, and under which headings."""

from __future__ import annotations

from vippsrecon.reconciliation.results.groups import LARGE_GROUP_ROWS
from vippsrecon.spreadsheet.table import Column

_CURRENCY = Column("Currency", "currency", width=8.5, about="ISO 4217 code of the row's amounts.")
_MSN = Column("Sales unit", "msn", width=9.5, about="Merchant serial number.")
_REFERENCE = Column("Reference", "reference", width=20, about="The merchant's id of the payment.")
_ORDER = Column("Order", "order_number", width=13, about="The number the shop shows.")
_OUTCOME = Column("Outcome", "bucket", width=11, about="What the row came to.")
_CODE = Column("Code", "kind", width=25, about="The code; empty where simply matched.")


def _amount(header: str, name: str, about: str, width: float = 12) -> Column:
    return Column(header, name, "money", width, about)


def _moment(header: str, name: str, about: str) -> Column:
    return Column(f"{header} (UTC)", name, "moment", 17, about, printed=False)


def _extra(header: str, name: str, about: str, width: float) -> Column:
    return Column(header, name, "text", width, about, printed=False)


def _key(header: str, name: str, about: str) -> Column:
    return Column(header, name, "text", 20, about, hidden=True)


_FLAGS = _extra("Flags", "flags", "What else is known of it.", 24)

DISCREPANCIES = (
    Column("Severity", "severity", width=10, about="critical, high, medium, low, info."),
    Column("Code", "kind", width=23, about="What is wrong; one code a question asked."),
    _ORDER,
    _REFERENCE,
    _MSN,
    _CURRENCY,
    _amount("Expected", "expected_minor", "What the order says.", 14),
    _amount("Actual", "actual_minor", "What Vipps MobilePay says.", 14),
    _amount("Difference", "difference_minor", "Actual minus expected; unknown counts as 0.", 14),
    _amount("At risk", "at_risk_minor", "May be lost or owed; not always the difference.", 14),
    Column(
        "Proposed", "proposal", width=9.5, about="refund, capture or cancel; empty: look first."
    ),
    _amount("Proposed amount", "proposal_minor", "How much to refund, capture or cancel.", 14),
    Column("Age, days", "age_days", "count", 6, "Local days since it went wrong."),
    Column("What happened", "cause", "wrapped", 38, "One sentence for each code and variant."),
    Column("Next step", "next_step", "wrapped", 38, "What to do about it."),
    Column("Owner", "owner", "input", 11, "To be filled in: who takes care of it."),
    Column("Decision", "decision", "input", 10, "To be filled in, from the list on Controls."),
    Column("Note", "note", "input", 20, "To be filled in."),
    Column(
        "First seen",
        "first_seen_date",
        "date",
        11,
        "Day of the first run that showed it.",
        printed=False,
    ),
    _FLAGS,
    _extra("Group", "group", f"Where more than {LARGE_GROUP_ROWS} rows are alike.", 12),
    _key("discrepancy_id", "discrepancy_id", "The same in every run."),
    _key("msn", "msn_key", "Sales unit, for reading back."),
    _key("reference", "reference_key", "For reading back."),
    _key("row_hash", "row_hash", "Shows a row that was shifted."),
)

PAIRS = (
    _ORDER,
    _REFERENCE,
    _MSN,
    _CURRENCY,
    Column("Ordered", "ordered_day", "day", 10.5, "Local day of the order."),
    Column("Shop status", "status", width=10, about="How far the shop has come."),
    _amount("Order total", "total_minor", "What Vipps MobilePay was to collect."),
    _amount("Shop refunded", "shop_refunded_minor", "Refunded by the shop."),
    Column("State", "state", width=13, about="The payment's state."),
    _amount("Authorized", "authorized_minor", "Aggregate authorized."),
    _amount("Captured", "captured_minor", "Aggregate captured, before refunds."),
    _amount("Refunded", "refunded_minor", "Aggregate refunded."),
    _amount("Cancelled", "cancelled_minor", "Aggregate cancelled."),
    _CODE,
    Column("Meaning", "meaning", width=36, about="The code in a few words."),
    _FLAGS,
)

PAYMENTS = (
    _REFERENCE,
    _MSN,
    _CURRENCY,
    Column("State", "state", width=13, about="How far it came, such as AUTHORIZED."),
    _amount("Amount", "amount_minor", "Asked for at creation."),
    _amount("Authorized", "authorized_minor", "Aggregate authorized."),
    _amount("Captured", "captured_minor", "Aggregate captured, before refunds."),
    _amount("Refunded", "refunded_minor", "Aggregate refunded."),
    _amount("Cancelled", "cancelled_minor", "Aggregate cancelled."),
    Column("Method", "payment_method", width=10, about="WALLET, CARD, …"),
    Column("Created", "created_day", "day", 10.5, "Local day."),
    Column("Found by", "discovered_by", width=11, about="How the reference came to be asked for."),
    _OUTCOME,
    _CODE,
    _moment("Created", "created_at", "Time of the CREATED event."),
    _moment("Authorized", "authorized_at", "Of the first AUTHORIZED event."),
    _moment("Guaranteed until", "capture_guaranteed_until_at", "A capture is guaranteed."),
    _moment("Fetched", "fetched_at", "The answer's own Date."),
    _FLAGS,
    _extra("PSP reference", "psp_reference", "The CREATED event's.", 38),
)

EVENTS = (
    _REFERENCE,
    _MSN,
    Column("Event", "name", width=14, about="Such as CAPTURED or REFUNDED."),
    _CURRENCY,
    _amount("Amount", "amount_minor", "Of this one operation."),
    Column("Success", "success", width=10, about="no: the attempt changed nothing."),
    Column("Day", "event_day", "day", 10.5, "Local day."),
    Column("Time (UTC)", "event_at", "moment", 18, "When it happened."),
    Column("PSP reference", "psp_reference", width=38, about="Equals the ledger entry's."),
    _extra("Idempotency key", "idempotency_key", "The operation was asked with.", 38),
)

ORDERS = (
    _ORDER,
    _REFERENCE,
    _MSN,
    _CURRENCY,
    _amount("Order total", "total_minor", "What Vipps MobilePay was to collect, before refunds."),
    _amount("Shop refunded", "refunded_minor", "Refunded by the shop."),
    Column("Status", "status", width=10, about="open, partial, fulfilled, cancelled, unknown."),
    Column("Paid", "paid", width=9, about="Whether the shop believes it is paid."),
    Column("Method", "payment_method", width=14, about="The tender, as the shop names it."),
    Column("Ordered", "ordered_day", "day", 10.5, "Local day."),
    _OUTCOME,
    _CODE,
    Column("File", "source_file", width=20, about="Name of the file read."),
    Column("Row", "source_row", "count", 8, "Line or sheet row, from 1."),
    _moment("Ordered", "ordered_at", "When the order was placed."),
    _moment("Fulfilled", "fulfilled_at", "When the shop fulfilled it."),
    _moment("Refunded", "refunded_at", "When the shop last refunded."),
    _moment("Exported", "exported_at", "When the export was taken."),
    Column("VAT", "vat_minor", "money", 12, "Within the order total.", printed=False),
    _extra("Store", "store", "The shop's own name for it.", 14),
    _FLAGS,
)

SET_ASIDE = (
    Column("What", "what", width=13, about="Row rejected, not read, not found, or not sent."),
    Column("Sales unit", "msn", width=11, about="Merchant serial number."),
    Column("Reference", "reference", width=24, about="As the input has it."),
    Column("File", "source_file", width=22, about="Of the row, or of the reference's order."),
    Column("Row", "source_row", "count", 8, "Line or sheet row, from 1."),
    Column("Column", "column", width=16, about="At fault; empty for the whole row."),
    Column("Value", "value", "wrapped", 22, "What stood there."),
    Column("Reason", "reason", "wrapped", 36, "Why it could not be used."),
    Column("Status", "status", "count", 7, "HTTP status; empty where no answer came."),
    Column("Operation", "operation", width=19, about="getPayment, getPaymentEventLog, not_sent."),
    Column("Detail", "detail", "text", 60, "In a sentence.", printed=False),
    _extra("Trace", "trace_id", "Quote it to Vipps MobilePay's support.", 26),
)
