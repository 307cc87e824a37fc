"""One worked example of each code from the ledger to the bank.

Amounts are in minor units, written as 1_299_00 for 1,299.00. `docs/payout_pages.py` compares the examples
and writes what the comparison really returned.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple

LEDGER_ID, MSN = "302321", "698382"
COMPARED_ON = date(2026, 10, 31)
FIRST_NUMBER = 2_000_591
FIRST_DAY = date(2026, 10, 19)
BANK_DAYS = timedelta(days=3)


class PayoutExample(NamedTuple):
    """The rows of one example, and its story in one or two sentences."""

    story: str
    entries: list[dict[str, Any]]
    payouts: list[dict[str, Any]]
    bank_lines: list[dict[str, Any]]


class Book:
    """Makes ledger entries, payouts and bank lines, each payout with the balance after it."""

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []
        self._payouts: list[dict[str, Any]] = []
        self._lines: list[dict[str, Any]] = []
        self._balance = 0
        self._number = FIRST_NUMBER

    def enter(self, entry_type: str, amount: int, day: int, psp: str = "") -> Book:
        """Add an entry on a ledger date, `day` days after the first."""
        self._entries.append(
            {
                "ledger_id": LEDGER_ID,
                "msn": MSN,
                "topic": "funds",
                "psp_reference": psp or f"{entry_type}-{len(self._entries) + 1}",
                "reference": None,
                "entry_type": entry_type,
                "entry_at": None,
                "ledger_date": FIRST_DAY + timedelta(days=day),
                "currency": "NOK",
                "amount_minor": amount,
                "balance_before_minor": self._balance,
                "balance_after_minor": self._balance + amount,
                "source_file": None,
                "source_row": None,
            }
        )
        self._balance += amount
        return self

    def pay(self, day: int, *, skipped: int = 0, **given: Any) -> Book:
        """Pay the balance out; `skipped` numbers before it are used elsewhere."""
        self._number += skipped
        number, amount = str(self._number), self._balance
        self._number += 1
        self.enter("payout-scheduled", -amount, day, f"{LEDGER_ID}-{number}")
        on = FIRST_DAY + timedelta(days=day)
        self._payouts.append(
            {
                "ledger_id": LEDGER_ID,
                "msn": MSN,
                "payout_number": number,
                "ledger_date": on,
                "currency": "NOK",
                "amount_minor": amount,
                "expected_bank_date": on + BANK_DAYS,
                "status": "scheduled",
                "account": "NO9386011117947",
                "bank_text": f"Utb. {number} Vippsnr {MSN}",
                "source_file": None,
                "source_row": None,
                **given,
            }
        )
        return self

    def arrive(self, amount: int, day: int, text: str) -> Book:
        """Add a line of the bank statement, booked three days after a ledger date."""
        on = FIRST_DAY + timedelta(days=day) + BANK_DAYS
        self._lines.append(
            {
                "account": "NO9386011117947",
                "booked_date": on,
                "value_date": on,
                "currency": "NOK",
                "amount_minor": amount,
                "text": text,
                "bank_reference": None,
                "source_file": "bank.csv",
                "source_row": len(self._lines) + 2,
            }
        )
        return self

    def tell(self, story: str) -> PayoutExample:
        """Return the example."""
        return PayoutExample(story, self._entries, self._payouts, self._lines)


def _text(number: int) -> str:
    return f"Utb. {number} Vippsnr {MSN}"


def _first() -> Book:
    """Return a book with one date of 2 000.00 less 40.00 in fees, paid out and in the bank."""
    book = Book().enter("capture", 2_000_00, 0).enter("fees-retained", -40_00, 0).pay(0)
    return book.arrive(1_960_00, 0, _text(FIRST_NUMBER))


PAYOUT_EXAMPLES = {
    "payout_amount_difference": Book()
    .enter("capture", 2_000_00, 0)
    .enter("fees-retained", -40_00, 0)
    .pay(0)
    .arrive(1_955_00, 0, _text(FIRST_NUMBER))
    .tell("The payout is 1 960.00. The bank credited 1 955.00 with its number: it kept 5.00."),
    "payout_aborted": _first()
    .enter("capture", 500_00, 1)
    .pay(1, status="aborted")
    .enter("payout-aborted", 500_00, 3, f"{LEDGER_ID}-{FIRST_NUMBER + 1}")
    .tell(
        "The second payout, 500.00, was scheduled and came back to the ledger two days later. No later "
        "payout has sent the money yet."
    ),
    "payout_number_gap": _first()
    .enter("capture", 700_00, 2)
    .pay(2, skipped=1)
    .arrive(700_00, 2, _text(FIRST_NUMBER + 2))
    .tell("After payout 2000591 comes payout 2000593. Number 2000592 is in neither list."),
    "negative_balance_carried": _first()
    .enter("capture", 100_00, 1)
    .enter("refund", -450_00, 1)
    .tell("On the second day 450.00 was refunded and only 100.00 captured: 350.00 is owed."),
    "payout_account_changed": _first()
    .enter("capture", 900_00, 1)
    .pay(1, account="NO8397105012345")
    .arrive(900_00, 1, _text(FIRST_NUMBER + 1))
    .tell("The first payout went to one bank account, the second one to another."),
    "payout_not_in_bank": _first()
    .enter("capture", 800_00, 1)
    .pay(1)
    .tell(
        "The second payout was expected in the bank on 23 October. The statement goes to 31 October and "
        "does not have it."
    ),
    "bank_credit_unexplained": _first()
    .arrive(320_00, 2, "Vipps MobilePay AS")
    .tell("The bank credited 320.00 from Vipps MobilePay. No payout has this amount."),
    "timing_payout_in_transit": _first()
    .enter("capture", 650_00, 11)
    .pay(11)
    .tell("The second payout was made on 30 October and is expected on 2 November."),
    "other_bank_line": _first()
    .arrive(15_000_00, 1, "Husleie oktober")
    .tell("The bank account has other payments, too: here a rent."),
}
