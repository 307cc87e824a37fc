"""Say what the bank books: the payouts that arrived, some of them wrong, and other money.

Nothing is drawn at random. Each payout is changed in one way at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

from vippsrecon.scenario.calendar import ScenarioMonth, get_brand
from vippsrecon.scenario.ledgers import Payout, format_payout_text
from vippsrecon.scenario.models import Truth
from vippsrecon.scenario.sales_units import ScenarioSalesUnit

_FIRST_DAYS = {"split": 5, "wrong_amount": 7, "provisional": 13, "missing": 19}
"""What the bank does with one payout → the first day of the month it does so."""

_FIRST_MERGED_DAY = 9
_UNKNOWN_PAYOUT_NUMBER = 1_999_999
_UNKNOWN_PAYOUT_DAY = date(2026, 8, 14)


class BankLine(NamedTuple):
    """Describes an entry of a bank statement; sorted, they are in the order of the statement.

    Attributes:
        order: Tells entries of a day apart.
        name: Who paid or was paid.
        booked: False for an entry that the bank has only announced.
    """

    account: str
    day: date
    order: tuple[int, int]
    amount: int
    currency: str
    text: str
    name: str
    booked: bool = True


def build_bank_lines(
    month: ScenarioMonth,
    payouts: Sequence[Payout],
    report: Callable[[Truth], None],
    planted: ScenarioSalesUnit | None = None,
) -> list[BankLine]:
    """Return the entries of all accounts, and report what a reconciliation should find.

    Args:
        month: Payouts that are due after its `statement_last_day` are in transit.
        payouts: All payouts of the month.
        report: Takes an expected result.
        planted: The sales unit with whose payouts something goes wrong; None for none.
    """
    changes = _choose_changes(month, payouts, planted) if planted else {}
    lines: list[BankLine] = []
    for payout in payouts:
        if payout.aborted:
            continue
        if payout.bank_date > month.statement_last_day:
            report(_make_truth("timing_payout_in_transit", payout, bucket="timing"))
            continue
        change = changes.get((payout.unit, payout.number), "")
        lines += _book_payout(payout, change, report)
    if planted:
        lines += _merge_payouts(payouts, changes, report)
        lines += _book_other_money(month, payouts, planted, report)
    return sorted(lines)


def _choose_changes(
    month: ScenarioMonth, payouts: Sequence[Payout], unit: ScenarioSalesUnit
) -> dict[tuple[ScenarioSalesUnit, int], str]:
    """Return what the bank does otherwise than expected, by sales unit and payout number."""
    own = [
        payout
        for payout in payouts
        if payout.unit == unit
        and payout.bank_date <= month.statement_last_day
        and payout.account == unit.account
        and not payout.aborted
    ]
    changes = {
        (unit, payout.number): "merged"
        for payout in _choose_merged(
            [row for row in own if row.ledger_date >= month.find_day(_FIRST_MERGED_DAY)]
        )
    }
    for change, first_day in _FIRST_DAYS.items():
        for payout in own:
            key = (unit, payout.number)
            if payout.ledger_date >= month.find_day(first_day) and key not in changes:
                changes[key] = change
                break
    return changes


def _choose_merged(payouts: Sequence[Payout]) -> Sequence[Payout]:
    """Return the first two payouts that are due on the same day: those of a weekend."""
    for first, second in pairwise(payouts):
        if first.bank_date == second.bank_date:
            return first, second
    return ()


def _book_payout(payout: Payout, change: str, report: Callable[[Truth], None]) -> list[BankLine]:
    line = _make_line(payout)
    if change == "merged":
        return []
    if change == "missing":
        report(_make_truth("payout_not_in_bank", payout, payout.amount, None, payout.amount))
        return []
    if change == "split":
        first = payout.amount * 6 // 10
        return [
            line._replace(amount=first),
            line._replace(amount=payout.amount - first),
        ]
    if change == "wrong_amount":
        less = payout.amount // 20 + 1
        report(
            _make_truth(
                "payout_amount_difference", payout, payout.amount, payout.amount - less, less
            )
        )
        return [line._replace(amount=payout.amount - less)]
    if change == "provisional":
        return [line._replace(day=line.day - timedelta(days=1), booked=False), line]
    return [line]


def _merge_payouts(
    payouts: Sequence[Payout],
    changes: dict[tuple[ScenarioSalesUnit, int], str],
    report: Callable[[Truth], None],
) -> list[BankLine]:
    """Return one credit for two payouts, with a text that names neither.

    That they belong together is proposed, for a person to confirm: nothing is at risk.
    """
    merged = [row for row in payouts if changes.get((row.unit, row.number)) == "merged"]
    if not merged:
        return []
    total = sum(payout.amount for payout in merged)
    for payout in merged:
        report(_make_truth("payout_not_in_bank", payout, payout.amount))
    report(_make_credit_truth(merged[0].unit, total, 0))
    return [_make_line(merged[0])._replace(amount=total, text="Samlet overførsel")]


def _book_other_money(
    month: ScenarioMonth,
    payouts: Sequence[Payout],
    unit: ScenarioSalesUnit,
    report: Callable[[Truth], None],
) -> list[BankLine]:
    """Return a credit that no payout explains, an announced payout, a payment, and a customer's."""
    text = format_payout_text(unit, _UNKNOWN_PAYOUT_NUMBER, _UNKNOWN_PAYOUT_DAY)
    scale = 10 if unit.currency == "EUR" else 1
    unexplained = 123_450 // scale
    report(_make_credit_truth(unit, unexplained, unexplained))
    template = BankLine(unit.account, month.first_day, (unit.position, 0), 0, unit.currency, "", "")
    lines = [
        template._replace(
            day=month.find_day(22),
            amount=unexplained,
            text=text,
            name=_name_payer(unit, month.find_day(22)),
        ),
        template._replace(
            day=month.find_day(15),
            amount=-850_000 // scale,
            text="Leie lokale",
            name="Testgata Eiendom AS",
        ),
        template._replace(
            day=month.find_day(9),
            amount=64_900 // scale,
            text="Faktura 1042",
            name="Test Kunde",
        ),
    ]
    due = [row for row in payouts if row.bank_date > month.statement_last_day and row.unit == unit]
    lines += [
        _make_line(payout)._replace(day=month.statement_last_day, booked=False)
        for payout in due[:1]
        if not payout.aborted
    ]
    return lines


def _make_line(payout: Payout) -> BankLine:
    return BankLine(
        payout.account,
        payout.bank_date,
        (payout.unit.position, payout.number),
        payout.amount,
        payout.unit.currency,
        payout.text,
        _name_payer(payout.unit, payout.bank_date),
    )


def _name_payer(unit: ScenarioSalesUnit, day: date) -> str:
    return "Vipps Mobilepay As" if unit.market == "NO" else f"{get_brand(unit.market, day)} A/S"


def _make_credit_truth(unit: ScenarioSalesUnit, amount: int, at_risk: int) -> Truth:
    return Truth(
        "discrepancy",
        "bank_credit_unexplained",
        unit,
        "",
        "",
        unit.currency,
        None,
        amount,
        at_risk,
        leg="payout_bank",
    )


def _make_truth(
    kind: str,
    payout: Payout,
    expected: int | None = None,
    actual: int | None = None,
    at_risk: int = 0,
    *,
    bucket: Literal["discrepancy", "timing"] = "discrepancy",
) -> Truth:
    return Truth(
        bucket,
        kind,
        payout.unit,
        "",
        "",
        payout.unit.currency,
        expected,
        actual,
        at_risk,
        leg="payout_bank",
        payout_number=str(payout.number),
    )
