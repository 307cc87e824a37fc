"""Compare payouts with the bank: each payout and each bank line gets exactly one bucket.

A payout without a line is *timing* until it is overdue: expected before today, on a day that a
statement of its account covers. Where no statement covers its day because the statements begin later,
or none is of its account, it is not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.reconciliation.payouts_bank.accounts import may_be_one_account, normalize_account
from vippsrecon.reconciliation.payouts_bank.bridge import BankSums, sum_bank_lines
from vippsrecon.reconciliation.payouts_bank.changed_accounts import find_changed_accounts
from vippsrecon.reconciliation.payouts_bank.matching import (
    Matching,
    match_by_reference,
    settle_differences,
)
from vippsrecon.reconciliation.payouts_bank.proposals import (
    DAYS_WITHOUT_EXPECTED,
    match_by_amount_and_day,
    propose_sets,
)
from vippsrecon.reconciliation.payouts_bank.rows import (
    BankLine,
    PayoutRow,
    list_payouts,
    list_possible_lines,
)
from vippsrecon.reconciliation.payouts_bank.units import find_unit
from vippsrecon.reconciliation.results.findings import (
    BucketRow,
    Finding,
    build_bucket_rows,
    build_findings,
)

QUESTION = "bank"
KINDS = (
    "payout_not_in_bank",
    "bank_credit_unexplained",
    "timing_payout_in_transit",
    "other_bank_line",
)
"""The codes of this leg, besides those of the leg before it, in the order of `codes.CODES`."""

DIFFERENCE_IN_BANK = "bank"
"""Discriminator: a payout's amount may also differ between ledger and payout."""

SET_PROPOSED = "set_proposed"


class PayoutsBank(NamedTuple):
    """Payouts compared with the bank.

    Attributes:
        findings: One row per discrepancy, as `results.findings` defines it.
        buckets: One row per payout and per bank line.
        matches: `schemas.PAYOUT_MATCHES`.
        sums: What the leg *bank* of the bridge is made of.
    """

    findings: pl.DataFrame
    buckets: pl.DataFrame
    matches: pl.DataFrame
    sums: BankSums


def compare_payouts_bank(
    payouts: pl.DataFrame,
    bank_lines: pl.DataFrame,
    statement_days: Mapping[str, tuple[date, date]] | None,
    as_of_day: date,
    *,
    first_day: date | None = None,
    last_day: date | None = None,
) -> PayoutsBank:
    """Match payouts with bank lines and return what is missing, different or unexplained.

    Args:
        payouts: `schemas.PAYOUTS`.
        bank_lines: `schemas.BANK_LINES`, each line once.
        statement_days: Account to the first and last day that its statements cover; "" for
            statements that name no account. None: from the first to the last booked line of each.
        as_of_day: The day of the cut-off time. A payout expected on it or later is in transit.
        first_day: First day of the bridge's period; None where it has no beginning.
        last_day: Its last day; None where it has no end.
    """
    rows = list_payouts(payouts)
    lines, other_lines = list_possible_lines(bank_lines, rows)
    days = _normalize_days(statement_days) if statement_days is not None else _find_days(bank_lines)
    matching = match_by_reference(rows, lines)
    match_by_amount_and_day(matching)
    propose_sets(matching)
    settle_differences(matching)
    judged_payouts = [_judge_payout(matching, place, days, as_of_day) for place in range(len(rows))]
    judged_lines = [_judge_line(matching, place) for place in range(len(lines))]
    findings = [finding for _, finding in (*judged_payouts, *judged_lines) if finding is not None]
    findings += _find_accounts_in_bank(matching)
    buckets = [bucket for bucket, _ in (*judged_payouts, *judged_lines)]
    buckets += _bucket_other_lines(other_lines)
    return PayoutsBank(
        build_findings(findings),
        build_bucket_rows(buckets),
        _build_matches(matching),
        sum_bank_lines(
            matching,
            [
                bucket.bucket if bucket.bucket != "discrepancy" else bucket.kind
                for bucket, _ in judged_payouts
            ],
            {
                place: bucket.msn
                for place, (bucket, _) in enumerate(judged_lines)
                if bucket.kind == "bank_credit_unexplained"
            },
            first_day,
            last_day,
        ),
    )


def _find_accounts_in_bank(matching: Matching) -> list[Finding]:
    """Find payouts that arrived on another account than the ones before.

    Not every source says which account a payout goes to; the bank statement does. What the payouts
    themselves say is found by the leg before.
    """
    arrived = {
        match.payout: matching.lines[match.line].account
        for match in matching.matches
        if not match.proposed
    }
    rows = [
        payout._replace(account=arrived.get(place) or payout.account)
        for place, payout in enumerate(matching.payouts)
    ]
    stated = {key for key, _ in find_changed_accounts(matching.payouts, {}, QUESTION)}
    return [
        finding for key, finding in find_changed_accounts(rows, {}, QUESTION) if key not in stated
    ]


def _normalize_days(
    statement_days: Mapping[str, tuple[date, date]],
) -> dict[str, tuple[date, date]]:
    return {normalize_account(account): days for account, days in statement_days.items()}


def _find_days(bank_lines: pl.DataFrame) -> dict[str, tuple[date, date]]:
    spans = bank_lines.group_by("account").agg(
        first=pl.col("booked_date").min(), last=pl.col("booked_date").max()
    )
    return {
        normalize_account(row["account"]): (row["first"], row["last"])
        for row in spans.iter_rows(named=True)
    }


def _judge_payout(
    matching: Matching, place: int, days: Mapping[str, tuple[date, date]], as_of_day: date
) -> tuple[BucketRow, Finding | None]:
    payout = matching.payouts[place]
    proposed = place in matching.proposed_payouts
    flags = set(matching.payout_flags[place]) | ({SET_PROPOSED} if proposed else set())
    bucket, kind = "matched", ""
    if payout.status == "aborted":
        bucket, kind = "discrepancy", "payout_aborted"
    elif place in matching.differing:
        bucket, kind = "discrepancy", "payout_amount_difference"
    elif place in matching.free_payouts:
        bucket, kind = _judge_missing(payout, days, as_of_day)
    else:
        flags = set()
    joined = " ".join(sorted(flags))
    row = BucketRow(
        "payouts", payout.row_key, bucket, kind, joined, payout.msn, payout.currency, payout.amount
    )
    finding = Finding(
        QUESTION,
        kind,
        "",
        payout.msn,
        None,
        None,
        payout.number,
        payout.currency,
        payout.amount,
        None,
        payout.amount,
        joined,
        f"{payout.copy + 1}" if payout.copy else "",
    )
    if kind == "payout_amount_difference":
        actual = sum(matching.lines[line].amount for line in matching.differing[place])
        return row, finding._replace(
            variant="in_bank",
            actual=actual,
            at_risk=abs(actual - payout.amount),
            discriminator=":".join(filter(None, (DIFFERENCE_IN_BANK, finding.discriminator))),
        )
    if kind == "payout_not_in_bank":
        if proposed:
            return row, finding._replace(variant=SET_PROPOSED, at_risk=0)
        return row, finding._replace(variant="ambiguous" if flags else "")
    return row, None


def _judge_missing(
    payout: PayoutRow, days: Mapping[str, tuple[date, date]], as_of_day: date
) -> tuple[str, str]:
    """Return bucket and kind of a payout that no line is known to have paid."""
    covering = [
        span for account, span in days.items() if may_be_one_account(account, payout.account)
    ]
    expected = payout.expected_date
    latest = (
        payout.ledger_date + timedelta(days=DAYS_WITHOUT_EXPECTED) if expected is None else expected
    )
    if latest >= as_of_day:
        return "timing", "timing_payout_in_transit"
    if any(first <= latest <= last for first, last in covering):
        return "discrepancy", "payout_not_in_bank"
    if any(last < latest for _, last in covering):
        return "timing", "timing_payout_in_transit"
    return "not_checked", ""


def _judge_line(matching: Matching, place: int) -> tuple[BucketRow, Finding | None]:
    line = matching.lines[place]
    msn = find_unit(matching, place)
    if place in matching.reversed_lines:
        return _bucket_line(line, msn, "ignored", "other_bank_line", "reversed"), None
    if place not in matching.free_lines:
        matched = matching.payouts_by_line.get(place, [])
        if not matched:
            return _bucket_line(line, msn, "ignored", "other_bank_line", ""), None
        differs = any(payout in matching.differing for payout in matched)
        bucket = ("discrepancy", "payout_amount_difference") if differs else ("matched", "")
        return _bucket_line(line, msn, *bucket, ""), None
    proposed = place in matching.proposed_lines
    flags = set(matching.line_flags[place]) | ({SET_PROPOSED} if proposed else set())
    joined = " ".join(sorted(flags))
    row = _bucket_line(line, msn, "discrepancy", "bank_credit_unexplained", joined)
    finding = Finding(
        QUESTION,
        "bank_credit_unexplained",
        _choose_variant(matching, place, flags),
        msn,
        None,
        None,
        None,
        line.currency,
        None,
        line.amount,
        0 if proposed else abs(line.amount),
        joined,
        line.identity,
    )
    return row, finding


def _choose_variant(matching: Matching, place: int, flags: set[str]) -> str:
    named = [matching.payouts[payout] for payout in matching.named.get(place, ())]
    if matching.lines[place].amount < 0:
        return "taken_back"
    if SET_PROPOSED in flags:
        return SET_PROPOSED
    if named and all(payout.status == "aborted" for payout in named):
        return "payout_aborted"
    if flags:
        return "ambiguous"
    return "already_paid" if named else ""


def _bucket_line(line: BankLine, msn: str, bucket: str, kind: str, flags: str) -> BucketRow:
    return BucketRow(
        "bank_lines", line.row_key, bucket, kind, flags, msn, line.currency, line.amount
    )


def _bucket_other_lines(lines: pl.DataFrame) -> Iterator[BucketRow]:
    for file, row, currency, amount in lines.select(
        "source_file", "source_row", "currency", "amount_minor"
    ).iter_rows():
        yield BucketRow(
            "bank_lines", f"{file}:{row}", "ignored", "other_bank_line", "", "", currency, amount
        )


def _build_matches(matching: Matching) -> pl.DataFrame:
    rows = []
    for match in matching.matches:
        payout, line = matching.payouts[match.payout], matching.lines[match.line]
        rows.append(
            (
                payout.ledger_id,
                payout.msn,
                payout.number,
                payout.currency,
                line.source_file,
                line.source_row,
                line.amount,
                match.matched_by,
                match.proposed,
            )
        )
    types = schemas.polars_schema(schemas.PAYOUT_MATCHES)
    frame = pl.DataFrame(sorted(rows), schema=types, orient="row")
    return schemas.cast_to_schema(frame, schemas.PAYOUT_MATCHES)
