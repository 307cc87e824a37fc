"""The four totals of a payment: what they still allow, and how two readings of them differ."""

from __future__ import annotations

from typing import NamedTuple

from vippsrecon.money import format_amount


class Aggregate(NamedTuple):
    """The total authorized, captured, refunded and cancelled on a payment, in minor units."""

    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    cancelled_minor: int


def compute_allowed_amount(verb: str, aggregate: Aggregate) -> int:
    """Return the largest amount a verb may move on a payment with these totals, in minor units.

    >>> compute_allowed_amount("refund", Aggregate(1000, 600, 100, 0))
    500
    >>> compute_allowed_amount("cancel", Aggregate(1000, 600, 100, 0))
    400
    >>> compute_allowed_amount("cancel", Aggregate(0, 0, 0, 900))
    0
    """
    if verb == "refund":
        return max(0, aggregate.captured_minor - aggregate.refunded_minor)
    return max(0, aggregate.authorized_minor - aggregate.captured_minor - aggregate.cancelled_minor)


def describe_change(before: Aggregate, after: Aggregate, currency: str) -> str:
    """Describe every total that differs between two readings of one payment.

    >>> describe_change(Aggregate(1000, 1000, 0, 0), Aggregate(1000, 1000, 300, 0), "NOK")
    'refunded was 0.00 NOK and is 3.00 NOK'
    """
    names = ("authorized", "captured", "refunded", "cancelled")
    return ", ".join(
        f"{name} was {format_amount(old_minor, currency)} and is {format_amount(new_minor, currency)}"
        for name, old_minor, new_minor in zip(names, before, after, strict=True)
        if old_minor != new_minor
    )
