"""Store the ledgers and their entries, by date and as a feed, and book new entries.

Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from vippsrecon.simulator.clock import parse_time
from vippsrecon.simulator.payments.store import StateFile, StoredLine, read_stored_line

LEDGER_TOPICS = ("funds", "fees")
ZONE_BY_CURRENCY = {
    "NOK": "Europe/Oslo",
    "SEK": "Europe/Stockholm",
    "DKK": "Europe/Copenhagen",
    "EUR": "Europe/Helsinki",
}
PERSONAL_FIELDS = ("message", "name", "maskedPhoneNo")


@dataclass(slots=True)
class LedgerBook:
    """Holds the entries of a ledger and topic, in order and by ledger date."""

    feed: list[StoredLine] = field(default_factory=list)
    by_date: dict[str, list[StoredLine]] = field(default_factory=dict)
    balance: int = 0


class LedgerStore:
    """Stores all ledgers and their entries."""

    def __init__(self, file: StateFile | None = None) -> None:
        self.file = file
        self.ledgers: dict[str, dict[str, Any]] = {}
        self.books: dict[tuple[str, str], LedgerBook] = {}

    def add(self, ledger: dict[str, Any]) -> None:
        """Add a ledger."""
        self.ledgers[ledger["ledgerId"]] = ledger

    def keep(self, line: dict[str, Any], stored: StoredLine) -> None:
        """Append an entry."""
        entry = line["entry"]
        book = self.books.setdefault((line["ledgerId"], line["topic"]), LedgerBook())
        book.feed.append(stored)
        book.by_date.setdefault(self.find_ledger_date(line["ledgerId"], entry), []).append(stored)
        book.balance = int(entry.get("balanceAfter", book.balance + entry["amount"]))

    def find_ledger_date(self, ledger_id: str, entry: dict[str, Any]) -> str:
        """Return the ledger date of an entry; if it has none, the local day of its time."""
        if "ledgerDate" in entry:
            return str(entry["ledgerDate"])
        return parse_time(entry["time"]).astimezone(self.zone(ledger_id)).date().isoformat()

    def entries(self, stored: list[StoredLine], *, personal: bool) -> list[dict[str, Any]]:
        """Parse entries; leave out the personal fields unless `personal`."""
        entries = [read_stored_line(self.file, line)["entry"] for line in stored]
        if not personal:
            for entry in entries:
                for name in PERSONAL_FIELDS:
                    entry.pop(name, None)
        return entries

    def zone(self, ledger_id: str) -> ZoneInfo:
        """Return the time zone of a ledger's days."""
        currency = self.ledgers.get(ledger_id, {}).get("currency", "")
        return ZoneInfo(ZONE_BY_CURRENCY.get(currency, "UTC"))

    def is_open(self, ledger_id: str, day: date, now: datetime) -> bool:
        """Return whether a ledger date may still get entries."""
        ends = datetime.combine(day + timedelta(days=1), datetime.min.time(), self.zone(ledger_id))
        return now < ends.astimezone(UTC)

    def find_ledger_id(self, msn: str) -> str | None:
        """Return the ledger of a sales unit."""
        for ledger_id, ledger in self.ledgers.items():
            if f"api:{msn}" in ledger.get("settlesForRecipientHandles", ()):
                return ledger_id
        return None

    def book_operation(
        self,
        msn: str,
        entry_type: str,
        amount: int,
        *,
        psp_reference: str,
        reference: str,
        now: datetime,
    ) -> None:
        """Book a capture (+) or a refund (−) on the funds ledger of the sales unit, if any."""
        ledger_id = self.find_ledger_id(msn)
        if ledger_id is None:
            return
        book = self.books.setdefault((ledger_id, "funds"), LedgerBook())
        entry = {
            "pspReference": psp_reference,
            "time": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "ledgerDate": now.astimezone(self.zone(ledger_id)).date().isoformat(),
            "entryType": entry_type,
            "reference": reference,
            "currency": self.ledgers[ledger_id].get("currency", ""),
            "amount": amount,
            "balanceBefore": book.balance,
            "balanceAfter": book.balance + amount,
            "recipientHandle": f"api:{msn}",
        }
        line = {"ledgerId": ledger_id, "topic": "funds", "entry": entry}
        self.keep(line, orjson.dumps(line))
