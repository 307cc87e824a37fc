"""Build ledger entries, payouts, bank lines and events of an invented ledger, in minor units."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.dates import to_day_number

MSN = "123456"
LEDGER = "302321"


class LedgerMonth:
    """A ledger that keeps its own balances, with the payouts and bank lines that follow from it."""

    def __init__(self, opening: int = 0, currency: str = "NOK") -> None:
        self.balances = {"funds": opening, "fees": 0}
        self.currency = currency
        self.entries: list[dict[str, Any]] = []
        self.payouts: list[dict[str, Any]] = []
        self.bank: list[dict[str, Any]] = []
        self.matches: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.number = 2000000

    def add(
        self, day: date, kind: str, amount: int, reference: str | None = None, topic: str = "funds"
    ) -> str:
        """Add an entry and return its pspReference."""
        before = self.balances[topic]
        self.balances[topic] += amount
        psp = f"psp-{len(self.entries) + 1}"
        start = datetime(day.year, day.month, day.day, 10, tzinfo=UTC)
        self.entries.append(
            {
                **{"ledger_id": LEDGER, "msn": MSN, "topic": topic, "psp_reference": psp},
                **{"reference": reference, "entry_type": kind},
                "entry_at": start + timedelta(seconds=len(self.entries)),
                **{"ledger_date": day, "currency": self.currency, "amount_minor": amount},
                **{"balance_before_minor": before, "balance_after_minor": before + amount},
                **{"source_file": None, "source_row": None},
            }
        )
        return psp

    def add_payment(
        self, day: date, name: str, amount: int, reference: str, booked: date | None = None
    ) -> None:
        """Add a capture or refund as an event, and on the ledger of the same or another day."""
        kind = {"CAPTURED": "capture", "REFUNDED": "refund"}[name]
        signed = amount if name == "CAPTURED" else -amount
        psp = self.add(booked or day, kind, signed, reference)
        self.add_event(day, name, amount, reference, psp)

    def add_event(self, day: date, name: str, amount: int, reference: str, psp: str) -> None:
        """Add a successful event."""
        self.events.append(
            {
                **{"msn": MSN, "reference": reference, "psp_reference": psp, "name": name},
                **{"amount_minor": amount, "currency": self.currency},
                "event_at": datetime(day.year, day.month, day.day, 10, tzinfo=UTC),
                "event_day": to_day_number(day),
                **{"idempotency_key": None, "success": True},
            }
        )

    def pay_out(self, day: date, in_bank: date | None = None, amount: int | None = None) -> str:
        """Pay out the balance, and book it in the bank; return the payout's number."""
        paid = self.balances["funds"] if amount is None else amount
        self.number += 1
        number = str(self.number)
        self.add(day, "payout-scheduled", -paid, f"Utb. {number} Vippsnr {MSN}")
        self.entries[-1]["psp_reference"] = f"{LEDGER}-{number}"
        self.payouts.append(
            {
                **{"ledger_id": LEDGER, "msn": MSN, "payout_number": number, "ledger_date": day},
                **{"currency": self.currency, "amount_minor": paid, "status": "scheduled"},
            }
        )
        if in_bank is not None:
            self.book(number, in_bank, paid)
        return number

    def book(self, number: str, day: date, amount: int, *, proposed: bool = False) -> None:
        """Book a bank line for a payout."""
        row = len(self.bank) + 1
        place = {"source_file": "bank.xml", "source_row": row, "currency": self.currency}
        self.bank.append(
            {"booked_date": day, "amount_minor": amount, "text": f"Utb. {number}", **place}
        )
        self.matches.append(
            {
                **{"ledger_id": LEDGER, "msn": MSN, "payout_number": number, **place},
                **{"amount_minor": amount, "matched_by": "reference", "proposed": proposed},
            }
        )

    def frame(self, schema: schemas.Frame, rows: list[dict[str, Any]]) -> pl.DataFrame:
        """Return rows as a frame of a schema; what a row lacks is empty."""
        return schemas.cast_to_schema(
            pl.DataFrame(
                [{name: row.get(name) for name in schema.names} for row in rows],
                schema=schemas.polars_schema(schema),
            ),
            schema,
        )

    @property
    def inputs(self) -> dict[str, pl.DataFrame]:
        """The frames by the names of the arguments that take them."""
        return {
            "ledger_entries": self.frame(schemas.LEDGER_ENTRIES, self.entries),
            "payouts": self.frame(schemas.PAYOUTS, self.payouts),
            "bank_lines": self.frame(schemas.BANK_LINES, self.bank),
            "payout_matches": pl.DataFrame(
                self.matches,
                schema={
                    **{"ledger_id": pl.String, "msn": pl.String, "payout_number": pl.String},
                    **{"currency": pl.String, "source_file": pl.String, "source_row": pl.Int64},
                    **{"amount_minor": pl.Int64, "matched_by": pl.String, "proposed": pl.Boolean},
                },
            ),
        }

    @property
    def event_frame(self) -> pl.DataFrame:
        """The events."""
        return self.frame(schemas.EVENTS, self.events)


def october() -> LedgerMonth:
    """Return two days of sales, a refund, fees, and two payouts, of which one is in the bank.

    30 October: 1,000.00 and 500.00 captured, 100.00 refunded, 14.00 fee; paid out, in the bank on the
    3rd. 31 October: 200.00 captured; paid out on that day with 1.98 fee. 1 November: 300.00 captured.
    """
    month = LedgerMonth()
    friday, saturday, sunday = date(2026, 10, 30), date(2026, 10, 31), date(2026, 11, 1)
    month.add_payment(friday, "CAPTURED", 100000, "order-1")
    month.add_payment(friday, "CAPTURED", 50000, "order-2")
    month.add_payment(friday, "REFUNDED", 10000, "order-2")
    month.add(friday, "fees-retained", -1400)
    month.pay_out(friday, date(2026, 11, 3))
    month.add_payment(saturday, "CAPTURED", 20000, "order-3")
    month.add(saturday, "fees-retained", -198)
    month.pay_out(saturday)
    month.add_payment(sunday, "CAPTURED", 30000, "order-4")
    return month
