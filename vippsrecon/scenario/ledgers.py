"""Keep the funds and fees ledgers of every sales unit, and close them day by day with payouts.

Net settlement: `funds` holds captures and refunds. At midnight the fees of the day are retained and
the rest is scheduled for payout; a negative balance is carried forward. `fees` holds one fee per
capture. Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from vippsrecon.scenario.api_shapes import get_psp_reference
from vippsrecon.scenario.calendar import (
    add_bank_days,
    compute_midnight_after,
    find_local_day,
    format_utc,
)
from vippsrecon.scenario.models import ScenarioPayment
from vippsrecon.scenario.sales_units import ScenarioSalesUnit

FIRST_PAYOUT_NUMBER = 2_000_001
BANK_DAYS = {"NO": 3, "DK": 2, "FI": 2}
"""Bank days from the ledger date to the booking on the bank account."""

_FEE_BASIS_POINTS = 199
_FIXED_FEE = {"NOK": 100, "DKK": 70, "EUR": 10}
_ENTRY_TYPE_BY_EVENT = {"CAPTURED": "capture", "REFUNDED": "refund"}


class ScenarioLedgerEntry(NamedTuple):
    """Describes a ledger entry in minor units. `fee` (negative) is for the settlement report only."""

    unit: ScenarioSalesUnit
    topic: str
    psp_reference: str
    time: int
    ledger_date: date
    entry_type: str
    reference: str
    amount: int
    before: int
    handle: str
    fee: int = 0

    def answer(self) -> dict[str, Any]:
        """Return the entry in the format of the Report API."""
        return {
            "pspReference": self.psp_reference,
            "time": f"{format_utc(self.time)}.000000Z",
            "ledgerDate": self.ledger_date.isoformat(),
            "entryType": self.entry_type,
            "reference": self.reference,
            "currency": self.unit.currency,
            "amount": self.amount,
            "balanceBefore": self.before,
            "balanceAfter": self.before + self.amount,
            "recipientHandle": self.handle,
        }


class Payout(NamedTuple):
    """Describes a scheduled payout; `bank_date` is the day it is booked on the bank account."""

    unit: ScenarioSalesUnit
    number: int
    ledger_date: date
    bank_date: date
    amount: int
    text: str


def build_ledger_answer(unit: ScenarioSalesUnit) -> dict[str, Any]:
    """Return the ledger of a sales unit in the format of the settlement API."""
    registers = {"NO": "NO:ORG", "DK": "DK:CVR", "FI": "FI:Y-tunnus"}
    business = {"scheme": f"business:{registers[unit.market]}", "id": "987654321"}
    scheme = "BBAN:NO" if unit.market == "NO" else "IBAN"
    return {
        "ledgerId": unit.ledger_id,
        "currency": unit.currency,
        "payoutBankAccount": {"scheme": scheme, "id": unit.account},
        "owner": business,
        "settlesForRecipientHandles": [f"api:{unit.msn}"],
        "salesUnits": [
            {
                "name": unit.name,
                "recipientHandle": f"api:{unit.msn}",
                "businessIdentifier": business,
            }
        ],
    }


def format_payout_text(unit: ScenarioSalesUnit, number: int, day: date) -> str:
    """Return the text of a payout on the bank statement.

    In Norway it holds the numbers of payout and sales unit; in Denmark and Finland twenty digits
    that end in the 7-3-1 check digit of Finnish references.

    >>> from vippsrecon.scenario.sales_units import make_sales_units
    >>> format_payout_text(make_sales_units(["NOK"])[0], 2000001, date(2026, 10, 1))
    'Utb. 2000001 Vippsnr 123456'
    """
    if unit.market == "NO":
        return f"Utb. {number} Vippsnr {unit.msn}"
    digits = f"02{unit.msn:0>8}001{day:%d%m%y}"
    return digits + compute_check_digit(digits)


def compute_check_digit(digits: str) -> str:
    """Return the 7-3-1 check digit of a Finnish reference number.

    >>> compute_check_digit("0200830577001040224")
    '1'
    """
    total = sum(int(digit) * (7, 3, 1)[place % 3] for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


class ScenarioLedgers:
    """Holds all ledgers of the month, with the entries of open days only."""

    def __init__(self, units: Sequence[ScenarioSalesUnit]) -> None:
        self._units = units
        self._operations_by_day: defaultdict[date, list[tuple[int, int, str, str, int, str]]]
        self._operations_by_day = defaultdict(list)
        self._balances = dict.fromkeys(units, 0)
        self._next_payout_numbers = dict.fromkeys(units, FIRST_PAYOUT_NUMBER)

    def note(self, payment: ScenarioPayment) -> None:
        """Store the captures and refunds of a payment until their day is closed."""
        unit = payment.unit
        for position, event in enumerate(payment.events):
            if event.success and event.name in _ENTRY_TYPE_BY_EVENT:
                self._operations_by_day[find_local_day(event.at, unit.market)].append(
                    (
                        unit.position,
                        event.at,
                        get_psp_reference(payment, position),
                        _ENTRY_TYPE_BY_EVENT[event.name],
                        event.amount,
                        payment.reference,
                    )
                )

    def list_unclosed_days(self, last: date) -> list[date]:
        """Return the days up to and including `last` that hold entries and are not closed."""
        return sorted(day for day in self._operations_by_day if day <= last)

    def close(self, day: date) -> tuple[list[ScenarioLedgerEntry], list[Payout]]:
        """Close a day; return its entries, ledger by ledger, and its payouts."""
        entries: list[ScenarioLedgerEntry] = []
        payouts: list[Payout] = []
        by_unit = self._take(day)
        for unit in self._units:
            funds, fees, payout = self._close_unit(unit, day, by_unit[unit.position])
            entries += funds + fees
            payouts += [payout] if payout else []
        return entries, payouts

    def build_unclosed_entries(self, day: date) -> list[ScenarioLedgerEntry]:
        """Return the entries of a day that has not ended: no fees retained, no payout."""
        by_unit = self._take(day)
        entries: list[ScenarioLedgerEntry] = []
        for unit in self._units:
            funds, fees = self._build_operation_entries(unit, day, by_unit[unit.position])
            entries += funds + fees
        return entries

    def _take(self, day: date) -> list[list[tuple[int, int, str, str, int, str]]]:
        by_unit: list[list[tuple[int, int, str, str, int, str]]] = [[] for _ in self._units]
        for row in sorted(self._operations_by_day.pop(day, ())):
            by_unit[row[0]].append(row)
        return by_unit

    def _build_operation_entries(
        self, unit: ScenarioSalesUnit, day: date, rows: list[tuple[int, int, str, str, int, str]]
    ) -> tuple[list[ScenarioLedgerEntry], list[ScenarioLedgerEntry]]:
        handle = f"api:{unit.msn}"
        funds: list[ScenarioLedgerEntry] = []
        fees: list[ScenarioLedgerEntry] = []
        balance, owed = self._balances[unit], 0
        for _, at, psp, entry_type, amount, reference in rows:
            signed, fee = (
                (amount, -_compute_fee(amount, unit)) if entry_type == "capture" else (-amount, 0)
            )
            funds.append(
                ScenarioLedgerEntry(
                    unit, "funds", psp, at, day, entry_type, reference, signed, balance, handle, fee
                )
            )
            balance += signed
            if fee:
                fees.append(
                    ScenarioLedgerEntry(
                        unit, "fees", psp, at, day, "capture-fee", reference, fee, owed, handle
                    )
                )
                owed += fee
        self._balances[unit] = balance
        return funds, fees

    def _close_unit(
        self, unit: ScenarioSalesUnit, day: date, rows: list[tuple[int, int, str, str, int, str]]
    ) -> tuple[list[ScenarioLedgerEntry], list[ScenarioLedgerEntry], Payout | None]:
        funds, fees = self._build_operation_entries(unit, day, rows)
        midnight = compute_midnight_after(day, unit.market)
        owed = -sum(entry.amount for entry in fees)
        balance = self._balances[unit]
        if owed:
            psp = f"{unit.ledger_id}-{day:%Y%m%d}"
            retained = ScenarioLedgerEntry(
                unit, "funds", psp, midnight, day, "fees-retained", "", -owed, balance, ""
            )
            funds.append(retained)
            fees.append(retained._replace(topic="fees", amount=owed, before=-owed))
            balance -= owed
        payout = None
        if balance > 0:
            number = self._next_payout_numbers[unit]
            self._next_payout_numbers[unit] += 1
            text = format_payout_text(unit, number, day)
            psp = f"{unit.ledger_id}-{number}"
            funds.append(
                ScenarioLedgerEntry(
                    unit,
                    "funds",
                    psp,
                    midnight,
                    day,
                    "payout-scheduled",
                    text,
                    -balance,
                    balance,
                    "",
                )
            )
            arrives = add_bank_days(day, BANK_DAYS[unit.market])
            payout = Payout(unit, number, day, arrives, balance, text)
            balance = 0
        self._balances[unit] = balance
        return funds, fees, payout


def _compute_fee(amount: int, unit: ScenarioSalesUnit) -> int:
    return (amount * _FEE_BASIS_POINTS + 5000) // 10000 + _FIXED_FEE[unit.currency]
