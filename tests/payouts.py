"""Build payouts, bank lines and ledger entries for tests."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from vippsrecon import schemas

LEDGER, MSN, CURRENCY = "302321", "698382", "NOK"
FIRST_DAY = date(2026, 10, 5)
AS_OF = date(2026, 11, 5)
STATEMENT = {"": (date(2026, 10, 1), date(2026, 11, 4))}


def make_payout(number: int | str = 2000591, **changes: Any) -> dict[str, Any]:
    """Return one payout; it arrives three days after its last accounting day."""
    msn = changes.get("msn", MSN)
    day = changes.get("ledger_date", FIRST_DAY)
    return {
        "ledger_id": LEDGER,
        "msn": MSN,
        "payout_number": str(number),
        "ledger_date": day,
        "currency": CURRENCY,
        "amount_minor": 100_000,
        "expected_bank_date": day + timedelta(days=3),
        "status": "scheduled",
        "account": None,
        "bank_text": f"Utb. {number} Vippsnr {msn}",
        "source_file": None,
        "source_row": None,
        **changes,
    }


def make_bank_line(row: int = 1, **changes: Any) -> dict[str, Any]:
    """Return one bank line, by default the credit of `make_payout()`."""
    return {
        "account": None,
        "booked_date": FIRST_DAY + timedelta(days=3),
        "value_date": None,
        "currency": CURRENCY,
        "amount_minor": 100_000,
        "text": "Utb. 2000591 Vippsnr 698382",
        "bank_reference": None,
        "source_file": "bank.csv",
        "source_row": row,
        **changes,
    }


def make_entry(entry_type: str, amount_minor: int, **changes: Any) -> dict[str, Any]:
    """Return one entry of the funds ledger."""
    return {
        "ledger_id": LEDGER,
        "msn": MSN,
        "topic": "funds",
        "psp_reference": None,
        "reference": None,
        "entry_type": entry_type,
        "entry_at": None,
        "ledger_date": FIRST_DAY,
        "currency": CURRENCY,
        "amount_minor": amount_minor,
        "balance_before_minor": None,
        "balance_after_minor": None,
        "source_file": None,
        "source_row": None,
        **changes,
    }


def add_balances(entries: list[dict[str, Any]], opening: int = 0) -> list[dict[str, Any]]:
    """Return the entries with an unbroken chain of balances, in their order."""
    chained = []
    balance = opening
    for entry in entries:
        after = balance + entry["amount_minor"]
        chained.append(entry | {"balance_before_minor": balance, "balance_after_minor": after})
        balance = after
    return chained


def build_frame(rows: list[dict[str, Any]], schema: schemas.Frame) -> pl.DataFrame:
    """Return rows as a valid Polars frame of a schema."""
    frame = pl.DataFrame(rows, schema=schemas.polars_schema(schema), orient="row")
    return schemas.cast_to_schema(frame, schema)


def at(day: date, hour: int = 12) -> datetime:
    """Return a time of a day, in UTC."""
    from datetime import UTC

    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
