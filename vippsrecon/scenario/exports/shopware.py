"""Build rows of Shopware's order export, with the columns that its default profile lacks.

The export has no amounts of refunds: its states say only that there was one.
"""

from __future__ import annotations

from vippsrecon.scenario.calendar import format_wall_time
from vippsrecon.scenario.exports.plain_woo_magento import (
    format_major,
    get_payment_method,
    get_shown_reference,
)
from vippsrecon.scenario.models import ScenarioOrder

SHOPWARE_COLUMNS = (
    "id",
    "order_number",
    "sales_channel_id",
    "customer_firstname",
    "customer_lastname",
    "customer_email",
    "amount_total",
    "order_state_id",
    "line_items",
    "order_date_time",
    "currency.isoCode",
    "transactions.paymentMethod",
    "transactions.stateMachineState",
    "deliveries.stateMachineState",
)
_DELIVERY_STATES = {"fulfilled": "shipped", "partial": "shipped_partially"}


def is_truncated(minor: int) -> bool:
    """Return whether Shopware's plugin sends less than this amount: it truncates a float product.

    >>> is_truncated(1999), is_truncated(2000)
    (True, False)
    """
    return int(minor / 100 * 100) < minor


def _choose_transaction_state(order: ScenarioOrder) -> str:
    if not order.paid:
        return "cancelled" if order.status == "cancelled" else "open"
    if order.refunded:
        return "refunded" if order.refunded >= order.total else "refunded_partially"
    return "authorized" if order.status == "open" else "paid"


def build_shopware_rows(order: ScenarioOrder) -> list[list[str]]:
    """Return an order as a row of the export."""
    return [
        [
            get_shown_reference(order),
            order.number,
            order.unit.store,
            "Test",
            "Kunde",
            "test.kunde@example.com",
            format_major(order.total),
            "cancelled" if order.status == "cancelled" else "in_progress",
            "1x Ullgenser",
            format_wall_time(order.ordered_at, order.unit.market) + ".000",
            order.currency,
            get_payment_method(order),
            _choose_transaction_state(order),
            _DELIVERY_STATES.get(order.status, order.status),
        ]
    ]
