"""Rows of the plain form, of Advanced Order Export (WooCommerce) and of Magento's order grid.

Formats: exports-facts §1.2, §1.3, and the plain form of design §5.
"""

from __future__ import annotations

from vippsrecon.scenario.calendar import iso_day, offset, wall, zone
from vippsrecon.scenario.models import Order
from vippsrecon.scenario.sales_units import SalesUnit

BRANDS = {"NO": "Vipps", "DK": "MobilePay", "FI": "MobilePay"}
"""What the payment method is called in a market."""


def major(minor: int, decimals: int = 2) -> str:
    """Return minor units as the dot decimals shops write.

    >>> major(49950), major(5, 4), major(-5)
    ('499.50', '0.0500', '-0.05')
    """
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), 100)
    return f"{sign}{whole}.{rest:02}".ljust(len(f"{sign}{whole}.") + decimals, "0")


FREIGHT = 4900
"""Freight within a total, where the total is large enough to hold it; minor units."""


def method_of(order: Order) -> str:
    """Return the payment method as the shop names it."""
    return order.tender or BRANDS[order.unit.market]


def reference_of(order: Order) -> str:
    """Return the payment reference the export shows; empty where it has none."""
    return order.references[0] if order.references else ""


PLAIN = (
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
)


def _iso(at: int | None, unit: SalesUnit) -> str:
    return "" if at is None else wall(at, unit.market, "T") + zone(at, unit.market)


def plain_rows(order: Order) -> list[list[str]]:
    """Return an order as its one row of the plain form."""
    return [
        [
            order.unit.msn,
            reference_of(order),
            order.number,
            order.currency,
            major(order.total),
            major(order.refunded),
            order.status,
            _iso(order.ordered_at, order.unit),
            _iso(order.fulfilled_at, order.unit),
            method_of(order),
            "yes" if order.paid else "no",
            _iso(order.refunded_at, order.unit),
        ]
    ]


WOOCOMMERCE = (
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


def woocommerce_rows(order: Order) -> list[list[str]]:
    """Return an order as its one row of Advanced Order Export."""
    if order.refunded >= order.total > 0 and order.status != "cancelled":
        status = "refunded"
    else:
        status = _WOO_STATUS.get(order.status, "processing" if order.paid else "pending")
    return [
        [
            order.number,
            order.number,
            status,
            wall(order.ordered_at, order.unit.market)[:-3],
            wall(order.fulfilled_at, order.unit.market)[:-3] if order.fulfilled_at else "",
            order.currency,
            "Test",
            "Kunde",
            method_of(order),
            reference_of(order),
            major(order.refunded),
            major(order.total),
        ]
    ]


MAGENTO = [
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


def _spelled_out(at: int, market: str) -> str:
    local = at + offset(at, market)
    year, month, day = iso_day(local // 86400).split("-")
    hour, rest = divmod(local % 86400, 3600)
    half = "AM" if hour < _NOON else "PM"
    face = f"{hour % _NOON or _NOON}:{rest // 60:02}:{rest % 60:02} {half}"
    return f"{_MONTHS[int(month)]} {int(day)}, {year} {face}"


def magento_rows(order: Order) -> list[list[str]]:
    """Return an order as its one row of the order grid."""
    if order.refunded >= order.total > 0:
        status = "Closed"
    else:
        status = _MAGENTO_STATUS.get(order.status, "Processing" if order.paid else "Pending")
    freight = FREIGHT if order.total > 2 * FREIGHT else 0
    total = major(order.total, 4)
    return [
        [
            reference_of(order),
            f"Main Website\n    Main Website Store\n        {order.unit.store}",
            _spelled_out(order.ordered_at, order.unit.market),
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
            major(order.total - freight, 4),
            major(freight, 4),
            "Test Kunde",
            method_of(order),
            major(order.refunded, 4),
        ]
    ]
