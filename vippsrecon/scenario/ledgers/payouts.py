"""Number the payouts of a ledger, and plant what goes wrong with them before they reach the bank."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from vippsrecon.scenario.calendar import (
    HOUR,
    ScenarioMonth,
    add_bank_days,
    compute_local_moment,
)
from vippsrecon.scenario.ledgers.entries import LedgerOperation, Payout
from vippsrecon.scenario.ledgers.payout_texts import format_payout_text
from vippsrecon.scenario.ledgers.plants import PLANTED
from vippsrecon.scenario.models import Truth
from vippsrecon.scenario.sales_units import ScenarioSalesUnit

FIRST_PAYOUT_NUMBER = 2_000_001
BANK_DAYS = {"NO": 3, "DK": 2, "FI": 2}
"""Bank days from the ledger date to the booking on the bank account."""

_FIRST_DAYS = {"payout_aborted": 12, "payout_number_gap": 20, "payout_account_changed": 24}
"""What is planted → the first day of the month it can be planted on."""

_ABORTED_AFTER_DAYS = 2


class PayoutPlan:
    """Schedules the payouts of one ledger.

    Args:
        schedule: Enters an operation on the ledger on a later day.
        report: Takes an expected result.
        planted: Whether one payout is aborted, one number is missing, and the account changes.
    """

    def __init__(
        self,
        month: ScenarioMonth,
        unit: ScenarioSalesUnit,
        schedule: Callable[[date, LedgerOperation], None],
        report: Callable[[Truth], None],
        *,
        planted: bool,
    ) -> None:
        self._month = month
        self._unit = unit
        self._schedule = schedule
        self._report = report
        self._next_number = FIRST_PAYOUT_NUMBER
        self._account = unit.account
        self._lowest_balance = 0
        self._waiting = dict(_FIRST_DAYS) if planted else {}

    def schedule_payout(self, day: date, amount: int) -> Payout:
        """Return the payout of a day."""
        unit = self._unit
        kind = self._choose_plant(day)
        if kind == "payout_number_gap":
            self.report_payout(kind, self._next_number, None, None, 0)
            self._next_number += 1
        number = self._next_number
        self._next_number += 1
        if kind == "payout_account_changed":
            self._account = unit.next_account
            self.report_payout(kind, number, amount, amount, 0)
        if self._lowest_balance < 0:
            self.report_payout("negative_balance_carried", number, 0, self._lowest_balance, 0)
            self._lowest_balance = 0
        text = format_payout_text(unit, number, day)
        arrives = add_bank_days(day, BANK_DAYS[unit.market])
        aborted = kind == "payout_aborted"
        if aborted:
            self._abort(day, number, amount, text)
        return Payout(unit, number, day, arrives, amount, text, self._account, aborted)

    def _choose_plant(self, day: date) -> str:
        for kind, first_day in self._waiting.items():
            if day >= self._month.find_day(first_day):
                del self._waiting[kind]
                return kind
        return ""

    def _abort(self, day: date, number: int, amount: int, text: str) -> None:
        """Bring a payout back to the ledger; the next payout holds it."""
        unit = self._unit
        later = day + timedelta(days=_ABORTED_AFTER_DAYS)
        at = compute_local_moment(later, 12 * HOUR, unit.market)
        psp = f"{unit.ledger_id}-{number}"
        self._schedule(
            later,
            LedgerOperation(unit.position, at, psp, "payout-aborted", amount, text, 0, PLANTED),
        )
        self.report_payout("payout_aborted", number, amount, 0, 0)

    def carry_balance(self, balance: int) -> None:
        """Note that a day ends with a debt to Vipps MobilePay, which the next payout is reduced by."""
        self._lowest_balance = min(self._lowest_balance, balance)

    def finish(self, balance: int) -> None:
        """Report a debt that no payout was reduced by until the end; a number that is not given yet."""
        if balance < 0:
            number = self._next_number if self._next_number > FIRST_PAYOUT_NUMBER else None
            self.report_payout("negative_balance_carried", number, 0, balance, -balance)

    def report_payout(
        self, kind: str, number: int | None, expected: int | None, actual: int | None, at_risk: int
    ) -> None:
        """Report a discrepancy of one payout."""
        self._report(
            Truth(
                "discrepancy",
                kind,
                self._unit,
                "",
                "",
                self._unit.currency,
                expected,
                actual,
                at_risk,
                leg="ledger_payout",
                payout_number="" if number is None else str(number),
            )
        )
