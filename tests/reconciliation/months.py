"""Orders and payments of October and November 2026, exported and fetched in December."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vippsrecon.config.settings import SalesUnit
from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.example_rows import (
    EXAMPLE_MSN,
    make_order_row,
    make_payment_rows,
    utc_day_number,
)
from vippsrecon.reconciliation.result import build_frame
from vippsrecon.schemas import EVENTS, ORDERS, PAYMENTS

EXPORTED = datetime(2026, 12, 5, 8, tzinfo=UTC)


def reconcile_both(orders, payments, **period):
    """Compare orders with (payment, events) rows at one cut-off time in December."""
    events = [event for _, log in payments for event in log]
    return reconcile(
        build_frame(orders, ORDERS),
        build_frame([payment for payment, _ in payments], PAYMENTS),
        build_frame(events, EVENTS),
        units=[SalesUnit(EXAMPLE_MSN, market="NO")],
        **period,
    )


def make_pair(reference="order-0001", ordered=5, captured=(), refunded=None, **arguments):
    """Make an order of a day counted from 1 October, and its payment with captures on such days.

    Each of `captured` is (day, amount); `refunded` is one such pair.
    """
    at = _day(ordered)
    total = sum(amount for _, amount in captured)
    payment, log = make_payment_rows(
        reference=reference,
        A=total,
        captures=[amount for _, amount in captured],
        R=refunded[1] if refunded else 0,
        authorized=at,
        captured=at,
        refunded=_day(refunded[0]) if refunded else at,
    )
    days = [day for day, _ in captured]
    for event in log:
        if event["name"] == "CAPTURED":
            event["event_at"] = _day(days.pop(0))
            event["event_day"] = utc_day_number(event["event_at"])
    payment["fetched_at"] = EXPORTED
    order = make_order_row(
        **{
            "reference": reference,
            "order_number": reference,
            "ordered_at": at,
            "ordered_day": utc_day_number(at),
            "total_minor": total,
            "refunded_minor": refunded[1] if refunded else 0,
            "refunded_at": _day(refunded[0]) if refunded else None,
            "fulfilled_at": at,
            "exported_at": EXPORTED,
        }
        | arguments
    )
    return order, (payment, log)


def _day(number):
    return datetime(2026, 10, 1, 12, tzinfo=UTC) + timedelta(days=number - 1)
