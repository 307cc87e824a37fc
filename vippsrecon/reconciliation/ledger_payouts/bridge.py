"""Build the leg *payouts* of the bridge: from captures less refunds on the ledger to payouts.

    captures − refunds − fees retained − disputes retained + returned ± corrections + top-ups
             + credit notes ± unknown types + aborted payouts returned − change of the balance
             ± breaks of the balance chain ± amount differences                        = payouts

A payout that was made before the period and aborted in it is listed like those of the period; it has a
line of its own. The change of the balance is what the balances on the ledger say. Where they disagree with the entries,
the break has a line of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from vippsrecon.reconciliation.ledger_payouts.spans import LedgerSpans
from vippsrecon.reconciliation.payouts_bank.rows import PayoutRow
from vippsrecon.reconciliation.results.bridge import BridgeSums, build_balanced_rows
from vippsrecon.vipps_rules import PAYOUT_ABORTED

LedgerPayoutSums = BridgeSums

LEG = "payouts"

LINE_BY_TYPE = {
    "capture": "ledger",
    "refund": "ledger",
    "fees-retained": "fees_retained",
    "retained-disputed-capture": "disputes_retained",
    "returned-disputed-capture": "disputes_returned",
    "correction": "corrections",
    "top-up": "top_ups",
    "credit-note": "credit_notes",
    PAYOUT_ABORTED: "payouts_returned",
}
"""Type of an entry to its line; any other type is in *unknown_types*, by its sign.
Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/entry-types/"""

UNKNOWN_TYPES = "unknown_types"
LINES = (
    "ledger",
    "fees_retained",
    "disputes_retained",
    "disputes_returned",
    "corrections",
    "top_ups",
    "credit_notes",
    UNKNOWN_TYPES,
    "payouts_returned",
    "aborted_earlier",
    "balance_change",
    "balance_chain_break",
    "payout_amount_difference",
)


def sum_payout_lines(
    ledger: LedgerSpans,
    payouts: Sequence[PayoutRow],
    first_day: date | None,
    last_day: date | None,
) -> LedgerPayoutSums:
    """Return what entries and payouts add to the lines of the leg, by sales unit and currency.

    Args:
        ledger: The ledgers, summed by date.
        payouts: The payouts, which the leg's total is the sum of.
        first_day: First day of the period, a ledger date; None where it has no beginning.
        last_day: Its last day; None where it has no end.
    """
    if not ledger.day_sums:
        return {}

    def is_inside(day: date) -> bool:
        return (first_day is None or first_day <= day) and (last_day is None or day <= last_day)

    sums: LedgerPayoutSums = defaultdict(dict)
    differences: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in ledger.day_sums:
        if is_inside(row.day):
            key = (row.msn, row.currency)
            _add(sums[key], "balance_change", -row.amount, 0)
            line = LINE_BY_TYPE.get(row.entry_type, UNKNOWN_TYPES)
            if row.is_payout:
                differences[key] += row.amount
            else:
                _add(sums[key], line, row.amount, row.rows)
    for span in ledger.spans:
        if span.gap_minor and is_inside(span.payouts[-1].day):
            key = (span.payouts[-1].msn, span.currency)
            _add(sums[key], "balance_chain_break", span.gap_minor)
            _add(sums[key], "balance_change", -span.gap_minor, 0)
    numbers = {(payout.ledger_id, payout.number) for payout in ledger.scheduled}
    for payout in filter(lambda payout: is_inside(payout.ledger_date), payouts):
        key = (payout.msn, payout.currency)
        _add(sums[key], "total", payout.amount)
        if payout.status == "aborted" and (payout.ledger_id, payout.number) not in numbers:
            _add(sums[key], "aborted_earlier", payout.amount)
        else:
            differences[key] += payout.amount
    for key, difference in differences.items():
        _add(sums[key], "payout_amount_difference", difference, int(difference != 0))
    for lines in sums.values():
        lines.setdefault(LINES[0], (0, 0))
    return dict(sums)


def _add(lines: dict[str, tuple[int, int]], line: str, amount: int, rows: int = 1) -> None:
    before, count = lines.get(line, (0, 0))
    lines[line] = (before + amount, count + rows)


def build_payout_bridge(sums: LedgerPayoutSums) -> list[dict[str, Any]]:
    """Return the rows of the leg, for `schemas.BRIDGE`.

    Raises:
        BridgeError: The lines of a sales unit and currency do not add up to the payouts.
    """
    return build_balanced_rows(LEG, {key: dict(lines) for key, lines in sums.items()}, LINES)
