"""Test which refunds of a run are promised, and how far each has come."""

from __future__ import annotations

from datetime import date

import polars as pl

from tests.report.example_results import Month
from vippsrecon.workflow.month_end.refunds import follow_refunds

OCTOBER_31 = date(2026, 10, 31)


def follow(change_orders, **changes):
    """Return the refunds of a month of which one order is owed 3.00, one pending, and two are right."""
    month = Month()
    month.pair(
        "owed", 10_000, 10_000, kind="refund_missing_at_vipps", bucket="discrepancy",
        question="refunded", expected_minor=300, actual_minor=0, difference_minor=-300,
    )  # fmt: skip
    month.pair("pending", 10_000, 10_000, kind="timing_refund_pending", bucket="timing")
    month.pair("by-card", 10_000, 0, kind="other_payment_method", bucket="ignored")
    month.pair("before-capture", 10_000, 6_000)
    for order in month.orders:
        order.update(change_orders)
    return follow_refunds(month.reconciliation(), OCTOBER_31, is_fetched=True, **changes)


def test_only_a_refund_that_is_due_is_promised():
    """An order refunded on a card, or before it was captured, owes nothing at Vipps MobilePay."""
    refunds = follow({"refunded_minor": 4_000, "refunded_day": 20_740})

    assert refunds.select("reference", "stage", "amount_minor").rows() == [
        ("owed", "promised", 300),
        ("pending", "promised", 4_000),
    ]
    assert refunds["promised_date"].to_list() == [date(2026, 10, 14)] * 2
    assert refunds["overdue"].all()


def test_refund_without_a_day_is_not_called_late():
    """Some exports say what was refunded and not when."""
    refunds = follow({"refunded_minor": 4_000, "refunded_day": None})

    assert refunds["age_days"].null_count() == refunds.height == 2
    assert not refunds["overdue"].any()


def test_refund_of_a_later_day_is_not_of_this_cut_off():
    """The shop refunded in November."""
    refunds = follow({"refunded_minor": 4_000, "refunded_day": 20_760})

    assert refunds.filter(pl.col("stage") == "promised").is_empty()
