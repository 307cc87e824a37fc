"""Define the columns of the sheets of money on its way to the bank."""

from __future__ import annotations

from vippsrecon.spreadsheet.columns import TableColumn, TableColumnKind


def _column(
    name: str, kind: TableColumnKind = "text", *, width: float = 12, printed: bool = True
) -> TableColumn:
    return TableColumn("", name, kind, width, printed=printed)


LEDGER_SHEET_COLUMNS = (
    _column("ledger_date", "date", width=15),
    _column("reference", width=22),
    _column("entry_type", width=22),
    _column("msn", width=13),
    _column("currency", width=8.5),
    _column("funds_minor", "money", width=14),
    _column("fees_minor", "money", width=13),
    _column("balance_after_minor", "money", width=14),
    _column("bucket", width=12),
    _column("kind", width=25),
    _column("flags", width=20, printed=False),
    _column("topic", width=8, printed=False),
    _column("ledger_id", width=11, printed=False),
    _column("entry_at", "moment", width=17, printed=False),
    _column("psp_reference", width=30, printed=False),
    _column("source_file", width=20, printed=False),
    _column("source_row", "count", width=8, printed=False),
)

PAYOUT_SHEET_COLUMNS = (
    _column("what", width=15),
    _column("payout_number", width=13),
    _column("msn", width=13),
    _column("currency", width=8.5),
    _column("ledger_date", "date", width=13),
    _column("amount_minor", "money", width=15),
    _column("expected_bank_date", "date", width=12.5),
    _column("booked_date", "date", width=12.5),
    _column("bank_minor", "money", width=15),
    _column("left_minor", "money", width=15),
    _column("bucket", width=12),
    _column("kind", width=25),
    _column("matched_by", width=18),
    _column("status", width=11),
    _column("text", width=44, printed=False),
    _column("account", width=20, printed=False),
    _column("bank_row", width=22, printed=False),
    _column("ledger_id", width=11, printed=False),
    _column("flags", width=20, printed=False),
)

RADAR_SHEET_COLUMNS = (
    _column("band", width=16),
    _column("days_left", "count", width=8),
    _column("order_number", width=13),
    _column("reference", width=22),
    _column("msn", width=13),
    _column("currency", width=8.5),
    _column("reserved_minor", "money", width=14),
    _column("authorized_minor", "money", width=14),
    _column("captured_minor", "money", width=14),
    _column("authorized_at", "moment", width=21),
    _column("status", width=12),
)

CUT_OFF_SHEET_COLUMNS = (
    _column("line_name", width=34),
    _column("what", width=26),
    _column("msn", width=13),
    _column("currency", width=8.5),
    _column("amount_minor", "money", width=15),
    _column("off_balance_minor", "money", width=15),
    _column("item_minor", "money", width=15),
    _column("proof", width=14),
    _column("reference", width=22),
    _column("payout_number", width=13),
    _column("item_date", "date", width=11),
    _column("ledger_id", width=11, printed=False),
    _column("psp_reference", width=30, printed=False),
)

VOUCHER_SHEET_COLUMNS = (
    _column("voucher_number", width=34),
    _column("voucher_date", "date", width=11),
    _column("account", width=9),
    _column("text", width=38),
    _column("currency", width=8.5),
    _column("debit_minor", "money", width=15),
    _column("credit_minor", "money", width=15),
    _column("vat_code", width=9),
    _column("role", width=12),
    _column("status", width=12),
    _column("msn", width=13),
    _column("payout_number", width=13),
    _column("reverses", width=20, printed=False),
    _column("entries", "count", width=8, printed=False),
    _column("ledger_id", width=11, printed=False),
)

VOUCHER_WIDTH_LIMITS = {"text": (38.0, 60.0), "role": (12.0, 16.0)}
"""Columns of *Vouchers* that are as wide as their longest value: least and greatest width."""

MONEY_COLUMNS = {
    "ledger": LEDGER_SHEET_COLUMNS,
    "payouts_bank": PAYOUT_SHEET_COLUMNS,
    "cutoff": CUT_OFF_SHEET_COLUMNS,
    "vouchers": VOUCHER_SHEET_COLUMNS,
    "radar": RADAR_SHEET_COLUMNS,
}
"""Columns by sheet."""

CLEARING_BLOCK_COLUMNS = (
    ("line_name", _column("item_name")),
    ("msn", _column("msn")),
    ("currency", _column("currency")),
    ("amount_minor", _column("account_minor", "money")),
    ("off_balance_minor", _column("item_minor", "money")),
    ("item_minor", _column("unexplained_minor", "money")),
    ("payout_number", _column("payout_number")),
    ("item_date", _column("item_date", "date")),
    ("ledger_id", _column("ledger_id", printed=False)),
)

REFUND_BLOCK_COLUMNS = (
    ("line_name", _column("stage_name")),
    ("what", _column("order_number")),
    ("msn", _column("msn")),
    ("currency", _column("currency")),
    ("amount_minor", _column("amount_minor", "money")),
    ("off_balance_minor", _column("promised_date", "date")),
    ("item_minor", _column("made_date", "date")),
    ("proof", _column("ledger_date", "date")),
    ("reference", _column("reference")),
    ("payout_number", _column("age_days", "count")),
    ("item_date", _column("overdue", "flag")),
    ("ledger_id", _column("next_step", printed=False)),
)

VAT_BLOCK_COLUMNS = (
    ("voucher_number", _column("rate_name")),
    ("voucher_date", _column("orders", "count")),
    ("account", _column("orders_without_vat", "count")),
    ("text", _column("result_name")),
    ("currency", _column("currency")),
    ("debit_minor", _column("expected_vat_minor", "money")),
    ("credit_minor", _column("captured_vat_minor", "money")),
    ("role", _column("difference_minor", "money")),
    ("status", _column("rounding_bound_minor", "money")),
    ("msn", _column("msn")),
    ("payout_number", _column("captured_minor", "money")),
)

BLOCK_COLUMNS = {
    "clearing": CLEARING_BLOCK_COLUMNS,
    "refunds": REFUND_BLOCK_COLUMNS,
    "vat": VAT_BLOCK_COLUMNS,
}
"""Block below the rows of a sheet to its columns, each with the column of the sheet that it stands in."""

NOT_SUMMED = ("balance_after_minor",)
"""Amounts whose sum means nothing."""

WITHOUT_TOTALS = ("vat",)
"""Blocks whose rows are not added: some of them are not compared."""
