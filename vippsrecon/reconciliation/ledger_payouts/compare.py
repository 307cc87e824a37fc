"""Compare each ledger with its payouts: amounts, numbers, aborted payouts, balances and accounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from vippsrecon.reconciliation.ledger_payouts.bridge import LedgerPayoutSums, sum_payout_lines
from vippsrecon.reconciliation.ledger_payouts.negative_balances import find_negative_balances
from vippsrecon.reconciliation.ledger_payouts.payout_numbers import find_number_gaps
from vippsrecon.reconciliation.ledger_payouts.spans import (
    LedgerSpans,
    PayoutEntry,
    Span,
    collect_spans,
)
from vippsrecon.reconciliation.payouts_bank.changed_accounts import find_changed_accounts
from vippsrecon.reconciliation.payouts_bank.rows import PayoutRow, list_payouts
from vippsrecon.reconciliation.results.findings import (
    BucketRow,
    Finding,
    build_bucket_rows,
    build_findings,
)

QUESTION = "payout"
KINDS = (
    "payout_amount_difference",
    "payout_aborted",
    "payout_number_gap",
    "negative_balance_carried",
    "payout_account_changed",
)
"""The codes of this leg, in the order of `codes.CODES`."""

CHAIN_BREAK = "balance_chain_break"

PayoutKey = tuple[str, str]
"""(ledger_id, payout_number)."""


class LedgerPayouts(NamedTuple):
    """Ledgers compared with their payouts.

    Attributes:
        findings: One row per discrepancy, as `results.findings` defines it.
        buckets: One row per payout.
        sums: What the leg *payouts* of the bridge is made of; empty without ledger entries.
    """

    findings: pl.DataFrame
    buckets: pl.DataFrame
    sums: LedgerPayoutSums


def compare_ledger_payouts(
    ledger_entries: Any,
    payouts: pl.DataFrame,
    *,
    known_accounts: Mapping[str, str] | None = None,
    as_of_day: date | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
) -> LedgerPayouts:
    """Compare the funds entries of each ledger with its payouts.

    Args:
        ledger_entries: `schemas.LEDGER_ENTRIES` on any engine, or the lazy frame made of it. None:
            only numbers, accounts and aborted payouts are looked at.
        payouts: `schemas.PAYOUTS`.
        known_accounts: Ledger to the account that an earlier run saw its payouts go to.
        as_of_day: The day of the cut-off time: a ledger date from this day on has not ended, so its
            balance is not carried yet. None: all dates have ended.
        first_day: First day of the bridge's period; None where it has no beginning.
        last_day: Its last day; None where it has no end.
    """
    rows = list_payouts(payouts)
    ledger = (
        LedgerSpans([], [], [], []) if ledger_entries is None else collect_spans(ledger_entries)
    )
    findings = {
        "payout_aborted": list(_find_aborted(rows, ledger)),
        "payout_amount_difference": [
            *_find_other_amounts(rows, ledger),
            *_find_unfounded_amounts(ledger.spans),
        ],
        "payout_account_changed": list(find_changed_accounts(rows, known_accounts or {}, QUESTION)),
    }
    own = [finding for found in findings.values() for _, finding in found]
    others = [
        *find_number_gaps(rows, ledger.scheduled),
        *find_negative_balances(ledger.spans, as_of_day),
    ]
    return LedgerPayouts(
        build_findings([*own, *others]),
        build_bucket_rows(_bucket_payouts(rows, ledger, findings)),
        sum_payout_lines(ledger, rows, first_day, last_day),
    )


def _find_aborted(
    rows: Iterable[PayoutRow], ledger: LedgerSpans
) -> Iterator[tuple[PayoutKey, Finding]]:
    """Find payouts that were not sent, and whether a later payout sends the money."""
    returned = match_aborted(ledger)
    sent = {(payout.ledger_id, payout.number): payout for payout in ledger.scheduled}
    aborted = {(row.ledger_id, row.number): row for row in rows if row.status == "aborted"}
    for key in sorted({*returned, *aborted}):
        entry, row, payout = returned.get(key), aborted.get(key), sent.get(key)
        about = row or payout or entry
        assert about is not None
        amount = about.amount
        back = amount if entry is None else entry.amount
        is_paid_again = entry is not None and any(
            later.ledger_id == entry.ledger_id
            and later.currency == entry.currency
            and later.number != key[1]
            and later.day >= entry.day
            for later in ledger.scheduled
        )
        yield (
            key,
            Finding(
                QUESTION,
                "payout_aborted",
                "paid_again" if is_paid_again else "",
                about.msn,
                None,
                None,
                key[1],
                about.currency,
                amount,
                amount - back,
                0 if is_paid_again else abs(back),
                "",
                "",
            ),
        )


def match_aborted(ledger: LedgerSpans) -> dict[PayoutKey, PayoutEntry]:
    """Return the entry that takes each aborted payout back, by the payout's ledger and number.

    It has the payout's number; otherwise it is of the latest earlier payout of the same amount.
    """
    numbers = {(payout.ledger_id, payout.number) for payout in ledger.scheduled}
    found: dict[PayoutKey, PayoutEntry] = {}
    for entry in ledger.aborted:
        key = (entry.ledger_id, entry.number)
        if key not in numbers:
            candidates = [
                payout
                for payout in ledger.scheduled
                if payout.ledger_id == entry.ledger_id
                and payout.amount == entry.amount
                and payout.day <= entry.day
                and (payout.ledger_id, payout.number) not in found
            ]
            if candidates:
                key = (entry.ledger_id, candidates[-1].number)
        found[key] = entry
    return found


def _find_other_amounts(
    rows: Iterable[PayoutRow], ledger: LedgerSpans
) -> Iterator[tuple[PayoutKey, Finding]]:
    """Find payouts whose amount is not that of their entry, and those that one side lacks."""
    entered: defaultdict[PayoutKey, int] = defaultdict(int)
    listed: defaultdict[PayoutKey, int] = defaultdict(int)
    about: dict[PayoutKey, PayoutRow | PayoutEntry] = {}
    days: defaultdict[str, list[date]] = defaultdict(list)
    for day_sum in ledger.day_sums:
        days[day_sum.ledger_id].append(day_sum.day)
    for payout in ledger.scheduled:
        entered[payout.ledger_id, payout.number] += payout.amount
        about[payout.ledger_id, payout.number] = payout
    returned = match_aborted(ledger)
    for row in rows:
        key = (row.ledger_id, row.number)
        own = days.get(row.ledger_id)
        is_covered = own is not None and min(own) <= row.ledger_date <= max(own)
        if key in entered or (is_covered and key not in returned):
            listed[key] += row.amount
            about[key] = row
    for key in sorted({*entered, *listed}):
        expected, actual = entered.get(key), listed.get(key)
        if expected != actual:
            variant = (
                "not_on_ledger" if expected is None else "not_listed" if actual is None else ""
            )
            yield key, _make_difference(about[key], variant, expected, actual)


def _find_unfounded_amounts(spans: Iterable[Span]) -> Iterator[tuple[PayoutKey, Finding]]:
    """Find payouts of files without balances that are not what their entries add up to.

    Where the ledger states balances, the payout is what they say, and an entry that is missing breaks
    the chain of balances, which has its own code.
    """
    for span in spans:
        if not span.payouts or span.carried is not None:
            continue
        last = span.payouts[-1]
        if any(payout.before is not None for payout in span.payouts):
            continue
        if span.is_first and not last.from_file:
            continue
        others = span.paid_minor - last.amount
        expected = span.entries_minor - others
        if expected != last.amount:
            key = (last.ledger_id, last.number)
            yield key, _make_difference(last, "entries_differ", expected, last.amount)


def _make_difference(
    about: PayoutRow | PayoutEntry, variant: str, expected: int | None, actual: int | None
) -> Finding:
    return Finding(
        QUESTION,
        "payout_amount_difference",
        variant,
        about.msn,
        None,
        None,
        about.number,
        about.currency,
        expected,
        actual,
        abs((actual or 0) - (expected or 0)),
        "",
        "entries" if variant == "entries_differ" else "",
    )


def _bucket_payouts(
    rows: Iterable[PayoutRow],
    ledger: LedgerSpans,
    findings: Mapping[str, list[tuple[PayoutKey, Finding]]],
) -> Iterator[BucketRow]:
    kinds: dict[PayoutKey, str] = {}
    for kind, found in findings.items():
        for key, _ in found:
            kinds.setdefault(key, kind)
    entered = {(payout.ledger_id, payout.number) for payout in ledger.scheduled}
    broken = {
        (payout.ledger_id, payout.number)
        for span in ledger.spans
        if span.gap_minor
        for payout in span.payouts
    }
    for row in rows:
        key = (row.ledger_id, row.number)
        kind = kinds.get(key, "")
        bucket = "discrepancy" if kind else "matched" if key in entered else "not_checked"
        flags = CHAIN_BREAK if key in broken else ""
        yield BucketRow(
            "payouts", row.row_key, bucket, kind, flags, row.msn, row.currency, row.amount
        )
