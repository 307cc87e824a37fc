"""Ages of refunds, VAT of captured money, and what changed in a closed period."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from tests.closing.ledger_months import MSN, LedgerMonth, october
from vippsrecon import schemas
from vippsrecon.closing import (
    age_refunds,
    compare_with_closed_period,
    list_period_facts,
    tie_out_vat,
)
from vippsrecon.dates import parse_named_period, to_day_number

PERIOD = parse_named_period("2026-10")


def make_orders(*rows: dict) -> pl.DataFrame:
    """Return orders of `order-N`; what a row lacks is as in an ordinary shop."""
    usual = {
        **{"msn": MSN, "currency": "NOK", "status": "fulfilled", "paid": "yes"},
        **{"ordered_day": to_day_number(date(2026, 10, 29)), "total_minor": 100000},
        **{"recurring": False, "split_tender": False, "shop_currency_only": False},
        **{"exported_at": datetime(2026, 11, 5, tzinfo=UTC), "source_file": "orders.csv"},
    }
    return LedgerMonth().frame(
        schemas.ORDERS,
        [usual | {"source_row": n, **row} for n, row in enumerate(rows, start=2)],
    )


def test_each_stage_of_a_refund():
    """order-2 is deducted; order-1 made on the 2nd; order-3 only promised, five days ago."""
    month = october()
    month.add_event(date(2026, 11, 2), "REFUNDED", 4000, "order-1", "psp-late")
    orders = make_orders(
        {"reference": "order-2", "order_number": "2", "refunded_minor": 10000},
        {
            **{"reference": "order-3", "order_number": "3", "refunded_minor": 700},
            "refunded_day": to_day_number(date(2026, 11, 2)),
        },
    )
    inputs = month.inputs
    refunds = age_refunds(
        date(2026, 11, 7),
        orders=orders,
        events=month.event_frame,
        ledger_entries=inputs["ledger_entries"],
        payouts=inputs["payouts"],
    )

    assert refunds.select(
        "reference", "amount_minor", "stage", "age_days", "overdue", "payout_number"
    ).rows() == [
        ("order-1", 4000, "made", 5, True, None),
        ("order-2", 10000, "deducted", 8, False, "2000001"),
        ("order-3", 700, "promised", 5, True, None),
    ]
    assert refunds["next_step"][2].startswith("Refund the customer at Vipps MobilePay")


def test_a_refund_is_not_late_for_what_was_not_compared():
    """Without a ledger nothing shows that a refund is missing there."""
    month = october()
    refunds = age_refunds(date(2026, 12, 31), events=month.event_frame)

    assert refunds.select("stage", "overdue").rows() == [("made", False)]


def test_vat_of_captured_minus_refunded_money():
    """Worked by hand: 1,000.00 at 25 % is 200.00 VAT; of 500.00, 100.00 went back: 80 % of 65.22."""
    orders = make_orders(
        {"reference": "order-1", "vat_minor": 20000},
        {"reference": "order-2", "total_minor": 50000, "vat_minor": 6522},
        {"reference": "order-3", "total_minor": 20000},
    )
    table = tie_out_vat(orders, october().event_frame)

    assert table.select(
        *("rate_basis_points", "captured_minor", "captured_vat_minor"),
        *("expected_vat_minor", "difference_minor", "orders_without_vat"),
    ).rows() == [
        (None, 0, 0, None, None, 1),
        (1500, 40000, 5218, 5217, 1, 0),
        (2500, 100000, 20000, 20000, 0, 0),
    ]


def test_vat_of_several_rates_has_no_expected_amount():
    """Half at 25 %, half at 15 %: the sum is stated, and compared with nothing."""
    orders = make_orders({"reference": "order-1", "vat_minor": 16522})
    table = tie_out_vat(orders, october().event_frame)

    assert table.select("rate_basis_points", "captured_vat_minor", "difference_minor").rows() == [
        (None, 16522, None)
    ]


def test_vat_of_a_period_is_that_of_its_days():
    """Refunds of another month are another month's VAT."""
    orders = make_orders({"reference": "order-1", "vat_minor": 20000})
    november = tie_out_vat(
        orders, october().event_frame, first=date(2026, 11, 1), last=date(2026, 11, 30)
    )

    assert november["captured_minor"].to_list() == [0]


def _facts(month, orders=None):
    return list_period_facts(PERIOD, orders=orders, events=month.event_frame, **month.inputs)


def test_a_closed_month_that_did_not_change_has_no_restatement():
    """Whatever November added."""
    closed = _facts(october(), make_orders({"reference": "order-1", "order_number": "1"}))
    later = october()
    later.add_payment(date(2026, 11, 9), "REFUNDED", 5000, "order-1")
    later.pay_out(date(2026, 11, 9))
    orders = make_orders(
        {
            **{"reference": "order-1", "order_number": "1", "refunded_minor": 5000},
            **{"source_file": "november.csv", "exported_at": datetime(2026, 12, 1, tzinfo=UTC)},
        }
    )

    assert compare_with_closed_period(closed, _facts(later, orders), "2026-10").is_empty()


def test_a_restatement_says_what_changed():
    """A late correction, an order edited, and a payout that is gone."""
    closed = _facts(october(), make_orders({"reference": "order-1", "order_number": "1"}))
    later = october()
    later.add(date(2026, 10, 31), "correction", -700)
    later.payouts.pop()
    edited = make_orders({"reference": "order-1", "order_number": "1", "total_minor": 90000})
    restated = compare_with_closed_period(closed, _facts(later, edited), "2026-10")

    assert restated.select("side", "change", "difference_minor", "cause").rows() == [
        (
            *("ledger_entries", "added", -700),
            "Ledger entry: added after the period was closed.",
        ),
        (
            *("orders", "amount", -10000),
            "Shop order: the amount is different from the one at closing.",
        ),
        ("payouts", "removed", -19802, "Payout: no longer there."),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_facts_do_not_depend_on_the_order_of_rows(seed):
    """Equal entries are told apart by their amounts, not by their rows."""
    month = october()
    month.add(date(2026, 10, 31), "correction", -700)
    month.entries[-1]["psp_reference"] = None
    month.add(date(2026, 10, 31), "correction", -800)
    month.entries[-1]["psp_reference"] = None
    facts = _facts(month)
    inputs = {
        name: frame.sample(fraction=1, shuffle=True, seed=seed)
        for name, frame in month.inputs.items()
    }

    assert list_period_facts(PERIOD, events=month.event_frame, **inputs).equals(facts)
    assert facts["fact_key"].n_unique() == facts.height
