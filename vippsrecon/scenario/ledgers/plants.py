"""Plant each discrepancy of a ledger once, on the first operation of the month that suits it.

The payments stay as they are: only what the ledger says of them is changed. Nothing is drawn at
random, so the rest of the month does not depend on whether anything is planted.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from vippsrecon.scenario.calendar import HOUR, ScenarioMonth, compute_local_moment
from vippsrecon.scenario.ledgers.entries import LedgerOperation
from vippsrecon.scenario.models import Truth
from vippsrecon.scenario.sales_units import ScenarioSalesUnit

PLANTED = "planted"
"""`LedgerOperation.truth` of what is planted: nothing else is planted on it."""

UNKNOWN_TYPE = "campaign-support"
"""An entry type that the Report API does not have."""

_MIDDAY = 12 * HOUR
_LATE_FEE_DAYS = 2
_TYPE_BY_SIGN = {1: "returned-disputed-capture", -1: "retained-disputed-capture"}


class LedgerPlants:
    """Changes the operations of one ledger, and says what a reconciliation should report.

    Args:
        schedule: Enters an operation on the ledger on a later day.
        report: Takes an expected result.
    """

    def __init__(
        self,
        month: ScenarioMonth,
        unit: ScenarioSalesUnit,
        schedule: Callable[[date, LedgerOperation], None],
        report: Callable[[Truth], None],
    ) -> None:
        self.unit = unit
        self._find_day = month.find_day
        self._schedule = schedule
        self._report = report
        self._waiting = list(_OPERATION_PLANTS)
        self._used_references: set[str] = set()
        self._correction_waits = self._chain_break_waits = True

    def change_operations(
        self, day: date, operations: list[LedgerOperation]
    ) -> list[LedgerOperation]:
        """Return the operations of a day with what is planted on it."""
        for plant in tuple(self._waiting):
            if day < self._find_day(plant.first_day):
                continue
            suitable = (row for row in operations if self._suits(plant, row))
            if (operation := next(suitable, None)) is not None:
                self._waiting.remove(plant)
                self._used_references.add(operation.reference)
                operations.remove(operation)
                operations += plant.change(self, day, operation)
        return sorted(operations)

    def _suits(self, plant: _OperationPlant, operation: LedgerOperation) -> bool:
        return (
            operation.entry_type == plant.entry_type
            and operation.truth == plant.truth
            and operation.reference not in self._used_references
        )

    def correct_balance(self, day: date, balance: int, last_at: int) -> list[LedgerOperation]:
        """Return a correction that makes the balance of one day negative, so nothing is paid out."""
        if not self._correction_waits or day < self._find_day(15) or balance <= 0:
            return []
        self._correction_waits = False
        amount = -balance - self.scale(50_000)
        at = max(last_at, compute_local_moment(day, 23 * HOUR + 50 * 60, self.unit.market))
        self.report("manual_correction", "", 0, amount, -amount)
        return [self._make_own_operation(day, at, "correction", amount)]

    def break_chain(self, day: date, balance: int) -> int:
        """Return the balance before the first entry of a day.

        Once, it is not the balance after the last one: the entry between them is missing.
        """
        if not self._chain_break_waits or day < self._find_day(20):
            return balance
        self._chain_break_waits = False
        broken = balance + self.scale(12_900)
        self.report("balance_chain_break", "", balance, broken, broken - balance)
        return broken

    def plan_unknown_entry(self) -> None:
        """Schedule an entry of a type that is not known."""
        day = self._find_day(19)
        at = compute_local_moment(day, _MIDDAY, self.unit.market)
        amount = self.scale(4_900)
        self._schedule(day, self._make_own_operation(day, at, UNKNOWN_TYPE, amount))
        self.report("unknown_entry_type", "", 0, amount, amount)

    def scale(self, minor: int) -> int:
        """Return an amount in the currency of the sales unit: a tenth in euros."""
        return minor // 10 if self.unit.currency == "EUR" else minor

    def report(
        self, kind: str, reference: str, expected: int | None, actual: int | None, at_risk: int
    ) -> None:
        """Report a discrepancy between payments and ledger."""
        self._report(
            Truth(
                "discrepancy",
                kind,
                self.unit,
                reference,
                "",
                self.unit.currency,
                expected,
                actual,
                at_risk,
                leg="payment_ledger",
            )
        )

    def report_timing(self, kind: str, reference: str) -> None:
        """Report what is not overdue yet."""
        self._report(
            Truth(
                "timing",
                kind,
                self.unit,
                reference,
                "",
                self.unit.currency,
                leg="payment_ledger",
            )
        )

    def schedule_disputes(self, operation: LedgerOperation, days: tuple[int, ...]) -> None:
        """Retain a capture on the first day, return it on the second, retain it again on the third."""
        for number, day_number in enumerate(days):
            sign = 1 if number % 2 else -1
            day = self._find_day(day_number)
            self._schedule(
                day,
                operation._replace(
                    at=compute_local_moment(day, _MIDDAY + number, self.unit.market),
                    entry_type=_TYPE_BY_SIGN[sign],
                    amount=sign * operation.amount,
                    fee=0,
                    truth=PLANTED,
                ),
            )

    def schedule_late_fee(self, day: date, operation: LedgerOperation) -> None:
        """Charge the fee of a capture on a later day than the capture's."""
        later = day + timedelta(days=_LATE_FEE_DAYS)
        at = compute_local_moment(later, _MIDDAY, self.unit.market)
        self._schedule(
            later,
            operation._replace(at=at, entry_type="capture-fee", amount=0, truth=PLANTED),
        )

    def _make_own_operation(
        self, day: date, at: int, entry_type: str, amount: int
    ) -> LedgerOperation:
        psp = f"{self.unit.ledger_id}-{entry_type[:2]}{day:%Y%m%d}"
        return LedgerOperation(self.unit.position, at, psp, entry_type, amount, "", 0, PLANTED)


class _OperationPlant(NamedTuple):
    """Defines what is planted on an operation: from which day of the month on, and on which type.

    The function returns what is entered on the ledger instead of the operation.
    """

    first_day: int
    entry_type: str
    change: Callable[[LedgerPlants, date, LedgerOperation], list[LedgerOperation]]
    truth: str = ""


def _invent_psp_reference(operation: LedgerOperation) -> str:
    """Return a reference between those of this payment's events and of the next payment's."""
    return str(int(operation.psp_reference) + 8)


def _drop_capture(
    plants: LedgerPlants, _: date, operation: LedgerOperation
) -> list[LedgerOperation]:
    plants.report(
        "capture_not_on_ledger", operation.reference, operation.amount, None, operation.amount
    )
    return []


def _drop_refund(
    plants: LedgerPlants, _: date, operation: LedgerOperation
) -> list[LedgerOperation]:
    plants.report(
        "refund_not_on_ledger", operation.reference, operation.amount, None, -operation.amount
    )
    return []


def _delay_capture(
    plants: LedgerPlants, _: date, operation: LedgerOperation
) -> list[LedgerOperation]:
    plants.report_timing("timing_not_on_ledger", operation.reference)
    return []


def _add_refund_without_event(
    plants: LedgerPlants, _: date, operation: LedgerOperation
) -> list[LedgerOperation]:
    amount = operation.amount // 3 + 1
    plants.report("ledger_without_event", operation.reference, None, -amount, amount)
    refund = operation._replace(
        psp_reference=_invent_psp_reference(operation), entry_type="refund", amount=-amount, fee=0
    )
    return [operation._replace(truth=PLANTED), refund._replace(truth=PLANTED)]


def _refund_too_much(
    plants: LedgerPlants, _: date, operation: LedgerOperation
) -> list[LedgerOperation]:
    more = plants.scale(1_000)
    plants.report(
        "ledger_amount_difference",
        operation.reference,
        operation.amount,
        operation.amount - more,
        more,
    )
    return [operation._replace(amount=operation.amount - more, truth=PLANTED)]


def _leave_out_fee(
    plants: LedgerPlants, _: date, operation: LedgerOperation
) -> list[LedgerOperation]:
    plants.report("fee_missing", operation.reference, operation.fee, None, 0)
    return [operation._replace(fee=0, truth=PLANTED)]


def _leave_out_recent_fee(
    plants: LedgerPlants, _: date, operation: LedgerOperation
) -> list[LedgerOperation]:
    plants.report_timing("timing_fee_late", operation.reference)
    return [operation._replace(fee=0, truth=PLANTED)]


def _charge_fee_later(
    plants: LedgerPlants, day: date, operation: LedgerOperation
) -> list[LedgerOperation]:
    plants.schedule_late_fee(day, operation)
    return [operation._replace(fee=0, truth=PLANTED, later_fee=operation.fee)]


def _charge_too_much(
    plants: LedgerPlants, _: date, operation: LedgerOperation
) -> list[LedgerOperation]:
    more = plants.scale(150)
    charged = operation.fee - more
    plants.report("fee_variance", operation.reference, operation.fee, charged, more)
    return [operation._replace(fee=charged, truth=PLANTED)]


def _dispute(plants: LedgerPlants, _: date, operation: LedgerOperation) -> list[LedgerOperation]:
    plants.schedule_disputes(operation, (16,))
    plants.report("dispute_retained", operation.reference, 0, -operation.amount, operation.amount)
    return [operation._replace(truth=PLANTED)]


def _dispute_and_return(
    plants: LedgerPlants, _: date, operation: LedgerOperation
) -> list[LedgerOperation]:
    plants.schedule_disputes(operation, (12, 22))
    plants.report("dispute_returned", operation.reference, 0, 0, 0)
    return [operation._replace(truth=PLANTED)]


def _dispute_twice(
    plants: LedgerPlants, _: date, operation: LedgerOperation
) -> list[LedgerOperation]:
    plants.schedule_disputes(operation, (11, 18, 27))
    plants.report("dispute_returned", operation.reference, 0, 0, 0)
    plants.report("dispute_retained", operation.reference, 0, -operation.amount, operation.amount)
    return [operation._replace(truth=PLANTED)]


_OPERATION_PLANTS = (
    _OperationPlant(3, "capture", _dispute_and_return),
    _OperationPlant(4, "capture", _dispute_twice),
    _OperationPlant(5, "capture", _charge_too_much),
    _OperationPlant(6, "capture", _drop_capture),
    _OperationPlant(6, "capture", _dispute),
    _OperationPlant(7, "refund", _drop_refund),
    _OperationPlant(8, "capture", _leave_out_fee),
    _OperationPlant(9, "capture", _charge_fee_later),
    _OperationPlant(13, "capture", _add_refund_without_event),
    _OperationPlant(14, "refund", _refund_too_much),
    _OperationPlant(30, "capture", _leave_out_recent_fee),
    _OperationPlant(35, "capture", _delay_capture, truth="timing"),
)
"""What is planted on captures and refunds, with the first possible day of the month."""
