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
