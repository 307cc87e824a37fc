"""Build rows of Shopify's order export: 79 columns, one row per line item."""

from __future__ import annotations

from vippsrecon.scenario.calendar import format_utc_offset, format_wall_time
from vippsrecon.scenario.exports.plain_woo_magento import (
    FREIGHT_MINOR,
    format_major,
    get_payment_method,
    get_shown_reference,
)
from vippsrecon.scenario.models import ScenarioOrder
from vippsrecon.scenario.sales_units import ScenarioSalesUnit

SHOPIFY_HEADER = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,"
    "Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem compare at price,"
    "Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,"
    "Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,"
    "Billing City,Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,"
    "Shipping Street,Shipping Address1,Shipping Address2,Shipping Company,Shipping City,"
    "Shipping Zip,Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,"
    "Cancelled at,Payment Method,Payment Reference,Refunded Amount,Vendor,"
    "Outstanding Balance,Employee,Location,Device ID,Id,Tags,Risk Level,Source,"
    "Lineitem discount,Tax 1 Name,Tax 1 Value,Tax 2 Name,Tax 2 Value,Tax 3 Name,"
    "Tax 3 Value,Tax 4 Name,Tax 4 Value,Tax 5 Name,Tax 5 Value,Phone,Receipt Number,Duties,"
    "Billing Province Name,Shipping Province Name,Payment ID,Payment Terms Name,"
    "Next Payment Due At,Payment References"
)
"""The 79 columns of an export of 2026, joined by commas."""

_COLUMNS = SHOPIFY_HEADER.split(",")
_COLUMN_POSITIONS = {name: place for place, name in enumerate(_COLUMNS)}
_TWO_LINES_FROM = 60000


def _format_shopify_time(at: int | None, unit: ScenarioSalesUnit) -> str:
    return (
        ""
        if at is None
        else f"{format_wall_time(at, unit.market)} {format_utc_offset(at, unit.market, '')}"
    )


def _choose_financial_status(order: ScenarioOrder) -> str:
    if order.authorization:
        return order.authorization
    if not order.paid:
        return "voided" if order.status == "cancelled" else "pending"
    if order.refunded:
        return "refunded" if order.refunded >= order.total else "partially_refunded"
    return "authorized" if order.status == "open" else "paid"


def build_shopify_rows(order: ScenarioOrder) -> list[list[str]]:
    """Return an order as one row per line item; large orders have two line items."""
    unit = order.unit
    freight = FREIGHT_MINOR if order.total > 2 * FREIGHT_MINOR else 0
    goods = order.total - freight
    second = goods // 3 if goods > _TWO_LINES_FROM else 0
    financial = _choose_financial_status(order)
    unpaid = financial in {"expired", "pending", "voided"}
    shipped = order.fulfilled_at is not None
    first_row = {
        "Name": order.number,
        "Financial Status": financial,
        "Paid at": ""
        if unpaid or financial == "authorized"
        else _format_shopify_time(order.fulfilled_at or order.ordered_at, unit),
        "Fulfillment Status": order.status if shipped else "unfulfilled",
        "Fulfilled at": _format_shopify_time(order.fulfilled_at, unit),
        "Accepts Marketing": "no",
        "Currency": order.currency,
        "Subtotal": format_major(goods),
        "Shipping": format_major(freight),
        "Taxes": format_major(order.total // 5),
        "Total": format_major(order.total),
        "Discount Amount": "0.00",
        "Shipping Method": "Standard",
        "Created at": _format_shopify_time(order.ordered_at, unit),
        "Lineitem quantity": "1",
        "Lineitem name": "Ullgenser",
        "Lineitem price": format_major(goods - second),
        "Lineitem requires shipping": "true",
        "Lineitem taxable": "true",
        "Lineitem fulfillment status": "fulfilled" if shipped else "pending",
        "Billing Name": "Test Kunde",
        "Cancelled at": _format_shopify_time(order.cancelled_at, unit),
        "Payment Method": get_payment_method(order) if order.references else "",
        "Payment Reference": get_shown_reference(order),
        "Refunded Amount": format_major(order.refunded),
        "Vendor": unit.store,
        "Outstanding Balance": format_major(order.total if unpaid else 0),
        "Id": f"77{order.number[1:]:0>11}",
        "Risk Level": "Low",
        "Source": "web",
        "Lineitem discount": "0.00",
        "Payment ID": get_shown_reference(order),
        "Payment References": ", ".join(order.references),
    }
    rows = [_build_shopify_row(first_row)]
    if second:
        rows.append(
            _build_shopify_row(
                {
                    "Name": order.number,
                    "Created at": first_row["Created at"],
                    "Lineitem quantity": "1",
                    "Lineitem name": "Lue, strikket",
                    "Lineitem price": format_major(second),
                    "Lineitem requires shipping": "true",
                    "Lineitem taxable": "true",
                    "Lineitem fulfillment status": first_row["Lineitem fulfillment status"],
                    "Vendor": unit.store,
                    "Lineitem discount": "0.00",
                }
            )
        )
    return rows


def _build_shopify_row(values: dict[str, str]) -> list[str]:
    row = [""] * len(_COLUMNS)
    for name, value in values.items():
        row[_COLUMN_POSITIONS[name]] = value
    return row
