"""The columns of the workbooks of outcomes: a run's, and those of the auditor's workbook.

A column of `schemas.OUTCOMES` has one heading, kind and width here, whichever workbook shows it.
"""

from __future__ import annotations

from typing import NamedTuple

from vippsrecon.schemas import OUTCOMES
from vippsrecon.spreadsheet.sheets import CellKind, SheetColumn


class _Appearance(NamedTuple):
    heading: str
    kind: CellKind = "text"
    width: float = 12


_AGGREGATE_NAMES = ("authorized", "captured", "refunded", "cancelled")
_APPEARANCES = {
    "plan_id": _Appearance("Plan", width=36),
    "row": _Appearance("Row", "count", 6),
    "verb": _Appearance("Verb", width=8),
    "msn": _Appearance("Sales unit", width=9.5),
    "reference": _Appearance("Reference", width=22),
    "order_number": _Appearance("Order", width=13),
    "currency": _Appearance("Currency", width=8.5),
    "amount_minor": _Appearance("Amount", "money", 13),
    "outcome": _Appearance("Outcome"),
    "sentence": _Appearance("What became of it", "wrapped", 46),
    "status": _Appearance("Status", "count", 8),
    "code": _Appearance("Code", width=8),
    "trace_id": _Appearance("Trace", width=38),
    "psp_reference": _Appearance("PSP reference", width=38),
    "event_at": _Appearance("Event (UTC)", "moment", 18),
    "booking_date": _Appearance("Booking day", "date", 11),
    **{
        f"{name}_{when}_minor": _Appearance(f"{name.capitalize()} {when}", "money", 13)
        for name in _AGGREGATE_NAMES
        for when in ("before", "after")
    },
    "reason": _Appearance("Reason", width=15),
    "note": _Appearance("Note", width=24),
    "document_ref": _Appearance("Document", width=15),
    "vat_minor": _Appearance("VAT", "money", 11),
    "discrepancy_id": _Appearance("Discrepancy", width=40),
    "planner": _Appearance("Planner", width=15),
    "approver": _Appearance("Approver", width=15),
    "carrier": _Appearance("Carried out by", width=15),
    "idempotency_key": _Appearance("Idempotency key", "mono", 40),
    "credit_note_needed": _Appearance("Credit note needed", "flag", 11),
    "shop_to_update": _Appearance("Shop to update", "flag", 9.5),
    "customer_notice": _Appearance("Tell the customer", width=60),
    "flags": _Appearance("Flags", width=14),
}
"""How a sheet shows each column of `schemas.OUTCOMES`."""

_DESCRIPTIONS = {column.name: column.about for column in OUTCOMES.columns}


def _show(*names: str, printed: bool = True) -> tuple[SheetColumn, ...]:
    """Return columns of `schemas.OUTCOMES` as a sheet shows them."""
    return tuple(
        SheetColumn(name, *_APPEARANCES[name], _DESCRIPTIONS[name], printed) for name in names
    )


def _show_unprinted(*names: str) -> tuple[SheetColumn, ...]:
    return _show(*names, printed=False)


_TOTALS_BEFORE, _TOTALS_AFTER = (
    tuple(f"{name}_{when}_minor" for name in _AGGREGATE_NAMES) for when in ("before", "after")
)

RUN_OUTCOME_COLUMNS = (
    *_show("outcome", "row", "order_number", "reference", "msn", "currency", "amount_minor"),
    *_show("sentence"),
    *_show_unprinted("flags"),
    *_show("booking_date", "document_ref", "credit_note_needed", "shop_to_update"),
    *_show_unprinted("customer_notice", "reason", "note", "vat_minor", "psp_reference", "event_at"),
    *_show_unprinted(
        *(name for pair in zip(_TOTALS_BEFORE, _TOTALS_AFTER, strict=True) for name in pair)
    ),
    *_show_unprinted("planner", "approver", "carrier", "status", "code", "trace_id"),
    *_show_unprinted("discrepancy_id", "idempotency_key"),
)

JOURNAL_OUTCOME_COLUMNS = (
    *_show("plan_id", "row", "verb", "outcome", "order_number", "reference", "msn", "currency"),
    *_show("amount_minor", "booking_date", "reason", "document_ref", "sentence"),
    *_show("planner", "approver", "carrier"),
    SheetColumn("settled_by", "Said by", width=13, printed=False),
    *_show_unprinted("note", "vat_minor", "discrepancy_id", "psp_reference", "event_at"),
    SheetColumn("intended_at", "Intended (UTC)", "moment", 18, printed=False),
    SheetColumn("decided_at", "Decided (UTC)", "moment", 18, printed=False),
    *_show_unprinted(*_TOTALS_BEFORE, *_TOTALS_AFTER, "idempotency_key"),
    SheetColumn("digest", "Digest of the plan", "mono", 68, printed=False),
    SheetColumn("source_name", "Made from", width=24, printed=False),
    SheetColumn("source_sha256", "SHA-256 of that file", "mono", 68, printed=False),
    SheetColumn("seq", "Entry", "count", 8, printed=False),
    SheetColumn("hash", "Hash of the entry", "mono", 68, printed=False),
)

ENTRY_COLUMNS = (
    *_show("plan_id"),
    SheetColumn("seq", "Entry", "count", 8),
    SheetColumn("at", "At (UTC)", width=24),
    SheetColumn("kind", "Kind", width=12),
    *_show("row", "reference", "msn", "currency", "amount_minor"),
    SheetColumn("description", "What it says", "wrapped", 60),
    *_show_unprinted(*_TOTALS_BEFORE, *_TOTALS_AFTER, "idempotency_key", "verb"),
    SheetColumn("environment", "Environment", width=11, printed=False),
    SheetColumn("epoch", "Epoch", "count", 7, printed=False),
    SheetColumn("detail", "Detail, as it was hashed", "mono", 60, printed=False),
    SheetColumn("previous_hash", "Previous hash", "mono", 68, printed=False),
    SheetColumn("hash", "Hash", "mono", 68, printed=False),
)
