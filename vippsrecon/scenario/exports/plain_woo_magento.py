"""Build rows of three exports: plain, Advanced Order Export (WooCommerce), Magento's order grid.

The formats are described in `docs/order-exports.md`.
"""

from __future__ import annotations

from vippsrecon.scenario.calendar import (
    compute_utc_offset,
    find_local_day,
    format_iso_day,
    format_utc_offset,
    format_wall_time,
    get_brand,
)
from vippsrecon.scenario.models import ScenarioOrder
from vippsrecon.scenario.sales_units import ScenarioSalesUnit


def format_major(minor: int, decimals: int = 2) -> str:
    """Return minor units as a decimal number with a dot.

    >>> format_major(49950), format_major(5, 4), format_major(-5)
    ('499.50', '0.0500', '-0.05')
    """
    sign = "-" if minor < 0 else ""
    units, remainder = divmod(abs(minor), 100)
    return f"{sign}{units}.{remainder:02}".ljust(len(f"{sign}{units}.") + decimals, "0")


FREIGHT_MINOR = 4900
"""Freight included in a large enough total, in minor units."""


def get_payment_method(order: ScenarioOrder) -> str:
    """Return the payment method as the shop names it."""
    market = order.unit.market
    return order.tender or get_brand(market, find_local_day(order.ordered_at, market))


def get_shown_reference(order: ScenarioOrder) -> str:
    """Return the payment reference in the export; empty if there is none."""
    return order.references[0] if order.references else ""


PLAIN_COLUMNS = (
    "msn",
    "reference",
    "order_number",
    "currency",
    "total",
    "refunded",
    "status",
    "ordered_at",
    "fulfilled_at",
    "payment_method",
    "paid",
    "refunded_at",
    "refunded_by_hand",
)


def _format_iso_time(at: int | None, unit: ScenarioSalesUnit) -> str:
    return (
        ""
        if at is None
        else format_wall_time(at, unit.market, "T") + format_utc_offset(at, unit.market)
    )


def build_plain_rows(order: ScenarioOrder) -> list[list[str]]:
    """Return an order as a row of the plain format."""
    return [
        [
            order.unit.msn,
            get_shown_reference(order),
            order.number,
            order.currency,
            format_major(order.total),
            format_major(order.refunded),
            order.status,
            _format_iso_time(order.ordered_at, order.unit),
            _format_iso_time(order.fulfilled_at, order.unit)[: 10 if order.days_only else None],
            get_payment_method(order),
            "yes" if order.paid else "no",
            _format_iso_time(order.refunded_at, order.unit),
            "yes" if order.refunded_by_hand else "",
        ]
    ]


WOOCOMMERCE_COLUMNS = (
    "Order Number",
    "Order Id",
    "Order Status",
    "Order Date",
    "Completed Date",
    "Currency",
    "First Name (Billing)",
    "Last Name (Billing)",
    "Payment Method Title",
    "Transaction Id",
    "Order Refund Amount",
    "Order Total Amount",
)
_WOO_STATUS = {"fulfilled": "completed", "cancelled": "cancelled"}


def build_woocommerce_rows(order: ScenarioOrder) -> list[list[str]]:
    """Return an order as a row of Advanced Order Export."""
    if order.refunded >= order.total > 0 and order.status != "cancelled":
        status = "refunded"
    else:
        status = _WOO_STATUS.get(order.status, "processing" if order.paid else "pending")
    return [
        [
            order.number,
            order.number,
            status,
            format_wall_time(order.ordered_at, order.unit.market)[:-3],
            format_wall_time(order.fulfilled_at, order.unit.market)[:-3]
            if order.fulfilled_at
            else "",
            order.currency,
            "Test",
            "Kunde",
            get_payment_method(order),
            get_shown_reference(order),
            format_major(order.refunded),
            format_major(order.total),
        ]
    ]


MAGENTO_COLUMNS = [
    "ID",
    "Purchase Point",
    "Purchase Date",
    "Bill-to Name",
    "Ship-to Name",
    "Grand Total (Base)",
    "Grand Total (Purchased)",
    "Status",
    "Billing Address",
    "Shipping Address",
    "Shipping Information",
    "Customer Email",
    "Customer Group",
    "Subtotal",
    "Shipping and Handling",
    "Customer Name",
    "Payment Method",
    "Total Refunded",
]
_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MAGENTO_STATUS = {"fulfilled": "Complete", "cancelled": "Canceled"}
_NOON = 12


def _format_magento_time(at: int, market: str) -> str:
    local = at + compute_utc_offset(at, market)
    year, month, day = format_iso_day(local // 86400).split("-")
    hour, remainder = divmod(local % 86400, 3600)
    half = "AM" if hour < _NOON else "PM"
    clock = f"{hour % _NOON or _NOON}:{remainder // 60:02}:{remainder % 60:02} {half}"
    return f"{_MONTHS[int(month)]} {int(day)}, {year} {clock}"


def build_magento_rows(order: ScenarioOrder) -> list[list[str]]:
    """Return an order as a row of the order grid."""
    if order.refunded >= order.total > 0:
        status = "Closed"
    else:
        status = _MAGENTO_STATUS.get(order.status, "Processing" if order.paid else "Pending")
    freight = FREIGHT_MINOR if order.total > 2 * FREIGHT_MINOR else 0
    total = format_major(order.total, 4)
    return [
        [
            get_shown_reference(order),
            f"Main Website\n    Main Website Store\n        {order.unit.store}",
            _format_magento_time(order.ordered_at, order.unit.market),
            "Test Kunde",
            "Test Kunde",
            total,
            total,
            status,
            "Testgata 1 Testby 0000",
            "Testgata 1 Testby 0000",
            "Flat Rate - Fixed",
            "test.kunde@example.com",
            "General",
            format_major(order.total - freight, 4),
            format_major(freight, 4),
            "Test Kunde",
            get_payment_method(order),
            format_major(order.refunded, 4),
        ]
    ]
