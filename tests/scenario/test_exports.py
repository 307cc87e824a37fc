"""Each shop's export has the form in which that shop writes it."""

from __future__ import annotations

import re

import pytest

from vippsrecon.scenario import SHOPS

from .conftest import REFERENCE

FIRST_LINES = {
    "plain": "msn,reference,order_number,currency,total,refunded,status,ordered_at,fulfilled_at,"
    "payment_method,paid,refunded_at",
    "shopify": "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,",
    "woocommerce": '"Order Number","Order Id","Order Status","Order Date","Completed Date",',
    "shopware": "id;order_number;sales_channel_id;customer_firstname;",
    "magento": "ID,Purchase Point,Purchase Date,Bill-to Name,Ship-to Name,Grand Total (Base),",
}


def test_export_has_the_shops_headings(month):
    """A shop is recognized by its headings."""
    text = (month.folder / "orders.csv").read_text(encoding="utf-8")
    assert text.startswith(FIRST_LINES[month.shop])
    assert "\r" not in text


def test_shopify_has_its_79_columns():
    """The exports seen in 2025 and 2026 have them."""
    header = SHOPS["shopify"].header
    assert len(header) == len(set(header)) == 79
    assert header[-1] == "Payment References"


@pytest.mark.parametrize("month", ["shopify"], indirect=True)
def test_shopify_continuation_rows_have_few_values(month):
    """Readers often fail on continuation rows."""
    following = [row for row in month.orders if not row["Total"]]
    assert following
    assert all(row["Name"] and row["Created at"] and row["Lineitem name"] for row in following)
    assert not any(row["Currency"] or row["Payment Reference"] for row in following)


DATES = {
    "plain": ("ordered_at", r"2026-10-\d\dT\d\d:\d\d:\d\d\+0[12]:00"),
    "shopify": ("Created at", r"2026-10-\d\d \d\d:\d\d:\d\d \+0[12]00"),
    "woocommerce": ("Order Date", r"2026-10-\d\d \d\d:\d\d"),
    "shopware": ("order_date_time", r"2026-10-\d\d \d\d:\d\d:\d\d\.000"),
    "magento": ("Purchase Date", r"Oct \d{1,2}, 2026 \d{1,2}:\d\d:\d\d [AP]M"),
}


def test_dates_have_the_shops_format(month):
    """Local time in the form of each shop, all in October."""
    column, form = DATES[month.shop]
    assert all(re.fullmatch(form, order[column]) for order in month.orders)


def test_references_fit_the_api(month):
    """A reference that the API refuses cannot have been paid."""
    assert all(re.fullmatch(r"[a-zA-Z0-9-]{8,64}", reference) for reference in month.payments)


def test_most_orders_name_their_payment(month):
    """Otherwise the month could not be reconciled."""
    named = sum(order[REFERENCE[month.shop]] in month.payments for order in month.orders)
    assert named > 0.8 * len(month.payments)


def test_export_contains_no_real_person(month):
    """Names and addresses are visibly invented."""
    text = (month.folder / "orders.csv").read_text(encoding="utf-8") + (
        month.folder / "simulator.jsonl"
    ).read_text(encoding="utf-8")
    assert set(re.findall(r"[\w.]+@[\w.]+", text)) <= {"test.kunde@example.com"}
