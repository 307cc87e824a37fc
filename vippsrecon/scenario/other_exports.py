"""Add what lies outside the month's own export: an earlier export, and orders of the next month.

An export of its own has the orders of one day, taken early the next morning. The export of the month
shows the orders of the first day of the next month too.
"""

from __future__ import annotations

from dataclasses import replace

from vippsrecon.scenario.calendar import (
    DAYS_IN_MONTH,
    FIRST_DAY,
    LAST_DAY,
    OCTOBER_2026,
    ScenarioMonth,
    compute_local_moment,
)
from vippsrecon.scenario.models import ScenarioOrder

EARLIER_DAY_NUMBER = 12
"""Day of the month whose orders are in an export of their own."""

NEXT_DAY_NUMBER = DAYS_IN_MONTH + 1
"""Number of the day of the orders of the next month."""

NEXT_MONTH_SHARE = 0.005
"""Orders of the next month, per payment of the whole."""

PERIOD = (FIRST_DAY, LAST_DAY)
"""The period to reconcile October 2026 with orders of the next month."""


def name_earlier_file(month: ScenarioMonth) -> str:
    """Return the name of the earlier export."""
    return f"orders-{EARLIER_DAY_NUMBER}-{month.name}.csv"


def compute_earlier_export(month: ScenarioMonth) -> int:
    """Return the time of the earlier export; also the modification time of its file."""
    return compute_local_moment(month.find_day(EARLIER_DAY_NUMBER + 1), 6 * 3600, "NO")


EARLIER_FILE = name_earlier_file(OCTOBER_2026)


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
