"""Define the columns of each sheet: order, kind of values and width.

Their headings and meanings are in the catalogues of `vippsrecon.texts`, by sheet and column.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vippsrecon.reconciliation.results.groups import LARGE_GROUP_ROWS
from vippsrecon.report.money.columns import BLOCK_COLUMNS, MONEY_COLUMNS
from vippsrecon.spreadsheet.columns import TableColumn
from vippsrecon.texts import find_text, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vippsrecon.spreadsheet.columns import TableColumnKind


def _column(
    name: str,
    kind: TableColumnKind = "text",
    *,
    width: float = 12,
    printed: bool = True,
    hidden: bool = False,
) -> TableColumn:
    return TableColumn("", name, kind, width, hidden=hidden, printed=printed)


DISCREPANCY_SHEET_COLUMNS = (
    _column("severity", width=8),
    _column("kind", width=21),
    _column("order_number", width=9),
    _column("reference", width=16),
    _column("expected_minor", "money", width=13),
    _column("actual_minor", "money", width=13),
    _column("at_risk_minor", "money", width=13),
    _column("age_days", "count", width=5),
    _column("cause", "wrapped", width=28),
    _column("next_step", "wrapped", width=28),
    _column("owner", "input", width=9),
    _column("decision", "input", width=9),
    _column("note", "input", width=16),
    _column("proposal", width=9.5, printed=False),
    _column("proposal_minor", "money", width=14, printed=False),
    _column("difference_minor", "money", width=14, printed=False),
    _column("msn", width=10.5, printed=False),
    _column("currency", width=8.5, printed=False),
    _column("first_seen_date", "date", width=11, printed=False),
    _column("flags", width=24, printed=False),
    _column("group", printed=False),
    _column("discrepancy_id", width=20, hidden=True),
    _column("msn_key", width=20, hidden=True),
    _column("reference_key", width=20, hidden=True),
    _column("row_hash", width=20, hidden=True),
    _column("item_status", width=13, printed=False),
    _column("payout_number", width=11, printed=False),
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
    _column("state", width=13, printed=False),
    _column("authorized_minor", "money", printed=False),
    _column("captured_minor", "money", printed=False),
    _column("refunded_minor", "money", printed=False),
    _column("cancelled_minor", "money", printed=False),
    _column("fetched_at", "moment", width=17, printed=False),
)
"""The payment of a discrepancy, in a workbook without the sheet Payments. The headings are those of
Payments, because plans are made from them."""

PAIR_SHEET_COLUMNS = (
    _column("order_number", width=13),
    _column("reference", width=20),
    _column("msn", width=13),
    _column("currency", width=8.5),
    _column("ordered_day", "day", width=10.5),
    _column("status", width=10),
    _column("total_minor", "money"),
    _column("shop_refunded_minor", "money"),
    _column("state", width=13),
    _column("authorized_minor", "money"),
    _column("captured_minor", "money"),
    _column("refunded_minor", "money"),
    _column("cancelled_minor", "money"),
    _column("kind", width=25),
    _column("meaning", width=36),
    _column("flags", width=24, printed=False),
)

CHANGE_SHEET_COLUMNS = (
    _column("change", width=13),
    _column("kind", width=23),
    _column("order_number", width=13),
    _column("reference", width=20),
    _column("msn", width=13),
    _column("currency", width=8.5),
    _column("at_risk_then_minor", "money", width=14),
    _column("at_risk_minor", "money", width=14),
    _column("at_risk_change_minor", "money", width=14),
    _column("owner", "wrapped", width=11),
    _column("decision", width=10),
    _column("note", "wrapped", width=20),
    _column("what", "wrapped", width=40),
    _column("discrepancy_id", width=20, hidden=True),
    _column("item_status", width=17),
    _column("first_seen_date", "date", width=11),
    _column("last_seen_date", "date", width=11),
    _column("payout_number", width=11),
)

OPEN_ITEM_SHEET_COLUMNS = (
    _column("item_status", width=17),
    _column("kind", width=23),
    _column("order_number", width=13),
    _column("reference", width=20),
    _column("msn", width=13),
    _column("currency", width=8.5),
    _column("open_minor", "money", width=14),
    _column("left_minor", "money", width=14),
    _column("age_days", "count", width=8),
    _column("first_seen_date", "date", width=11),
    _column("last_seen_date", "date", width=11),
    _column("status_at", "moment", width=17),
    _column("who", "wrapped", width=14),
    _column("why", "wrapped", width=30),
    _column("until_date", "date", width=11),
    _column("closed_by", width=34),
    _column("discrepancy_id", width=20, hidden=True),
    _column("payout_number", width=11),
)

RESTATEMENT_SHEET_COLUMNS = (
    _column("period", width=9),
    _column("side_name", width=17),
    _column("msn", width=13),
    _column("reference", width=22),
    _column("currency", width=8.5),
    _column("before_minor", "money", width=13),
    _column("after_minor", "money", width=13),
    _column("difference_minor", "money", width=13),
    _column("change_name", width=10),
    _column("cause", "wrapped", width=40),
    _column("before_detail", width=18, printed=False),
    _column("after_detail", width=18, printed=False),
    _column("fact_key", width=44, printed=False),
)

PAYMENT_SHEET_COLUMNS = (
    _column("reference", width=20),
    _column("msn", width=13),
    _column("currency", width=8.5),
    _column("state", width=13),
    _column("amount_minor", "money"),
    _column("authorized_minor", "money"),
    _column("captured_minor", "money"),
    _column("refunded_minor", "money"),
    _column("cancelled_minor", "money"),
    _column("payment_method", width=10),
    _column("created_day", "day", width=10.5),
    _column("discovered_by", width=11),
    _column("bucket", width=11),
    _column("kind", width=25),
    _column("created_at", "moment", width=17, printed=False),
    _column("authorized_at", "moment", width=17, printed=False),
    _column("capture_guaranteed_until_at", "moment", width=17, printed=False),
    _column("fetched_at", "moment", width=17, printed=False),
    _column("flags", width=24, printed=False),
    _column("psp_reference", width=38, printed=False),
)

EVENT_SHEET_COLUMNS = (
    _column("reference", width=20),
    _column("msn", width=13),
    _column("name", width=14),
    _column("currency", width=8.5),
    _column("amount_minor", "money"),
    _column("success", width=10),
    _column("event_day", "day", width=10.5),
    _column("event_at", "moment", width=18),
    _column("psp_reference", width=38),
    _column("idempotency_key", width=38, printed=False),
)

ORDER_SHEET_COLUMNS = (
    _column("order_number", width=13),
    _column("reference", width=20),
    _column("msn", width=13),
    _column("currency", width=8.5),
    _column("total_minor", "money"),
    _column("refunded_minor", "money"),
    _column("status", width=10),
    _column("paid", width=9),
    _column("payment_method", width=14),
    _column("ordered_day", "day", width=10.5),
    _column("bucket", width=11),
    _column("kind", width=25),
    _column("source_file", width=20),
    _column("source_row", "count", width=8),
    _column("ordered_at", "moment", width=17, printed=False),
    _column("fulfilled_at", "moment", width=17, printed=False),
    _column("refunded_at", "moment", width=17, printed=False),
    _column("exported_at", "moment", width=17, printed=False),
    _column("vat_minor", "money", printed=False),
    _column("store", width=14, printed=False),
    _column("flags", width=24, printed=False),
)

REJECT_AND_FAILURE_SHEET_COLUMNS = (
    _column("what", width=13),
    _column("msn", width=11),
    _column("reference", width=24),
    _column("source_file", width=22),
    _column("source_row", "count", width=8),
    _column("column", width=16),
    _column("value", "wrapped", width=22),
    _column("reason", "wrapped", width=36),
    _column("status", "count", width=7),
    _column("operation", width=19),
    _column("detail", width=60, printed=False),
    _column("trace_id", width=26, printed=False),
)

_COLUMNS = {
    "discrepancies": DISCREPANCY_SHEET_COLUMNS,
    "open_items": OPEN_ITEM_SHEET_COLUMNS,
    "changed": CHANGE_SHEET_COLUMNS,
    "restatement": RESTATEMENT_SHEET_COLUMNS,
    "matched": PAIR_SHEET_COLUMNS,
    "timing": PAIR_SHEET_COLUMNS,
    "payments": PAYMENT_SHEET_COLUMNS,
    "events": EVENT_SHEET_COLUMNS,
    "orders": ORDER_SHEET_COLUMNS,
    "rejects": REJECT_AND_FAILURE_SHEET_COLUMNS,
    **MONEY_COLUMNS,
}
_SHARED = "shared"
_EMPTY = TableColumn("", "")
_TEXTS_OF_SHEET = {"matched": "pairs", "timing": "pairs"}


def list_columns(sheet: str, *, with_payments: bool = False) -> tuple[TableColumn, ...]:
    """Return the columns of a sheet, with headings and meanings in the current language.

    Args:
        sheet: Such as "discrepancies".
        with_payments: Whether each discrepancy has the state and totals of its payment, in a workbook
            without the sheet Payments.
    """
    columns = _add_texts(_TEXTS_OF_SHEET.get(sheet, sheet), _COLUMNS[sheet])
    if not with_payments:
        return columns
    *own, status = columns
    return (
        *(column for column in own if not column.hidden),
        *_add_texts("payment_of_discrepancy", PAYMENT_OF_DISCREPANCY_COLUMNS),
        *(column for column in own if column.hidden),
        status,
    )


def list_block_columns(block: str, sheet: str) -> tuple[TableColumn, ...]:
    """Return the columns of a block below the rows of a sheet, a column for each of the sheet.

    A column of the sheet in which the block has nothing has no name.
    """
    placed = BLOCK_COLUMNS[block]
    columns = dict(
        zip(
            (place for place, _ in placed),
            _add_texts(block, (column for _, column in placed)),
            strict=True,
        )
    )
    return tuple(
        replace(columns.get(column.name, _EMPTY), width=column.width) for column in _COLUMNS[sheet]
    )


def list_headings(sheet: str) -> dict[str, str]:
    """Return column to heading of a sheet, in the current language."""
    return {column.name: column.header for column in list_columns(sheet)}


def _add_texts(section: str, columns: Iterable[TableColumn]) -> tuple[TableColumn, ...]:
    return tuple(
        replace(
            column,
            header=say(f"{_find_key(section, column.name)}.heading"),
            about=say(f"{_find_key(section, column.name)}.about", rows=LARGE_GROUP_ROWS),
        )
        for column in columns
    )


def _find_key(section: str, column: str) -> str:
    key = f"columns.{section}.{column}"
    return key if find_text(f"{key}.heading") else f"columns.{_SHARED}.{column}"
