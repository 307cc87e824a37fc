"""Build the leg *bank* of the bridge: from payouts to the credits of Vipps MobilePay in the bank.

    payouts − not sent − aborted − not checked − in transit − not in bank
            + brought forward from earlier days ± amount differences + unexplained credits  = bank

All amounts are those of the period: payouts by their last accounting day, credits by the day booked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from vippsrecon.reconciliation.payouts_bank.matching import Matching
from vippsrecon.reconciliation.results.bridge import BridgeSums, build_balanced_rows

BankSums = BridgeSums

LEG = "bank"
LINES = (
    "payouts",
    "not_paid_out",
    "payout_aborted",
    "not_checked",
    "timing_payout_in_transit",
    "payout_not_in_bank",
    "brought_forward",
    "payout_amount_difference",
    "bank_credit_unexplained",
)

_LINE_BY_STATUS = {
    "payout_aborted": "payout_aborted",
    "not_checked": "not_checked",
    "timing": "timing_payout_in_transit",
    "payout_not_in_bank": "payout_not_in_bank",
}


def sum_bank_lines(
    matching: Matching,
    statuses: Sequence[str],
    unexplained: Mapping[int, str],
    first_day: date | None,
    last_day: date | None,
) -> BankSums:
    """Return what each payout and each unexplained credit adds to the lines of the leg.

    Args:
        matching: Payouts, lines and what belongs together.
        statuses: Of each payout: its code, or its bucket where it is no discrepancy.
        unexplained: The sales unit of each line that no payout explains.
        first_day: First day of the period; None where it has no beginning.
        last_day: Its last day; None where it has no end.
    """
    sums: BankSums = defaultdict(dict)

    def add(key: tuple[str, str], line: str, amount: int) -> None:
        before, rows = sums[key].get(line, (0, 0))
        sums[key][line] = (before + amount, rows + 1)

    def is_inside(day: date) -> bool:
        return (first_day is None or first_day <= day) and (last_day is None or day <= last_day)

    arrived = _allocate_credits(matching)
    for place, payout in enumerate(matching.payouts):
        key = (payout.msn, payout.currency)
        credits = arrived.get(place, ())
        inside = sum(amount for day, amount in credits if is_inside(day))
        outside = sum(amount for day, amount in credits if not is_inside(day))
        if is_inside(payout.ledger_date):
            add(key, "payouts", payout.amount)
            if not credits:
                status = _LINE_BY_STATUS.get(statuses[place], "not_paid_out")
                add(key, status, -payout.amount)
            if outside:
                add(key, "timing_payout_in_transit", -outside)
            if credits and inside + outside != payout.amount:
                add(key, "payout_amount_difference", inside + outside - payout.amount)
        elif inside:
            add(key, "brought_forward", inside)
        if inside:
            add(key, "total", inside)
    for place, msn in unexplained.items():
        line = matching.lines[place]
        if is_inside(line.booked_date):
            add((msn, line.currency), "bank_credit_unexplained", line.amount)
            add((msn, line.currency), "total", line.amount)
    for lines in sums.values():
        lines.setdefault("payouts", (0, 0))
    return dict(sums)


def _allocate_credits(matching: Matching) -> dict[int, list[tuple[date, int]]]:
    """Return what arrived of each payout, and when; one credit of several payouts is divided."""
    arrived: defaultdict[int, list[tuple[date, int]]] = defaultdict(list)
    for place, payouts in matching.payouts_by_line.items():
        line = matching.lines[place]
        for payout in payouts:
            amount = line.amount if len(payouts) == 1 else matching.payouts[payout].amount
            arrived[payout].append((line.booked_date, amount))
    return dict(arrived)


def build_bank_bridge(sums: BankSums) -> list[dict[str, Any]]:
    """Return the rows of the leg, for `schemas.BRIDGE`.

    Raises:
        BridgeError: The lines of a sales unit and currency do not add up to the credits.
    """
    return build_balanced_rows(LEG, {key: dict(lines) for key, lines in sums.items()}, LINES)
