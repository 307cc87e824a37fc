"""Which columns each sheet shows, in order, and under which headings."""

from __future__ import annotations

from vippsrecon.reconciliation.results.groups import LARGE_GROUP_ROWS
from vippsrecon.spreadsheet.table import TableColumn

_CURRENCY = TableColumn(
    "Currency", "currency", width=8.5, about="ISO 4217 code of the row's amounts."
)
_MSN = TableColumn("Sales unit", "msn", width=9.5, about="Merchant serial number.")
_REFERENCE = TableColumn(
    "Reference", "reference", width=20, about="The merchant's id of the payment."
)
_ORDER = TableColumn("Order", "order_number", width=13, about="The number the shop shows.")
_OUTCOME = TableColumn("Outcome", "bucket", width=11, about="What the row came to.")
_CODE = TableColumn("Code", "kind", width=25, about="The code; empty where simply matched.")


def _amount_column(header: str, name: str, about: str, width: float = 12) -> TableColumn:
    return TableColumn(header, name, "money", width, about)


def _moment_column(header: str, name: str, about: str) -> TableColumn:
    return TableColumn(f"{header} (UTC)", name, "moment", 17, about, printed=False)


def _unprinted_column(header: str, name: str, about: str, width: float) -> TableColumn:
    return TableColumn(header, name, "text", width, about, printed=False)


def _hidden_key_column(header: str, name: str, about: str) -> TableColumn:
    return TableColumn(header, name, "text", 20, about, hidden=True)


_FLAGS = _unprinted_column("Flags", "flags", "What else is known of it.", 24)

DISCREPANCY_SHEET_COLUMNS = (
    TableColumn("Severity", "severity", width=10, about="critical, high, medium, low, info."),
    TableColumn("Code", "kind", width=23, about="What is wrong; one code a question asked."),
    _ORDER,
    _REFERENCE,
    _MSN,
    _CURRENCY,
    _amount_column("Expected", "expected_minor", "What the order says.", 14),
    _amount_column("Actual", "actual_minor", "What Vipps MobilePay says.", 14),
    _amount_column(
        "Difference", "difference_minor", "Actual minus expected; unknown counts as 0.", 14
    ),
    _amount_column(
        "At risk", "at_risk_minor", "May be lost or owed; not always the difference.", 14
    ),
    TableColumn(
        "Proposed", "proposal", width=9.5, about="refund, capture or cancel; empty: look first."
    ),
    _amount_column(
        "Proposed amount", "proposal_minor", "How much to refund, capture or cancel.", 14
    ),
    TableColumn("Age, days", "age_days", "count", 6, "Local days since it went wrong."),
    TableColumn("What happened", "cause", "wrapped", 38, "One sentence for each code and variant."),
    TableColumn("Next step", "next_step", "wrapped", 38, "What to do about it."),
    TableColumn("Owner", "owner", "input", 11, "To be filled in: who takes care of it."),
    TableColumn("Decision", "decision", "input", 10, "To be filled in, from the list on Controls."),
    TableColumn("Note", "note", "input", 20, "To be filled in."),
    TableColumn(
        "First seen",
        "first_seen_date",
        "date",
        11,
        "Day of the first run that showed it.",
        printed=False,
    ),
    _FLAGS,
    _unprinted_column("Group", "group", f"Where more than {LARGE_GROUP_ROWS} rows are alike.", 12),
    _hidden_key_column("discrepancy_id", "discrepancy_id", "The same in every run."),
    _hidden_key_column("msn", "msn_key", "Sales unit, for reading back."),
    _hidden_key_column("reference", "reference_key", "For reading back."),
    _hidden_key_column("row_hash", "row_hash", "Shows a row that was shifted."),
)

PAIR_SHEET_COLUMNS = (
    _ORDER,
    _REFERENCE,
    _MSN,
    _CURRENCY,
    TableColumn("Ordered", "ordered_day", "day", 10.5, "Local day of the order."),
    TableColumn("Shop status", "status", width=10, about="How far the shop has come."),
    _amount_column("Order total", "total_minor", "What Vipps MobilePay was to collect."),
    _amount_column("Shop refunded", "shop_refunded_minor", "Refunded by the shop."),
    TableColumn("State", "state", width=13, about="The payment's state."),
    _amount_column("Authorized", "authorized_minor", "Aggregate authorized."),
    _amount_column("Captured", "captured_minor", "Aggregate captured, before refunds."),
    _amount_column("Refunded", "refunded_minor", "Aggregate refunded."),
    _amount_column("Cancelled", "cancelled_minor", "Aggregate cancelled."),
    _CODE,
    TableColumn("Meaning", "meaning", width=36, about="The code in a few words."),
    _FLAGS,
)

PAYMENT_SHEET_COLUMNS = (
    _REFERENCE,
    _MSN,
    _CURRENCY,
    TableColumn("State", "state", width=13, about="How far it came, such as AUTHORIZED."),
    _amount_column("Amount", "amount_minor", "Asked for at creation."),
    _amount_column("Authorized", "authorized_minor", "Aggregate authorized."),
    _amount_column("Captured", "captured_minor", "Aggregate captured, before refunds."),
    _amount_column("Refunded", "refunded_minor", "Aggregate refunded."),
    _amount_column("Cancelled", "cancelled_minor", "Aggregate cancelled."),
    TableColumn("Method", "payment_method", width=10, about="WALLET, CARD, …"),
    TableColumn("Created", "created_day", "day", 10.5, "Local day."),
    TableColumn(
        "Found by", "discovered_by", width=11, about="How the reference came to be asked for."
    ),
    _OUTCOME,
    _CODE,
    _moment_column("Created", "created_at", "Time of the CREATED event."),
    _moment_column("Authorized", "authorized_at", "Of the first AUTHORIZED event."),
    _moment_column("Guaranteed until", "capture_guaranteed_until_at", "A capture is guaranteed."),
    _moment_column("Fetched", "fetched_at", "The answer's own Date."),
    _FLAGS,
    _unprinted_column("PSP reference", "psp_reference", "The CREATED event's.", 38),
)

EVENT_SHEET_COLUMNS = (
    _REFERENCE,
    _MSN,
    TableColumn("Event", "name", width=14, about="Such as CAPTURED or REFUNDED."),
    _CURRENCY,
    _amount_column("Amount", "amount_minor", "Of this one operation."),
    TableColumn("Success", "success", width=10, about="no: the attempt changed nothing."),
    TableColumn("Day", "event_day", "day", 10.5, "Local day."),
    TableColumn("Time (UTC)", "event_at", "moment", 18, "When it happened."),
    TableColumn("PSP reference", "psp_reference", width=38, about="Equals the ledger entry's."),
    _unprinted_column("Idempotency key", "idempotency_key", "The operation was asked with.", 38),
)

ORDER_SHEET_COLUMNS = (
    _ORDER,
    _REFERENCE,
    _MSN,
    _CURRENCY,
    _amount_column(
        "Order total", "total_minor", "What Vipps MobilePay was to collect, before refunds."
    ),
    _amount_column("Shop refunded", "refunded_minor", "Refunded by the shop."),
    TableColumn(
        "Status", "status", width=10, about="open, partial, fulfilled, cancelled, unknown."
    ),
    TableColumn("Paid", "paid", width=9, about="Whether the shop believes it is paid."),
    TableColumn("Method", "payment_method", width=14, about="The tender, as the shop names it."),
    TableColumn("Ordered", "ordered_day", "day", 10.5, "Local day."),
    _OUTCOME,
    _CODE,
    TableColumn("File", "source_file", width=20, about="Name of the file read."),
    TableColumn("Row", "source_row", "count", 8, "Line or sheet row, from 1."),
    _moment_column("Ordered", "ordered_at", "When the order was placed."),
    _moment_column("Fulfilled", "fulfilled_at", "When the shop fulfilled it."),
    _moment_column("Refunded", "refunded_at", "When the shop last refunded."),
    _moment_column("Exported", "exported_at", "When the export was taken."),
    TableColumn("VAT", "vat_minor", "money", 12, "Within the order total.", printed=False),
    _unprinted_column("Store", "store", "The shop's own name for it.", 14),
    _FLAGS,
)

REJECT_AND_FAILURE_SHEET_COLUMNS = (
    TableColumn("What", "what", width=13, about="Row rejected, not read, not found, or not sent."),
    TableColumn("Sales unit", "msn", width=11, about="Merchant serial number."),
    TableColumn("Reference", "reference", width=24, about="As the input has it."),
    TableColumn("File", "source_file", width=22, about="Of the row, or of the reference's order."),
    TableColumn("Row", "source_row", "count", 8, "Line or sheet row, from 1."),
    TableColumn("Column", "column", width=16, about="At fault; empty for the whole row."),
    TableColumn("Value", "value", "wrapped", 22, "What stood there."),
    TableColumn("Reason", "reason", "wrapped", 36, "Why it could not be used."),
    TableColumn("Status", "status", "count", 7, "HTTP status; empty where no answer came."),
    TableColumn(
        "Operation", "operation", width=19, about="getPayment, getPaymentEventLog, not_sent."
    ),
    TableColumn("Detail", "detail", "text", 60, "In a sentence.", printed=False),
    _unprinted_column("Trace", "trace_id", "Quote it to Vipps MobilePay's support.", 26),
)
