"""Write the exports of a healthy month in the format of each shop; see `healthy_sales`."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.workflow.healthy_sales import MSN, Sale

OSLO = ZoneInfo("Europe/Oslo")


def major(minor: int, digits: int = 2) -> str:
    """Return minor units as a shop writes them.

    >>> major(24950), major(24950, 4)
    ('249.50', '249.5000')
    """
    return f"{minor // 100}.{minor % 100:02}" + "0" * (digits - 2)


def as_csv(rows: list[dict[str, Any]], delimiter: str = ",") -> str:
    """Return rows as the text of a CSV file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def utc(moment: datetime | None) -> str:
    """Return a moment in UTC as text, or an empty text."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""


def write_plain(sales: list[Sale]) -> str:
    """Write the plain format."""
    rows = []
    for sale in sales:
        status = "open"
        if sale.cancelled:
            status = "cancelled"
        elif sale.shipped:
            status = "partial" if sale.shipped_in_part else "fulfilled"
        rows.append(
            {
                "msn": MSN,
                "reference": sale.reference if sale.by_vipps else "",
                "order_number": sale.number,
                "currency": "NOK",
                "total": major(sale.total),
                "refunded": major(sale.given_back),
                "status": status,
                "ordered_at": utc(sale.ordered),
                "fulfilled_at": utc(sale.shipped),
                "payment_method": "Vipps" if sale.by_vipps else "Visa",
                "paid": "yes" if sale.authorized or not sale.by_vipps else "no",
            }
        )
    return as_csv(rows)


def write_shopify(sales: list[Sale]) -> str:
    """Write Shopify's order export: one line per article, the order's cells only on the first."""

    def local(moment: datetime | None) -> str:
        return f"{moment.astimezone(OSLO):%Y-%m-%d %H:%M:%S %z}" if moment else ""

    rows: list[dict[str, Any]] = []
    for sale in sales:
        captured = any(e[0] == "CAPTURED" for a in sale.attempts for e in a["events"])
        financial = "paid" if captured or not sale.by_vipps else "authorized"
        if sale.cancelled and not captured:
            financial = "voided"
        elif sale.given_back:
            financial = "refunded" if sale.given_back >= sale.total else "partially_refunded"
        elif sale.shipped_in_part:
            financial = "partially_paid"
        fulfillment = "unfulfilled"
        if sale.shipped:
            fulfillment = "partial" if sale.shipped_in_part else "fulfilled"
        method = "Vipps MobilePay" if sale.by_vipps else "Shopify Payments"
        rows.append(
            {
                "Name": f"#{sale.number}",
                "Email": "",
                "Financial Status": financial,
                "Paid at": local(sale.ordered) if captured else "",
                "Fulfillment Status": fulfillment,
                "Fulfilled at": local(sale.shipped),
                "Accepts Marketing": "no",
                "Currency": "NOK",
                "Total": major(sale.total),
                "Created at": local(sale.ordered),
                "Lineitem quantity": 1,
                "Lineitem name": "Mug, blue",
                "Lineitem price": major(sale.total),
                "Lineitem fulfillment status": "",
                "Cancelled at": local(sale.cancelled),
                "Payment Method": method if sale.total else "",
                "Payment Reference": sale.reference if sale.by_vipps else "",
                "Refunded Amount": major(sale.given_back),
                "Vendor": "Mugs",
                "Outstanding Balance": "0.00",
                "Id": 7700000 + sale.number,
                "Risk Level": "Low",
                "Payment ID": sale.reference if sale.by_vipps else "",
                "Payment References": sale.reference if sale.by_vipps else "",
            }
        )
        if sale.number % 3 == 0:
            again = {"Name", "Email", "Created at", "Vendor"}
            line = {name: value if name in again else "" for name, value in rows[-1].items()}
            rows.append(line | {"Lineitem quantity": 2, "Lineitem name": "Bag"})
    return as_csv(rows)


def woo_status(sale: Sale) -> str:
    """Return WooCommerce's status of an order."""
    if sale.failed:
        return "failed" if sale.number % 3 else "pending"
    if sale.cancelled:
        return "cancelled" if sale.given_back == 0 else "refunded"
    if sale.given_back and sale.given_back >= sale.total:
        return "refunded"
    if sale.shipped:
        return "completed"
    return "processing" if sale.authorized else "pending"


def write_woocommerce_rest(sales: list[Sale]) -> str:
    """Write the orders as WooCommerce's REST API gives them."""

    def gmt(moment: datetime | None) -> str | None:
        return f"{moment:%Y-%m-%dT%H:%M:%S}" if moment else None

    orders = []
    for sale in sales:
        refunds = []
        if sale.given_back:
            refunds = [
                {"id": 90000 + sale.number, "reason": "", "total": f"-{major(sale.given_back)}"}
            ]
        meta = [{"id": 1, "key": "_vipps_orderid", "value": sale.reference}]
        orders.append(
            {
                "id": sale.number,
                "number": str(sale.number),
                "status": woo_status(sale),
                "currency": "NOK",
                "prices_include_tax": True,
                "date_created": gmt(sale.ordered.astimezone(OSLO)),
                "date_created_gmt": gmt(sale.ordered),
                "date_paid_gmt": gmt(sale.ordered) if sale.authorized else None,
                "date_completed_gmt": gmt(sale.shipped),
                "total": major(sale.total),
                "total_tax": "0.00",
                "payment_method": "vipps" if sale.by_vipps else "bacs" if sale.total else "",
                "payment_method_title": "Vipps" if sale.by_vipps else "Bankoverføring",
                "transaction_id": sale.reference if sale.by_vipps else "",
                "meta_data": meta if sale.by_vipps else [],
                "refunds": refunds,
            }
        )
    return json.dumps(orders)


def write_woocommerce(sales: list[Sale]) -> str:
    """Write the CSV file of WooCommerce's plugin Advanced Order Export."""

    def local(moment: datetime | None) -> str:
        return f"{moment.astimezone(OSLO):%Y-%m-%d %H:%M}" if moment else ""

    return as_csv(
        [
            {
                "Order Number": sale.number,
                "Order ID": sale.number,
                "Order Status": woo_status(sale).capitalize(),
                "Order Date": local(sale.ordered),
                "Completed Date": local(sale.shipped),
                "Currency": "NOK",
                "Payment Method": "vipps" if sale.by_vipps else "stripe",
                "Payment Method Title": "Vipps" if sale.by_vipps else "Kort",
                "Transaction Id": sale.reference if sale.by_vipps else "",
                "Order Refund Amount": major(sale.given_back),
                "Order Total Amount": major(sale.total),
            }
            for sale in sales
        ]
    )


def write_magento(sales: list[Sale]) -> str:
    """Write the export of Magento's order grid."""
    rows = []
    for sale in sales:
        status = "Processing" if sale.authorized else "Pending Payment"
        if sale.cancelled and sale.given_back == 0:
            status = "Canceled"
        elif sale.given_back and sale.given_back >= sale.total:
            status = "Closed"
        elif sale.shipped and not sale.shipped_in_part:
            status = "Complete"
        local = sale.ordered.astimezone(OSLO)
        rows.append(
            {
                "ID": sale.reference,
                "Purchase Point": "Main Website\n    Main Website Store\n        Default",
                "Purchase Date": f"{local:%b} {local.day}, {local:%Y %I:%M:%S %p}",
                "Bill-to Name": "A. Customer",
                "Ship-to Name": "A. Customer",
                "Grand Total (Base)": major(sale.total, 4),
                "Grand Total (Purchased)": major(sale.total, 4),
                "Status": status,
                "Customer Group": "General",
                "Subtotal": major(sale.total, 4),
                "Shipping and Handling": "0.0000",
                "Customer Name": "A. Customer",
                "Payment Method": "vipps"
                if sale.by_vipps
                else "free"
                if not sale.total
                else "klarna_kp",
                "Total Refunded": major(sale.given_back, 4) if sale.given_back else "",
            }
        )
    return as_csv(rows)


def write_shopware(sales: list[Sale]) -> str:
    """Write Shopware's export with the states that users add according to the documentation."""
    rows = []
    for sale in sales:
        captured = any(e[0] == "CAPTURED" for a in sale.attempts for e in a["events"])
        paid = "paid" if captured or not sale.by_vipps else "authorized"
        if sale.given_back:
            paid = "refunded" if sale.given_back >= sale.charged else "refunded_partially"
        elif sale.cancelled:
            paid = "cancelled"
        elif not sale.authorized and sale.by_vipps:
            paid = "open"
        sent_or_not = "shipped" if sale.shipped else "cancelled" if sale.cancelled else "open"
        if sale.shipped_in_part:
            sent_or_not = "shipped_partially"
        rows.append(
            {
                "id": sale.reference,
                "order_number": sale.number,
                "sales_channel_id": "98432def39fc4624b33213a56b8c944d",
                "customer_firstname": "A.",
                "customer_email": "",
                "amount_total": major(sale.total),
                "order_state_id": "",
                "line_items": "1x Mug",
                "order_date_time": f"{sale.ordered:%Y-%m-%d %H:%M:%S.000}",
                "deliveries.stateMachineState": sent_or_not,
                "transactions.stateMachineState": paid,
                "transactions.paymentMethod": "Vipps" if sale.by_vipps else "Invoice",
                "currency": "NOK",
            }
        )
    return as_csv(rows, ";")
