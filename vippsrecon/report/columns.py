"""Define the columns of each sheet: order, heading, width and meaning."""

from __future__ import annotations

from vippsrecon.reconciliation.results.groups import LARGE_GROUP_ROWS
from vippsrecon.spreadsheet.columns import TableColumn

_CURRENCY = TableColumn(
    "Currency", "currency", width=8.5, about="ISO 4217 code of the row's amounts."
)
_MSN = TableColumn("Sales unit", "msn", width=9.5, about="Merchant serial number.")
_REFERENCE = TableColumn(
    "Reference", "reference", width=20, about="The merchant's identifier of the payment."
)
_ORDER = TableColumn("Order", "order_number", width=13, about="The order number in the shop.")
_OUTCOME = TableColumn("Outcome", "bucket", width=11, about="The bucket of the row.")
_CODE = TableColumn("Code", "kind", width=25, about="The code; empty if plainly matched.")


def _amount_column(header: str, name: str, about: str, width: float = 12) -> TableColumn:
    return TableColumn(header, name, "money", width, about)


def _moment_column(header: str, name: str, about: str) -> TableColumn:
    return TableColumn(f"{header} (UTC)", name, "moment", 17, about, printed=False)


def _unprinted_column(header: str, name: str, about: str, width: float) -> TableColumn:
    return TableColumn(header, name, "text", width, about, printed=False)


def _hidden_key_column(header: str, name: str, about: str) -> TableColumn:
    return TableColumn(header, name, "text", 20, about, hidden=True)


_FLAGS = _unprinted_column("Flags", "flags", "Further facts about the row.", 24)

STATUS_COLUMN = _unprinted_column(
    "Status", "item_status", "Of the open item: open, in progress or reopened.", 13
)

DISCREPANCY_SHEET_COLUMNS = (
    TableColumn("Severity", "severity", width=8, about="critical, high, medium, low, info."),
    TableColumn("Code", "kind", width=21, about="What is wrong; one code per check."),
    TableColumn("Order", "order_number", width=9, about="The order number in the shop."),
    TableColumn(
        "Reference", "reference", width=16, about="The merchant's identifier of the payment."
    ),
    _amount_column("Expected", "expected_minor", "Amount according to the order.", 13),
    _amount_column("Actual", "actual_minor", "Amount according to Vipps MobilePay.", 13),
    _amount_column(
        "At risk", "at_risk_minor", "May be lost or owed; can differ from Difference.", 13
    ),
    TableColumn(
        "Age, days", "age_days", "count", 5, "Local days since the first run that showed it."
    ),
    TableColumn("What happened", "cause", "wrapped", 28, "The cause, in one sentence."),
    TableColumn("Next step", "next_step", "wrapped", 28, "What to do."),
    TableColumn("Owner", "owner", "input", 9, "To fill in: the person responsible."),
    TableColumn("Decision", "decision", "input", 9, "To fill in, from the list on Controls."),
    TableColumn("Note", "note", "input", 16, "To fill in."),
    _unprinted_column(
        "Proposed", "proposal", "refund, capture or cancel; empty: check first.", 9.5
    ),
    TableColumn(
        "Proposed amount",
        "proposal_minor",
        "money",
        14,
        "Amount to refund, capture or cancel.",
        printed=False,
    ),
    TableColumn(
        "Difference",
        "difference_minor",
        "money",
        14,
        "Actual minus expected; an unknown amount counts as 0.",
        printed=False,
    ),
    _unprinted_column("Sales unit", "msn", "Merchant serial number.", 10.5),
    _unprinted_column("Currency", "currency", "ISO 4217 code of the row's amounts.", 8.5),
    TableColumn(
        "First seen",
        "first_seen_date",
        "date",
        11,
        "Date of the first run with this discrepancy.",
        printed=False,
    ),
    _FLAGS,
    _unprinted_column(
        "Group", "group", f"Set if more than {LARGE_GROUP_ROWS} rows have the same cause.", 12
    ),
    _hidden_key_column("discrepancy_id", "discrepancy_id", "The same in every run."),
    _hidden_key_column("msn", "msn_key", "Sales unit, for reading back."),
    _hidden_key_column("reference", "reference_key", "For reading back."),
    _hidden_key_column("row_hash", "row_hash", "Shows whether the row was changed or shifted."),
    STATUS_COLUMN,
)
"""The columns up to Note are printed: as many as are legible on A4. New columns come last, because
other programs read the sheet by its columns."""

DISCREPANCY_WIDTH_LIMITS = {
    "order_number": (8.0, 14.0),
    "reference": (14.0, 36.0),
    "expected_minor": (11.0, 19.0),
    "actual_minor": (11.0, 19.0),
    "at_risk_minor": (11.0, 19.0),
}
"""Least and greatest widths of printed columns that are as wide as their longest value."""

PAYMENT_OF_DISCREPANCY_COLUMNS = (
    _unprinted_column("State", "state", "State of the payment, such as AUTHORIZED.", 13),
    *(
        TableColumn(header, name, "money", 12, f"{about}, of the payment.", printed=False)
        for header, name, about in (
            ("Authorized", "authorized_minor", "Aggregate authorized"),
            ("Captured", "captured_minor", "Aggregate captured, before refunds"),
            ("Refunded", "refunded_minor", "Aggregate refunded"),
            ("Cancelled", "cancelled_minor", "Aggregate cancelled"),
        )
    ),
    _moment_column("Fetched", "fetched_at", "Server time of the answer."),
)
"""The payment of a discrepancy, in a workbook without the sheet Payments. The headings are those of
Payments, because plans are made from them."""

DISCREPANCY_AND_PAYMENT_SHEET_COLUMNS = (
    *(c for c in DISCREPANCY_SHEET_COLUMNS if not c.hidden and c is not STATUS_COLUMN),
    *PAYMENT_OF_DISCREPANCY_COLUMNS,
    *(c for c in DISCREPANCY_SHEET_COLUMNS if c.hidden),
    STATUS_COLUMN,
)

PAIR_SHEET_COLUMNS = (
    _ORDER,
    _REFERENCE,
    _MSN,
    _CURRENCY,
    TableColumn("Ordered", "ordered_day", "day", 10.5, "Local day of the order."),
    TableColumn("Shop status", "status", width=10, about="Status of the order in the shop."),
    _amount_column("Order total", "total_minor", "Amount that Vipps MobilePay should collect."),
    _amount_column("Shop refunded", "shop_refunded_minor", "Refunded by the shop."),
    TableColumn("State", "state", width=13, about="State of the payment."),
    _amount_column("Authorized", "authorized_minor", "Aggregate authorized."),
    _amount_column("Captured", "captured_minor", "Aggregate captured, before refunds."),
    _amount_column("Refunded", "refunded_minor", "Aggregate refunded."),
    _amount_column("Cancelled", "cancelled_minor", "Aggregate cancelled."),
    _CODE,
    TableColumn("Meaning", "meaning", width=36, about="Title of the code."),
    _FLAGS,
)

CHANGE_SHEET_COLUMNS = (
    TableColumn("Change", "change", width=13, about="What became of it since the earlier report."),
    TableColumn("Code", "kind", width=23, about="What is or was wrong."),
    _ORDER,
    _REFERENCE,
    _MSN,
    _CURRENCY,
    _amount_column("At risk then", "at_risk_then_minor", "In the earlier report.", 14),
    _amount_column(
        "At risk now", "at_risk_minor", "In this report; 0 if cleared, empty if not compared.", 14
    ),
    _amount_column(
        "Risk change", "at_risk_change_minor", "Now minus then; empty if either is not known.", 14
    ),
    TableColumn("Owner", "owner", "wrapped", 11, "As in the earlier report."),
    TableColumn("Decision", "decision", width=10, about="As in the earlier report."),
    TableColumn("Note", "note", "wrapped", 20, "As in the earlier report."),
    TableColumn("What happened", "what", "wrapped", 40, "The change, in one sentence."),
    _hidden_key_column("discrepancy_id", "discrepancy_id", "The same in every run."),
    TableColumn("Status", "item_status", width=17, about="Of the open item."),
    TableColumn("First seen", "first_seen_date", "date", 11, "Day of the first run with it."),
    TableColumn("Last seen", "last_seen_date", "date", 11, "Day of the latest run with it."),
)

OPEN_ITEM_SHEET_COLUMNS = (
    TableColumn("Status", "item_status", width=17, about="What became of it so far."),
    TableColumn("Code", "kind", width=23, about="What is or was wrong."),
    _ORDER,
    _REFERENCE,
    _MSN,
    _CURRENCY,
    _amount_column("At risk", "open_minor", "When a run last reported it.", 14),
    _amount_column(
        "Left the totals",
        "left_minor",
        "Waived or closed: at risk when a run last reported it.",
        14,
    ),
    TableColumn("Age, days", "age_days", "count", 8, "Local days since the first run with it."),
    TableColumn("First seen", "first_seen_date", "date", 11, "Day of the first run with it."),
    TableColumn("Last seen", "last_seen_date", "date", 11, "Day of the latest run with it."),
    TableColumn(
        "Since (UTC)", "status_at", "moment", 17, "Cut-off time of the run that set the status."
    ),
    TableColumn("Who", "who", "wrapped", 14, "Who works on it, or who waived it."),
    TableColumn("Why", "why", "wrapped", 30, "The note, or the reason of the waiver."),
    TableColumn("Until", "until_date", "date", 11, "Last day of the waiver; empty if permanent."),
    TableColumn("Closed by run", "closed_by", width=34, about="ID of the run, as on its Controls."),
    _hidden_key_column("discrepancy_id", "discrepancy_id", "The same in every run."),
)

PAYMENT_SHEET_COLUMNS = (
    _REFERENCE,
    _MSN,
    _CURRENCY,
    TableColumn("State", "state", width=13, about="State of the payment, such as AUTHORIZED."),
    _amount_column("Amount", "amount_minor", "Amount when the payment was created."),
    _amount_column("Authorized", "authorized_minor", "Aggregate authorized."),
    _amount_column("Captured", "captured_minor", "Aggregate captured, before refunds."),
    _amount_column("Refunded", "refunded_minor", "Aggregate refunded."),
    _amount_column("Cancelled", "cancelled_minor", "Aggregate cancelled."),
    TableColumn("Method", "payment_method", width=10, about="WALLET, CARD, …"),
    TableColumn("Created", "created_day", "day", 10.5, "Local day."),
    TableColumn("Found by", "discovered_by", width=11, about="Where the reference came from."),
    _OUTCOME,
    _CODE,
    _moment_column("Created", "created_at", "Time of the CREATED event."),
    _moment_column("Authorized", "authorized_at", "Time of the first AUTHORIZED event."),
    _moment_column(
        "Guaranteed until", "capture_guaranteed_until_at", "Until then a capture is guaranteed."
    ),
    _moment_column("Fetched", "fetched_at", "Server time of the answer."),
    _FLAGS,
    _unprinted_column("PSP reference", "psp_reference", "Of the CREATED event.", 38),
)

EVENT_SHEET_COLUMNS = (
    _REFERENCE,
    _MSN,
    TableColumn("Event", "name", width=14, about="Such as CAPTURED or REFUNDED."),
    _CURRENCY,
    _amount_column("Amount", "amount_minor", "Amount of this operation."),
    TableColumn(
        "Success", "success", width=10, about="no: the operation failed and changed nothing."
    ),
    TableColumn("Day", "event_day", "day", 10.5, "Local day."),
    TableColumn("Time (UTC)", "event_at", "moment", 18, "Time of the event."),
    TableColumn("PSP reference", "psp_reference", width=38, about="Same as in the funds ledger."),
    _unprinted_column("Idempotency key", "idempotency_key", "Sent with the operation.", 38),
)

ORDER_SHEET_COLUMNS = (
    _ORDER,
    _REFERENCE,
    _MSN,
    _CURRENCY,
    _amount_column(
        "Order total", "total_minor", "Amount that Vipps MobilePay should collect, before refunds."
    ),
    _amount_column("Shop refunded", "refunded_minor", "Refunded by the shop."),
    TableColumn(
        "Status", "status", width=10, about="open, partial, fulfilled, cancelled, unknown."
    ),
    TableColumn("Paid", "paid", width=9, about="Whether the order is paid, according to the shop."),
    TableColumn(
        "Method", "payment_method", width=14, about="Payment method, as named by the shop."
    ),
    TableColumn("Ordered", "ordered_day", "day", 10.5, "Local day."),
    _OUTCOME,
    _CODE,
    TableColumn("File", "source_file", width=20, about="Name of the input file."),
    TableColumn("Row", "source_row", "count", 8, "Line or sheet row in the file, from 1."),
    _moment_column("Ordered", "ordered_at", "Time of the order."),
    _moment_column("Fulfilled", "fulfilled_at", "Time of fulfilment in the shop."),
    _moment_column("Refunded", "refunded_at", "Time of the last refund in the shop."),
    _moment_column("Exported", "exported_at", "Time of the export."),
    TableColumn("VAT", "vat_minor", "money", 12, "VAT included in the order total.", printed=False),
    _unprinted_column("Store", "store", "Name of the store in the shop.", 14),
    _FLAGS,
)

REJECT_AND_FAILURE_SHEET_COLUMNS = (
    TableColumn("What", "what", width=13, about="row rejected, not read, not found or not sent."),
    TableColumn("Sales unit", "msn", width=11, about="Merchant serial number."),
    TableColumn("Reference", "reference", width=24, about="As in the input."),
    TableColumn("File", "source_file", width=22, about="File of the row, or of the order."),
    TableColumn("Row", "source_row", "count", 8, "Line or sheet row in the file, from 1."),
    TableColumn(
        "Column", "column", width=16, about="Column with the error; empty for the whole row."
    ),
    TableColumn("Value", "value", "wrapped", 22, "The value in the file."),
    TableColumn("Reason", "reason", "wrapped", 36, "Why the row or reference could not be used."),
    TableColumn("Status", "status", "count", 7, "HTTP status; empty if there was no answer."),
    TableColumn(
        "Operation", "operation", width=19, about="getPayment, getPaymentEventLog, not_sent."
    ),
    TableColumn("Detail", "detail", "text", 60, "Details, in one sentence.", printed=False),
    _unprinted_column("Trace", "trace_id", "For Vipps MobilePay's support.", 26),
)
