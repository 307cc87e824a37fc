"""What a check is made of, and the words checks are written in."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.days import DAY_US

O, Or, A, C, R, X, K, E, Er = (  # noqa: E741 - the rules' own letters
    nw.col(letter) for letter in ("O", "Or", "A", "C", "R", "X", "K", "E", "Er")
)
STATUS = nw.col("status")
STATE = nw.col("state")
ROLE = nw.col("role")
HAS_PAYMENT = nw.col("has_payment")
TOLERANCE = nw.col("tolerance")

ALWAYS = nw.lit(value=True)
ZERO_AMOUNT = nw.lit(0)
UNKNOWN_AMOUNT = nw.lit(None).cast(nw.Int64)
NOTHING_CAPTURABLE = nw.col("deadline_passed") | (K == 0)
"""Nothing more can be captured."""


class Check(NamedTuple):
    """Four expressions over `pairs`, in minor units of the row's currency.

    Attributes:
        applies: Where the check's kind is the answer.
        expected: What the order says.
        actual: What Vipps MobilePay says; the difference is actual minus expected.
        at_risk: Money that may be lost or owed, never negative.
    """

    applies: nw.Expr
    expected: nw.Expr = UNKNOWN_AMOUNT
    actual: nw.Expr = UNKNOWN_AMOUNT
    at_risk: nw.Expr = ZERO_AMOUNT


class CheckFunction(Protocol):
    """A check: a function without arguments, whose name is its kind."""

    __name__: str

    def __call__(self) -> Check:
        """Return the four expressions."""
        ...


def has_status(*statuses: str) -> nw.Expr:
    """The order's status, after the readings of `letters`."""
    return STATUS.is_in(list(statuses))


def positive_part(value: nw.Expr) -> nw.Expr:
    """The value where above zero, else zero."""
    return nw.when(value > 0).then(value).otherwise(nw.lit(0))


def minimum_of(one: nw.Expr, other: nw.Expr) -> nw.Expr:
    """The smaller of two."""
    return nw.when(one < other).then(one).otherwise(other)


def is_within_days(left_us: nw.Expr, days: int) -> nw.Expr:
    """A deadline that has not passed and is at most so many days away."""
    return ((left_us >= 0) & (left_us <= days * DAY_US)).fill_null(value=False)
