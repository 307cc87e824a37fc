"""Define what a ledger is made of: operations, entries and payouts, in minor units."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from vippsrecon.scenario.calendar import format_utc
from vippsrecon.scenario.sales_units import ScenarioSalesUnit


class LedgerOperation(NamedTuple):
    """Describes what is to be entered on a ledger; sorted, they are in the order of the ledger.

    Attributes:
        unit: Position of the sales unit.
        amount: Signed, as on the ledger.
        fee: Zero or negative; of a capture.
        truth: What is expected of its payment: "" if nothing is reported, else the bucket.
        later_fee: The fee of a capture that is entered on a later day than the capture.
    """

    unit: int
    at: int
    psp_reference: str
    entry_type: str
    amount: int
    reference: str
    fee: int
    truth: str
    later_fee: int = 0


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
    """Describes a scheduled payout.

    Attributes:
        bank_date: The day it is due on the bank account.
        account: The bank account it is sent to.
        aborted: Whether it came back to the ledger.
    """

    unit: ScenarioSalesUnit
    number: int
    ledger_date: date
    bank_date: date
    amount: int
    text: str
    account: str
    aborted: bool = False


def build_ledger_answer(unit: ScenarioSalesUnit, account: str) -> dict[str, Any]:
    """Return the ledger of a sales unit in the format of the settlement API."""
    registers = {"NO": "NO:ORG", "DK": "DK:CVR", "FI": "FI:Y-tunnus"}
    business = {"scheme": f"business:{registers[unit.market]}", "id": "987654321"}
    scheme = "BBAN:NO" if unit.market == "NO" else "IBAN"
    return {
        "ledgerId": unit.ledger_id,
        "currency": unit.currency,
        "payoutBankAccount": {"scheme": scheme, "id": account},
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
