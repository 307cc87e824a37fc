"""Build ledger entries as frames: a running balance, and payouts numbered from 2000001."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from vippsrecon import schemas

LEDGER, MSN, FIRST_DAY = "302321", "123456", date(2026, 10, 1)


def make_entry(entry_type: str, amount: int, before: int | None, **changed: Any) -> dict[str, Any]:
    """Return one entry of the funds ledger; a balance of None is not stated."""
    return {
        "ledger_id": LEDGER,
        "msn": MSN,
        "topic": "funds",
        "psp_reference": f"psp-{entry_type}-{amount}-{before}",
        "reference": None,
        "entry_type": entry_type,
        "entry_at": datetime(2026, 10, 1, 10, tzinfo=UTC),
        "ledger_date": FIRST_DAY,
        "currency": "NOK",
        "amount_minor": amount,
        "balance_before_minor": before,
        "balance_after_minor": None if before is None else before + amount,
        "source_file": None,
        "source_row": None,
    } | changed


def make_payout(number: int, amount: int, **changed: Any) -> dict[str, Any]:
    """Return the entry of a payout, which takes the balance to zero."""
    return make_entry(
        "payout-scheduled",
        -amount,
        amount,
        psp_reference=f"{LEDGER}-{number}",
        reference=f"Utb. {number} Vippsnr {MSN}",
        **changed,
    )


def make_frame(*entries: dict[str, Any]) -> pl.DataFrame:
    """Return entries as a frame that fits its schema."""
    frame = pl.DataFrame(list(entries), schema=schemas.polars_schema(schemas.LEDGER_ENTRIES))
    valid: pl.DataFrame = schemas.validate(frame, schemas.LEDGER_ENTRIES)
    return valid
