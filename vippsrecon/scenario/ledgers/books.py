"""Keep the funds and fees ledgers of every sales unit, and close them day by day with payouts.

Net settlement: `funds` holds captures and refunds. At midnight the fees of the day are retained and
the rest is scheduled for payout; a negative balance is carried forward. `fees` holds one fee per
capture. Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date

from vippsrecon.scenario.api_shapes import get_psp_reference
from vippsrecon.scenario.calendar import ScenarioMonth, compute_midnight_after, find_local_day
from vippsrecon.scenario.ledgers.entries import LedgerOperation, Payout, ScenarioLedgerEntry
from vippsrecon.scenario.ledgers.fees import compute_fee
from vippsrecon.scenario.ledgers.payouts import PayoutPlan
from vippsrecon.scenario.ledgers.plants import LedgerPlants
from vippsrecon.scenario.models import ScenarioPayment, Truth
from vippsrecon.scenario.sales_units import ScenarioSalesUnit

_ENTRY_TYPE_BY_EVENT = {"CAPTURED": "capture", "REFUNDED": "refund"}
_WITHOUT_HANDLE = frozenset({"fees-retained", "payout-scheduled", "payout-aborted"})


class ScenarioLedgers:
    """Holds all ledgers of the month, with the entries of open days only.

    Args:
        report: Takes an expected result.
        planted: The sales unit on whose ledger every discrepancy is planted; None for nowhere.
    """

    def __init__(
        self,
        month: ScenarioMonth,
        units: Sequence[ScenarioSalesUnit],
        report: Callable[[Truth], None],
        planted: ScenarioSalesUnit | None = None,
    ) -> None:
        self._units = units
        self._report = report
        self._operations_by_day: defaultdict[date, list[LedgerOperation]] = defaultdict(list)
        self._balances = dict.fromkeys(units, 0)
        self._fee_balances = dict.fromkeys(units, 0)
        self._plants = (
            {planted: LedgerPlants(month, planted, self._schedule, report)} if planted else {}
        )
        self._payout_plans = {
            unit: PayoutPlan(month, unit, self._schedule, report, planted=unit is planted)
            for unit in units
        }
        for plants in self._plants.values():
            plants.plan_unknown_entry()

    def note(self, payment: ScenarioPayment, truth: str) -> None:
        """Store the captures and refunds of a payment until their day is closed."""
        unit = payment.unit
        for position, event in enumerate(payment.events):
            if not event.success or event.name not in _ENTRY_TYPE_BY_EVENT:
                continue
            is_capture = event.name == "CAPTURED"
            self._schedule(
                find_local_day(event.at, unit.market),
                LedgerOperation(
                    unit.position,
                    event.at,
                    get_psp_reference(payment, position),
                    _ENTRY_TYPE_BY_EVENT[event.name],
                    event.amount if is_capture else -event.amount,
                    payment.reference,
                    -compute_fee(event.amount, unit.currency, payment.method) if is_capture else 0,
                    truth,
                ),
            )

    def _schedule(self, day: date, operation: LedgerOperation) -> None:
        self._operations_by_day[day].append(operation)

    def list_unclosed_days(self, last: date) -> list[date]:
        """Return the days up to and including `last` that hold entries and are not closed."""
        return sorted(day for day in self._operations_by_day if day <= last)

    def close(self, day: date) -> tuple[list[ScenarioLedgerEntry], list[Payout]]:
        """Close a day; return its entries, ledger by ledger, and its payouts."""
        entries: list[ScenarioLedgerEntry] = []
        payouts: list[Payout] = []
        by_unit = self._take(day)
        for unit in self._units:
            operations = by_unit[unit.position]
            if plants := self._plants.get(unit):
                operations = plants.change_operations(day, operations)
            funds, fees, payout = self._close_unit(unit, day, operations)
            entries += funds + fees
            payouts += [payout] if payout else []
        return entries, payouts

    def build_unclosed_entries(self, day: date) -> list[ScenarioLedgerEntry]:
        """Return the entries of a day that has not ended: no fees retained, no payout.

        All days before it are closed.
        """
        for unit, plan in self._payout_plans.items():
            plan.finish(self._balances[unit])
        by_unit = self._take(day)
        entries: list[ScenarioLedgerEntry] = []
        for unit in self._units:
            funds, fees = self._build_entries(unit, day, by_unit[unit.position])
            entries += funds + fees
        return entries

    def _take(self, day: date) -> list[list[LedgerOperation]]:
        by_unit: list[list[LedgerOperation]] = [[] for _ in self._units]
        for operation in sorted(self._operations_by_day.pop(day, ())):
            by_unit[operation.unit].append(operation)
        return by_unit

    def _build_entries(
        self, unit: ScenarioSalesUnit, day: date, operations: Sequence[LedgerOperation]
    ) -> tuple[list[ScenarioLedgerEntry], list[ScenarioLedgerEntry]]:
        funds: list[ScenarioLedgerEntry] = []
        fees: list[ScenarioLedgerEntry] = []
        for operation in operations:
            _, at, psp, entry_type, amount, reference, fee, _, later_fee = operation
            has_handle = reference and entry_type not in _WITHOUT_HANDLE
            handle = f"api:{unit.msn}" if has_handle else ""
            if amount:
                before = self._balances[unit]
                self._balances[unit] += amount
                funds.append(
                    ScenarioLedgerEntry(
                        unit,
                        "funds",
                        psp,
                        at,
                        day,
                        entry_type,
                        reference,
                        amount,
                        before,
                        handle,
                        fee + later_fee,
                    )
                )
            if fee:
                fees.append(self._build_fee(unit, day, operation, handle))
        return funds, fees

    def _build_fee(
        self, unit: ScenarioSalesUnit, day: date, operation: LedgerOperation, handle: str
    ) -> ScenarioLedgerEntry:
        before = self._fee_balances[unit]
        self._fee_balances[unit] = before + operation.fee
        return ScenarioLedgerEntry(
            unit,
            "fees",
            operation.psp_reference,
            operation.at,
            day,
            "capture-fee",
            operation.reference,
            operation.fee,
            before,
            handle,
        )

    def _close_unit(
        self, unit: ScenarioSalesUnit, day: date, operations: list[LedgerOperation]
    ) -> tuple[list[ScenarioLedgerEntry], list[ScenarioLedgerEntry], Payout | None]:
        owed = -sum(operation.fee for operation in operations)
        if plants := self._plants.get(unit):
            balance = self._balances[unit] + sum(row.amount for row in operations) - owed
            last_at = operations[-1].at if operations else 0
            operations = [*operations, *plants.correct_balance(day, balance, last_at)]
            if operations:
                self._balances[unit] = plants.break_chain(day, self._balances[unit])
        funds, fees = self._build_entries(unit, day, operations)
        midnight = compute_midnight_after(day, unit.market)
        if owed:
            psp = f"{unit.ledger_id}-{day:%Y%m%d}"
            before, fees_before = self._balances[unit], self._fee_balances[unit]
            retained = ScenarioLedgerEntry(
                unit, "funds", psp, midnight, day, "fees-retained", "", -owed, before, ""
            )
            funds.append(retained)
            fees.append(retained._replace(topic="fees", amount=owed, before=fees_before))
            self._balances[unit] -= owed
            self._fee_balances[unit] += owed
        payout = None
        balance = self._balances[unit]
        if balance > 0:
            payout = self._payout_plans[unit].schedule_payout(day, balance)
            funds.append(
                ScenarioLedgerEntry(
                    unit,
                    "funds",
                    f"{unit.ledger_id}-{payout.number}",
                    midnight,
                    day,
                    "payout-scheduled",
                    payout.text,
                    -balance,
                    balance,
                    "",
                )
            )
            self._balances[unit] = 0
        elif balance < 0:
            self._payout_plans[unit].carry_balance(balance)
        return funds, fees, payout
