"""Define a check, and the columns and helpers that checks are written with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.days import DAY_US

O, Or, A, C, R, X, K, E, Er = (  # noqa: E741 - the letters of the rules
    nw.col(letter) for letter in ("O", "Or", "A", "C", "R", "X", "K", "E", "Er")
)
STATUS = nw.col("status")
STATE = nw.col("state")
ROLE = nw.col("role")
HAS_PAYMENT = nw.col("has_payment")
TOLERANCE = nw.col("tolerance")

ZERO_AMOUNT = nw.lit(0)
UNKNOWN_AMOUNT = nw.lit(None).cast(nw.Int64)
NOTHING_CAPTURABLE = nw.col("deadline_passed") | (K == 0)
"""True where no more can be captured: the deadline has passed or nothing is capturable."""


class Check(NamedTuple):
    """Four expressions over `pairs`, in minor units of the row's currency.

    Attributes:
        applies: True where the pair has this check's kind.
        expected: The amount according to the order.
        actual: The amount according to Vipps MobilePay; the difference is actual minus expected.
        at_risk: Money that may be lost or owed, never negative.
    """

    applies: nw.Expr
    expected: nw.Expr = UNKNOWN_AMOUNT
    actual: nw.Expr = UNKNOWN_AMOUNT
    at_risk: nw.Expr = ZERO_AMOUNT


class CheckFunction(Protocol):
    """A check: a function without arguments. Its name is the kind it reports."""

    __name__: str

    def __call__(self) -> Check:
        """Return the check's four expressions."""
        ...


Questions = Mapping[str, Sequence[CheckFunction]]
"""Each question with its checks, in order of precedence."""


def has_status(*statuses: str) -> nw.Expr:
    """Return where the order has one of these statuses, as `orders_payments.variables` derives them."""
    return STATUS.is_in(list(statuses))


def positive_part(value: nw.Expr) -> nw.Expr:
    """Return the value where it is above zero, else zero."""
    return nw.when(value > 0).then(value).otherwise(nw.lit(0))


def minimum_of(first: nw.Expr, other: nw.Expr) -> nw.Expr:
    """Return the smaller of two values."""
    return nw.when(first < other).then(first).otherwise(other)


def maximum_of(first: nw.Expr, other: nw.Expr) -> nw.Expr:
    """Return the larger of two values."""
    return nw.when(first > other).then(first).otherwise(other)


def is_within_days(left_us: nw.Expr, days: int) -> nw.Expr:
    """Return where a deadline has not passed and is at most this many days away."""
    return ((left_us >= 0) & (left_us <= days * DAY_US)).fill_null(value=False)
