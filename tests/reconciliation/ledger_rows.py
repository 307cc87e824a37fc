"""Build payments with their ledger entries, as the Report API has them."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.example_rows import (
    EXAMPLE_MSN,
    NOW,
    days_before_now,
    make_order_row,
    make_payment_rows,
)
from vippsrecon.reconciliation.result import build_frame, build_table
from vippsrecon.schemas import EVENTS, FAILURES, LEDGER_ENTRIES, ORDERS, PAYMENTS

LEDGER_ID = "302321"


class Ledger:
    """One month of payments and the entries of their ledger."""

    def __init__(self, msn: str = EXAMPLE_MSN, currency: str = "NOK") -> None:
        self.msn = msn
        self.currency = currency
        self.orders: list[dict[str, Any]] = []
        self.payments: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.failures: list[dict[str, Any]] = []
        self.entries: list[dict[str, Any]] = []
        self._balances: defaultdict[str, int] = defaultdict(int)

    def pay(self, reference: str, *captures: int, refund: int = 0, days: float = 10) -> None:
        """Add an order and its payment, captured this many days before now; nothing is booked."""
        payment, log = make_payment_rows(
            reference=reference,
            A=sum(captures),
            captures=captures,
            R=refund,
            authorized=days_before_now(days + 0.5),
            captured=days_before_now(days),
            refunded=days_before_now(days - 0.25),
            msn=self.msn,
            currency=self.currency,
        )
        self.payments.append(payment)
        self.events += log
        self.orders.append(
            make_order_row(
                reference=reference,
                total_minor=sum(captures),
                refunded_minor=refund,
                fulfilled_at=days_before_now(days + 0.1),
                refunded_at=days_before_now(days - 0.2) if refund else None,
                ordered_at=days_before_now(days + 0.6),
                source_row=len(self.orders) + 2,
                msn=self.msn,
                currency=self.currency,
            )
        )

    def book(self, entry_type: str, amount: int, **given: Any) -> dict[str, Any]:
        """Add an entry, ten days ago, that continues the balance of its topic."""
        topic = given.setdefault("topic", "funds")
        at = given.pop("at", None) or days_before_now(given.pop("days", 10))
        before = given.pop("before", self._balances[topic])
        entry = {
            "ledger_id": LEDGER_ID,
            "msn": self.msn,
            "psp_reference": f"entry-{len(self.entries)}",
            "reference": "",
            "entry_type": entry_type,
            "entry_at": at,
            "ledger_date": at.date(),
            "currency": self.currency,
            "amount_minor": amount,
            "balance_before_minor": before,
            "balance_after_minor": before + amount,
            "source_file": None,
            "source_row": None,
        } | given
        self._balances[topic] = before + amount
        self.entries.append(entry)
        return entry

    def book_events(self, reference: str, fee: int | None = None, **given: Any) -> None:
        """Book the captures and refunds of a payment, with this fee for each capture."""
        for event in [e for e in self.events if e["reference"] == reference and e["success"]]:
            if event["name"] not in ("CAPTURED", "REFUNDED"):
                continue
            capture = event["name"] == "CAPTURED"
            facts = {
                "reference": reference,
                "psp_reference": event["psp_reference"],
                "at": event["event_at"],
            } | given
            amount = event["amount_minor"]
            self.book("capture" if capture else "refund", amount if capture else -amount, **facts)
            if capture and fee is not None:
                self.book("capture-fee", -fee, topic="fees", **facts)

    def close(self, days: float) -> None:
        """End a day with a payout of the whole balance."""
        at = days_before_now(days)
        self.book(
            "payout-scheduled",
            -self._balances["funds"],
            at=datetime(at.year, at.month, at.day, tzinfo=UTC) + timedelta(days=1),
            ledger_date=at.date(),
            psp_reference=f"{LEDGER_ID}-{2000000 + int(days)}",
        )

    def tables(self) -> list[Any]:
        """Return orders, payments, events, failures and entries as Arrow tables."""
        schemas = (ORDERS, PAYMENTS, EVENTS, FAILURES, LEDGER_ENTRIES)
        parts = (self.orders, self.payments, self.events, self.failures, self.entries)
        return [build_table(rows, schema) for rows, schema in zip(parts, schemas, strict=True)]

    def reconcile(self, **given: Any) -> Any:
        """Reconcile them as pandas frames."""
        schemas = (ORDERS, PAYMENTS, EVENTS, FAILURES)
        parts = (self.orders, self.payments, self.events, self.failures)
        frames = [build_frame(rows, schema) for rows, schema in zip(parts, schemas, strict=True)]
        entries = build_frame(self.entries, LEDGER_ENTRIES)
        return reconcile(*frames, ledger_entries=entries, **{"as_of": NOW, **given})


def describe(result: Any) -> list[str]:
    """Return the discrepancies of the ledger as text: kind, key, amounts and risk."""
    rows = result.discrepancies
    rows = rows[rows["leg"] == "payment_ledger"].astype(object)
    return sorted(
        f"{row.discrepancy_id} {_text(row.expected_minor)} → {_text(row.actual_minor)}, "
        f"at risk {row.at_risk_minor}, {row.severity}"
        for row in rows.itertuples()
    )


def list_buckets(result: Any) -> dict[str, str]:
    """Return row key of each ledger entry to bucket and kind."""
    rows = result.buckets
    rows = rows[rows["side"] == "ledger_entries"]
    return {row.row_key: f"{row.bucket} {row.kind}".strip() for row in rows.itertuples()}


def list_bridge(result: Any, leg: str = "ledger") -> dict[str, int]:
    """Return line to amount of a leg of the bridge, of the only sales unit and currency."""
    rows = result.bridge
    return {r.line: r.amount_minor for r in rows[rows["leg"] == leg].itertuples()}


def _text(amount: Any) -> str:
    return "–" if amount is pd.NA else str(amount)


def day(text: str) -> date:
    """Return a day."""
    return date.fromisoformat(text)
