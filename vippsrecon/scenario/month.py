"""Write a month: orders, payments and ledgers, bank, settlement report, expected results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

from vippsrecon.scenario import settlement_report
from vippsrecon.scenario.api_shapes import build_event_log, build_payment_answer
from vippsrecon.scenario.bank import build_bank_lines, write_bank_statement
from vippsrecon.scenario.calendar import (
    OCTOBER_2026,
    ScenarioMonth,
    compute_local_moment,
    find_local_day,
    format_utc,
)
from vippsrecon.scenario.cases.case_builder import ORDER_NUMBERS_PER_CASE, CaseBuilder
from vippsrecon.scenario.cases.case_mix import (
    ALL_CASES_FROM,
    ScenarioCase,
    choose_case,
    plan_days,
)
from vippsrecon.scenario.cases.ordinary import captured_when_shipped
from vippsrecon.scenario.ledgers import Payout, ScenarioLedgerEntry, ScenarioLedgers
from vippsrecon.scenario.ledgers.entries import build_ledger_answer
from vippsrecon.scenario.models import ScenarioPayment, Scene, Truth
from vippsrecon.scenario.month_files import MonthFiles
from vippsrecon.scenario.other_exports import (
    EARLIER_DAY_NUMBER,
    NEXT_DAY_NUMBER,
    NEXT_MONTH_SHARE,
    compute_earlier_export,
    name_earlier_file,
    show_order_at,
)
from vippsrecon.scenario.random_draws import RandomDraws
from vippsrecon.scenario.sales_units import ScenarioSalesUnit, make_sales_units
from vippsrecon.scenario.shops import SHOPS, Shop

_FIRST_ORDER_SECOND = 6 * 3600 + 1800
_LAST_ORDER_SECOND = 23 * 3600 + 3000
_FIRST_ORDER_NUMBER = 1000


def choose_sales_units(
    currency: str = "NOK", number: int = 1, currencies: Sequence[str] | None = None
) -> tuple[ScenarioSalesUnit, ...]:
    """Return the sales units of a month.

    Args:
        currency: Currency of every sales unit if `currencies` is not given.
        number: Number of sales units; at least one per currency.
        currencies: Assigned to the sales units in turn.
    """
    turn = tuple(currencies or (currency,))
    count = max(number, len(turn))
    return make_sales_units([turn[position % len(turn)] for position in range(count)])


def write_month(
    directory: str | Path,
    *,
    payments: int = 2000,
    seed: int = 7,
    shop: str = "plain",
    currency: str = "NOK",
    sales_units: int = 1,
    currencies: Sequence[str] | None = None,
    month: ScenarioMonth = OCTOBER_2026,
) -> None:
    """Write `orders.csv`, `simulator.jsonl`, `bank.xml`, `settlement.csv` and `truth.csv`.

    A shop with the feature `overlapping_export` has a second export of an earlier time, `EARLIER_FILE`.
    The same arguments give the same bytes. Each row is written immediately, so memory use depends
    on the payments of two or three days, not of the month. The modification time of `orders.csv`
    is set to the time of the export.

    Args:
        directory: Created if missing.
        payments: Exact number of payments at Vipps MobilePay.
        seed: Another number gives another month.
        shop: A name in `SHOPS`.
        currency: NOK, DKK or EUR; each belongs to one market.
        sales_units: Number of sales units; only plain and Magento exports can have several.
        currencies: Instead of `currency`, assigned to the sales units in turn.
        month: `OCTOBER_2026`, or `JANUARY_2027`, in which MobilePay becomes Vipps.

    Raises:
        ValueError: An unknown shop or currency, fewer than one payment, or more sales units
            than the shop's export can tell apart.
    """
    if shop not in SHOPS:
        raise ValueError(f"shop {shop!r} is not one of {', '.join(SHOPS)}")
    if payments < 1:
        raise ValueError(f"payments must be at least 1, not {payments}")
    units = choose_sales_units(currency, sales_units, currencies)
    if len(units) > 1 and "several_units" not in SHOPS[shop].export_features:
        raise ValueError(f"a {shop} export belongs to one sales unit; make one month for each")
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as open_files:
        files = MonthFiles(open_files, folder, SHOPS[shop], units, month)
        planted = units[0] if payments >= ALL_CASES_FROM * len(units) else None
        _MonthWriter(RandomDraws(seed), month, SHOPS[shop], units, files, planted=planted).write(
            payments
        )
    os.utime(folder / "orders.csv", (month.exported_at,) * 2)
    if (earlier_file := folder / name_earlier_file(month)).exists():
        os.utime(earlier_file, (compute_earlier_export(month),) * 2)


class _MonthWriter:
    """Writes one month, day by day."""

    def __init__(
        self,
        draws: RandomDraws,
        month: ScenarioMonth,
        shop: Shop,
        units: Sequence[ScenarioSalesUnit],
        files: MonthFiles,
        *,
        planted: ScenarioSalesUnit | None,
    ) -> None:
        self._draws = draws
        self._month = month
        self._shop = shop
        self._units = units
        self._files = files
        self._planted = planted
        self._ledgers = ScenarioLedgers(month, units, self._write_truth, planted)
        self._payouts: list[Payout] = []
        self._order_number = _FIRST_ORDER_NUMBER
        self._norwegian = settlement_report.uses_norwegian_headings(units)

    def write(self, payments: int) -> None:
        """Write all days and the ledgers, payouts and bank statement that follow."""
        self._files.line({"clock": f"{format_utc(self._month.clock_start)}Z"})
        for unit in self._units:
            self._files.line(
                {"sales_unit": {"msn": unit.msn, **unit.keys._asdict(), "market": unit.market}}
            )
            account = unit.next_account if unit == self._planted else unit.account
            self._files.line({"ledger": build_ledger_answer(unit, account)})
        of_next_month = self._count_next_month(payments)
        plans = plan_days(
            self._draws,
            self._shop,
            self._units,
            payments,
            first_weekday=self._month.first_day.weekday(),
            of_next_month=of_next_month,
        )
        for number, plan in enumerate(plans, start=1):
            day = self._month.find_day(number)
            self._write_day(day, self._draws.shuffle_in_place(plan))
            self._close_ledger_days(day)
            plan.clear()
        self._write_next_month(of_next_month)
        today = max(find_local_day(self._month.clock_start, unit.market) for unit in self._units)
        self._close_ledger_days(today - timedelta(days=1))
        self._write_entries(self._ledgers.build_unclosed_entries(today), ())
        self._write_bank_statement()

    def _write_bank_statement(self) -> None:
        accounts = {payout.account: payout.unit.currency for payout in self._payouts}
        lines = build_bank_lines(self._month, self._payouts, self._write_truth, self._planted)
        write_bank_statement(self._files.bank, self._month, tuple(accounts.items()), lines)

    def _count_next_month(self, payments: int) -> int:
        if "next_month" not in self._shop.export_features or payments < ALL_CASES_FROM:
            return 0
        return max(1, int(payments * NEXT_MONTH_SHARE + 0.5))

    def _write_next_month(self, payments: int) -> None:
        """Write orders that were placed, sent and captured after the month: `outside_period`."""
        unit = self._units[0]
        for number in range(payments):
            self._order_number += ORDER_NUMBERS_PER_CASE
            day = self._month.find_day(NEXT_DAY_NUMBER)
            ordered_at = compute_local_moment(day, 3600 + number, unit.market)
            builder = self._start_case(unit, ordered_at)
            scene = captured_when_shipped(builder)
            self._write_scene(
                scene._replace(truth=(builder.ignored("outside_period", scene.orders[0]),))
            )

    def _write_day(self, day: date, plan: list[ScenarioCase | None]) -> None:
        draws = self._draws
        earlier: list[list[str]] = []
        exported_at = compute_earlier_export(self._month)
        seconds = sorted(draws.between(_FIRST_ORDER_SECOND, _LAST_ORDER_SECOND) for _ in plan)
        for planned, second in zip(plan, seconds, strict=True):
            case = choose_case(draws, planned, day.day)
            unit = self._choose_unit(case)
            self._order_number += ORDER_NUMBERS_PER_CASE
            ordered_at = compute_local_moment(day, second, unit.market)
            builder = self._start_case(unit, ordered_at)
            scene = case.build(builder)
            is_ordinary = planned is None and not scene.truth
            if is_ordinary and day.day == EARLIER_DAY_NUMBER and self._has_earlier_export:
                # An order without a discrepancy, as the earlier export showed it: `superseded_row`.
                (order,) = scene.orders
                earlier += self._shop.rows(show_order_at(order, exported_at))
                scene = scene._replace(truth=(builder.ignored("superseded_row", order),))
            self._write_scene(scene)
        if earlier:
            self._files.write_earlier_rows(earlier)

    def _start_case(self, unit: ScenarioSalesUnit, ordered_at: int) -> CaseBuilder:
        return CaseBuilder(
            self._draws,
            self._month,
            self._shop,
            unit,
            number=self._order_number,
            ordered_at=ordered_at,
        )

    @property
    def _has_earlier_export(self) -> bool:
        return "overlapping_export" in self._shop.export_features

    def _choose_unit(self, case: ScenarioCase) -> ScenarioSalesUnit:
        if len(self._units) == 1:
            return self._units[0]
        return self._draws.pick([u for u in self._units if case.can_occur_in(self._shop, u)])

    def _write_scene(self, scene: Scene) -> None:
        for order in scene.orders:
            self._files.orders.writerows(self._shop.rows(order))
        for payment in scene.payments:
            self._write_payment(payment, scene.truth[0].bucket if scene.truth else "")
        for truth in scene.truth:
            self._write_truth(truth)

    def _write_truth(self, truth: Truth) -> None:
        self._files.write_truth(truth)

    def _write_payment(self, payment: ScenarioPayment, truth: str) -> None:
        self._ledgers.note(payment, truth)
        self._files.line(
            {
                "msn": payment.unit.msn,
                "payment": build_payment_answer(payment),
                "events": build_event_log(payment),
            }
        )

    def _close_ledger_days(self, last: date) -> None:
        for day in self._ledgers.list_unclosed_days(last):
            entries, payouts = self._ledgers.close(day)
            self._payouts += payouts
            self._write_entries(entries, payouts)

    def _write_entries(
        self, entries: Sequence[ScenarioLedgerEntry], payouts: Sequence[Payout]
    ) -> None:
        for entry in entries:
            self._files.line(
                {"ledgerId": entry.unit.ledger_id, "topic": entry.topic, "entry": entry.answer()}
            )
            if entry.topic == "funds":
                self._files.settlement.writerow(
                    settlement_report.build_settlement_row(
                        entry, payouts, norwegian=self._norwegian
                    )
                )
