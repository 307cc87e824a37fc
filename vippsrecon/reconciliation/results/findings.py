"""Define what a leg after the first one returns: findings, and the bucket of each of its rows.

A finding is a discrepancy that is not graded yet: severity, age, id and sentences are added where all
legs come together. Payouts and bank lines are few, so these frames are in Polars on every engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import polars as pl


class Finding(NamedTuple):
    """One discrepancy before it is graded.

    Attributes:
        question: The check it comes from.
        kind: The code.
        variant: Which of the code's sentences; "" for the one that fits always.
        msn: The sales unit.
        reference: The merchant's id of the payment; None where it is not about one payment.
        order_number: Of the order; None where it is not about one order.
        payout_number: The payout's number within its ledger; None where it is about no payout.
        currency: Of the amounts.
        expected, actual: In minor units; None where there is none.
        at_risk: Money that may be lost or owed, in minor units.
        flags: Sorted and separated by one space.
        discriminator: Distinguishes findings with one kind, sales unit and number; else "".
    """

    question: str
    kind: str
    variant: str
    msn: str
    reference: str | None
    order_number: str | None
    payout_number: str | None
    currency: str
    expected: int | None
    actual: int | None
    at_risk: int
    flags: str
    discriminator: str


class BucketRow(NamedTuple):
    """The bucket of one input row, with what a summary needs: sales unit, currency and amount."""

    side: str
    row_key: str
    bucket: str
    kind: str
    flags: str
    msn: str
    currency: str
    amount_minor: int


FINDING_TYPES: dict[str, type[pl.DataType]] = {
    "question": pl.String,
    "kind": pl.String,
    "variant": pl.String,
    "msn": pl.String,
    "reference": pl.String,
    "order_number": pl.String,
    "payout_number": pl.String,
    "currency": pl.String,
    "expected": pl.Int64,
    "actual": pl.Int64,
    "at_risk": pl.Int64,
    "flags": pl.String,
    "discriminator": pl.String,
}
BUCKET_TYPES: dict[str, type[pl.DataType]] = {
    "side": pl.String,
    "row_key": pl.String,
    "bucket": pl.String,
    "kind": pl.String,
    "flags": pl.String,
    "msn": pl.String,
    "currency": pl.String,
    "amount_minor": pl.Int64,
}


def build_findings(findings: Iterable[Finding]) -> pl.DataFrame:
    """Return findings as a frame, in an order that depends on nothing but their values."""
    rows = sorted(
        findings, key=lambda row: tuple("" if value is None else str(value) for value in row)
    )
    return pl.DataFrame(rows, schema=FINDING_TYPES, orient="row")


def build_bucket_rows(rows: Iterable[BucketRow]) -> pl.DataFrame:
    """Return bucket rows as a frame, sorted."""
    return pl.DataFrame(sorted(rows), schema=BUCKET_TYPES, orient="row")


_RANKS = ("matched", "ignored", "not_checked", "timing", "discrepancy")
"""A payout that two legs look at is in the later of its two buckets."""


def merge_payout_buckets(
    ledger_payout: pl.DataFrame | None, payout_bank: pl.DataFrame | None
) -> pl.DataFrame:
    """Return one bucket for each payout, which two legs look at, and all other rows unchanged.

    Args:
        ledger_payout: Buckets of the leg from ledger to payouts; None if it did not run.
        payout_bank: Buckets of the leg from payouts to the bank. None if it did not run: then no payout
            is compared with the bank, and those that agree with the ledger are *not_checked*.
    """
    if payout_bank is None:
        buckets = build_bucket_rows(()) if ledger_payout is None else ledger_payout
        agrees = (pl.col("side") == "payouts") & (pl.col("bucket") == "matched")
        bucket = pl.when(agrees).then(pl.lit("not_checked")).otherwise("bucket")
        return buckets.with_columns(bucket=bucket)
    if ledger_payout is None:
        return payout_bank
    first, second = (
        [BucketRow(*row) for row in leg.iter_rows()] for leg in (ledger_payout, payout_bank)
    )
    merged = [row for row in (*first, *second) if row.side != "payouts"]
    # A number that is listed twice has two rows in each leg, in the same order of amounts.
    pairs = zip(_sort_payouts(first), _sort_payouts(second), strict=True)
    merged += [
        max(pair, key=lambda row: _RANKS.index(row.bucket))._replace(
            flags=" ".join(sorted({flag for row in pair for flag in row.flags.split()}))
        )
        for pair in pairs
    ]
    return build_bucket_rows(merged)


def _sort_payouts(rows: Iterable[BucketRow]) -> list[BucketRow]:
    payouts = (row for row in rows if row.side == "payouts")
    return sorted(payouts, key=lambda row: (row.row_key, row.msn, row.currency, row.amount_minor))
