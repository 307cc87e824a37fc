"""Add what lies outside the month's own export: an earlier export, and orders of the next month."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from vippsrecon.scenario.calendar import FIRST_DAY, LAST_DAY, compute_local_moment
from vippsrecon.scenario.models import ScenarioOrder

EARLIER_DAY = date(2026, 10, 12)
"""The orders of this day are in an export of their own, taken early the next morning."""

EARLIER_FILE = "orders-12-october.csv"
EARLIER_EXPORTED_AT = compute_local_moment(date(2026, 10, 13), 6 * 3600, "NO")
"""Time of the earlier export; also the modification time of its file."""

NEXT_DAY = date(2026, 11, 1)
"""Local day of the orders of the next month, which the export of the month shows too."""

NEXT_MONTH_SHARE = 0.005
"""Orders of the next month, per payment of the whole."""

PERIOD = (FIRST_DAY, LAST_DAY)
"""The period to reconcile a month with orders of the next one."""


def show_order_at(order: ScenarioOrder, at: int) -> ScenarioOrder:
    """Return an order as an export of an earlier time shows it: what came later is not in it."""
    is_sent = order.fulfilled_at is not None and order.fulfilled_at <= at
    is_cancelled = order.cancelled_at is not None and order.cancelled_at <= at
    is_refunded = order.refunded_at is not None and order.refunded_at <= at
    return replace(
        order,
        status=order.status if is_sent or is_cancelled else "open",
        refunded=order.refunded if is_refunded else 0,
        fulfilled_at=order.fulfilled_at if is_sent else None,
        refunded_at=order.refunded_at if is_refunded else None,
        cancelled_at=order.cancelled_at if is_cancelled else None,
    )
