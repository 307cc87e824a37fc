"""Find balances below zero that are carried to a later payout: refunds exceeded captures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import accumulate
from statistics import median_low

from vippsrecon.reconciliation.ledger_payouts.spans import LedgerKey, Span
from vippsrecon.reconciliation.results.findings import Finding

QUESTION = "payout"


def find_negative_balances(spans: Iterable[Span], as_of_day: date | None) -> Iterator[Finding]:
    """Find each span in which the ledger ended a date below zero and no payout was made.

    Vipps MobilePay pays nothing out until captures have covered the balance, and sends an invoice if
    that takes too long. Within the usual time between two payouts, a balance below zero is nothing
    unusual where payouts are weekly or monthly, so only a longer span counts, or one without a payout.

    Args:
        spans: All ledgers, divided by their payouts.
        as_of_day: A ledger date from this day on has not ended; None: all dates have.
    """
    by_ledger: defaultdict[LedgerKey, list[Span]] = defaultdict(list)
    for span in spans:
        ended = tuple(each for each in span.sums if as_of_day is None or each[0] < as_of_day)
        by_ledger[span.ledger_id, span.currency].append(
            span if span.payouts else span._replace(sums=ended)
        )
    for own in by_ledger.values():
        usual_days = _find_usual_days(own)
        for position, span in enumerate(own):
            finding = _find_negative(span, own[position - 1] if position else None, usual_days)
            if finding is not None:
                yield finding


def _find_usual_days(spans: Sequence[Span]) -> int:
    """Return the usual number of days that a span's entries cover."""
    lengths = [_count_days(span) for span in spans if span.payouts and span.sums]
    return median_low(lengths) if lengths else 0


def _count_days(span: Span) -> int:
    last = span.payouts[-1].day if span.payouts else span.sums[-1][0]
    return (last - span.sums[0][0]).days + 1


def _find_negative(span: Span, before: Span | None, usual_days: int) -> Finding | None:
    if span.carried is None or not span.sums:
        return None
    balances = list(accumulate((amount for _, amount in span.sums), initial=span.carried))
    is_open = not span.payouts and balances[-1] < 0
    # The payout is made at the end of the last date, so the balance of that date is not carried.
    carried = balances[:-1] if span.payouts else balances
    lowest = min(carried)
    if not is_open and (lowest >= 0 or not 0 < usual_days < _count_days(span)):
        return None
    number = span.payouts[0].number if span.payouts else _guess_next_number(before)
    return Finding(
        QUESTION,
        "negative_balance_carried",
        "" if is_open else "deducted",
        span.msn,
        None,
        None,
        number,
        span.currency,
        0,
        balances[-1] if is_open else lowest,
        -balances[-1] if is_open else 0,
        "",
        "" if number else span.ledger_id,
    )


def _guess_next_number(before: Span | None) -> str | None:
    """Return the number that the next payout will have: with it, the finding keeps its id."""
    last = before.payouts[-1].number if before is not None and before.payouts else ""
    return str(int(last) + 1) if last.isdigit() else None
