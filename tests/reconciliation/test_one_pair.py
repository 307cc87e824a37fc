"""Rules for one pair that the worked cases do not cover: proposals, amounts and severity."""

from __future__ import annotations

from datetime import timedelta

import pytest

from vippsrecon.bulk.plan.make import plan_cancels
from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.example_rows import (
    EXAMPLE_MSN,
    NOW,
    make_order_row,
    make_payment_rows,
)
from vippsrecon.reconciliation.examples import describe_result, make_example
from vippsrecon.reconciliation.result import build_frame
from vippsrecon.schemas import EVENTS, ORDERS, PAYMENTS

OPEN = {"status": "open"}
CANCELLED = {"status": "cancelled"}


def proposals(result):
    """Return what is proposed, by code."""
    rows = result.discrepancies.to_dict("records")
    return {
        row["kind"]: (row["proposal"], row["proposal_minor"]) for row in rows if row["proposal"]
    }


def severities(result):
    """Return the severity of each discrepancy, by code."""
    return dict(zip(result.discrepancies["kind"], result.discrepancies["severity"], strict=True))


def bridge(result, leg):
    """Return the lines of one leg, by name."""
    rows = result.bridge[result.bridge["leg"] == leg]
    return dict(zip(rows["line"], rows["amount_minor"], strict=True))


def reconcile_rows(orders, payments, **settings):
    """Reconcile order rows with payments as `make_payment_rows` returns them."""
    return reconcile(
        build_frame(orders, ORDERS),
        build_frame([payment for payment, _ in payments], PAYMENTS),
        build_frame([event for _, log in payments for event in log], EVENTS),
        **{"as_of": NOW, "units": (SalesUnit(EXAMPLE_MSN, market="NO"),)} | settings,
    )


REFUND_BEFORE = {
    "Or": 300,
    "exported_days_ago": 2,
    "refunded_days_ago": 1,
    "shop_refunded_days_ago": 4,
}
"""The shop refunded 300 before the export. What Vipps MobilePay refunded came after it."""

CAPTURE_BEFORE = {"exported_days_ago": 2, "captured_days_ago": 1}
"""The order was fulfilled before the export. What was captured or released came after it."""


@pytest.mark.parametrize(
    ("case", "proposed"),
    [
        pytest.param(
            REFUND_BEFORE | {"R": 0},
            {"refund_missing_at_vipps": ("refund", 300)},
            id="nothing since",
        ),
        pytest.param(
            REFUND_BEFORE | {"R": 100},
            {"refund_missing_at_vipps": ("refund", 200)},
            id="47 a part since",
        ),
        pytest.param(REFUND_BEFORE | {"R": 300}, {}, id="all since"),
        pytest.param(REFUND_BEFORE | {"R": 400}, {}, id="more than all since"),
    ],
)
def test_a_refund_after_the_export_is_not_proposed_again(reconciled, case, proposed):
    """Case 47: the pair is judged at the export, but what was refunded since is no longer owed."""
    result = reconciled(case)

    assert describe_result(result) == ["discrepancy refund_missing_at_vipps 300 → 0, at risk 300"]
    assert proposals(result) == proposed


@pytest.mark.parametrize(
    ("case", "proposed"),
    [
        pytest.param(CAPTURE_BEFORE | {"C": 1000}, {}, id="captured since: nothing to capture"),
        pytest.param(
            CAPTURE_BEFORE | {"C": 400},
            {"fulfilled_not_captured": ("capture", 600)},
            id="a part captured since",
        ),
        pytest.param(CAPTURE_BEFORE | {"C": 0, "X": 1000}, {}, id="released since"),
    ],
)
def test_a_capture_after_the_export_is_not_proposed_again(reconciled, case, proposed):
    """After a later capture or release, less than the whole amount is left to capture."""
    result = reconciled(case)

    assert describe_result(result) == ["discrepancy fulfilled_not_captured 1000 → 0, at risk 1000"]
    assert proposals(result) == proposed


@pytest.mark.parametrize(
    ("case", "proposed"),
    [
        pytest.param({"C": 0, "by_vipps": False}, {"remainder_open": ("cancel", 1000)}, id="41"),
        pytest.param({"by_vipps": False}, {}, id="42"),
        pytest.param({"C": 0, "paid": "no", "authorized_days_ago": 8, **OPEN}, {}, id="43"),
        pytest.param({"Or": 200, "recorded_by_hand": True}, {}, id="49"),
        pytest.param({"Or": 200, "recorded_by_hand": True, **CANCELLED}, {}, id="49, cancelled"),
        pytest.param(
            {"O": 600, "Or": 500, "R": 499, "tolerance": 1, "recorded_by_hand": True},
            {},
            id="49, within the tolerance",
        ),
        pytest.param({"C": 0, "method_unsure": True, "by_vipps": None}, {}, id="method unsure"),
        pytest.param({"refunds_unknown": True, "C": 0}, {}, id="refunds unknown"),
        pytest.param(
            {"C": 0, "shop_authorization": "voided", **OPEN},
            {"remainder_open": ("cancel", 1000)},
            id="voided in the shop, still held",
        ),
    ],
)
def test_what_is_proposed(reconciled, case, proposed):
    """Nothing if a person must check first, and no capture if the order was paid in another way."""
    assert proposals(reconciled(case)) == proposed


@pytest.mark.parametrize(
    ("case", "lines"),
    [
        pytest.param(
            {"C": 0, "X": 1000, "shop_authorization": "voided", **OPEN},
            ["matched"],
            id="voided, released",
        ),
        pytest.param(
            {"C": 0, "X": 1000, "shop_authorization": "expired", **OPEN},
            ["matched"],
            id="expired, released",
        ),
        pytest.param(
            {"Or": 400, "R": 400, "rest_refunded": True, **OPEN},
            ["matched"],
            id="Magento, part sent, rest refunded after the capture of all",
        ),
        pytest.param(
            {"Or": 400, "C": 600, "X": 400, "rest_refunded": True, **OPEN},
            ["matched"],
            id="Magento, part sent and captured, rest released",
        ),
        pytest.param(
            {"Or": 400, "R": 100, "rest_refunded": True, **OPEN},
            ["discrepancy refund_missing_at_vipps 400 → 100, at risk 300"],
            id="Magento, part sent, refund of the rest missing",
        ),
        pytest.param(
            {"Or": 400, "C": 600, "R": 400, "rest_refunded": True, **OPEN},
            ["discrepancy under_captured 1000 → 600, at risk 400"],
            id="Magento, rest refunded from the captured part",
        ),
        pytest.param(
            {"Or": 200, "C": 500, "rest_refunded": True, **OPEN},
            [
                "discrepancy captured_not_fulfilled 0 → 500, at risk 300",
                "discrepancy refund_missing_at_vipps 200 → 0, at risk 200",
            ],
            id="Magento, captured and refunded amounts do not reach the total",
        ),
        pytest.param(
            {"Or": 400, "C": 0, "rest_refunded": True, **OPEN},
            ["timing timing_awaiting_fulfilment"],
            id="Magento, refunded in part, nothing captured",
        ),
        pytest.param(
            {"C": 0, "shop_authorization": "voided"},
            ["discrepancy not_paid 1000 → 0, at risk 1000"],
            id="voided, but sent",
        ),
        pytest.param(
            {"O": 1000, "Or": 1500, "C": 0, "X": 1000},
            ["matched"],
            id="what was never captured is not owed back",
        ),
        pytest.param(
            {"O": 1000, "Or": 1500},
            ["discrepancy refund_missing_at_vipps 1000 → 0, at risk 1000"],
            id="no more is owed back than was captured",
        ),
        pytest.param(
            {"C": 400, "market": "DK", "authorized_days_ago": 12, "captured_days_ago": 9, **OPEN},
            [
                "discrepancy captured_not_fulfilled 0 → 400, at risk 400",
                "discrepancy authorization_expiring 0 → 600, at risk 200",
            ],
            id="no krone at risk in two rows",
        ),
        pytest.param(
            {"by_vipps": None, "method_unsure": True, "C": 0, "X": 1000},
            ["ignored other_payment_method"],
            id="unsure, and nothing at Vipps MobilePay",
        ),
        pytest.param(
            {"refunds_unknown": True, "R": 300, "C": 800},
            ["matched"],
            id="refunds unknown: less captured and refunded",
        ),
        pytest.param(
            {"refunds_unknown": True, "O": 800},
            ["discrepancy over_captured 800 → 1000, at risk 200"],
            id="refunds unknown: captured more, nothing refunded",
        ),
        pytest.param(
            {"fulfilled_days_ago": -1, "dates_without_time": True, "C": 0},
            ["timing timing_after_cut"],
            id="sent on a later day than the fetch",
        ),
        pytest.param(
            {"C": 400, "fulfilled_days_ago": -0.1},
            ["timing timing_after_cut"],
            id="sent after the fetch, part captured before",
        ),
        pytest.param(
            {"C": 400, "X": 300, "fulfilled_days_ago": -0.1},
            ["discrepancy under_captured 1000 → 400, at risk 600"],
            id="sent after the fetch, and less is reserved than is missing",
        ),
        pytest.param(
            {"fulfilled_days_ago": -0.1, "order_currency": "SEK"},
            ["discrepancy currency_mismatch - → -, at risk 1000"],
            id="sent after the fetch: no reason for another currency",
        ),
        pytest.param(
            {"Or": 900, "C": 400, "fulfilled_days_ago": -0.1, "status": "partial"},
            [
                "discrepancy refund_missing_at_vipps 300 → 0, at risk 300",
                "discrepancy remainder_open 0 → 600, at risk 0",
            ],
            id="sent after the fetch: no reason for a refund that is missing",
        ),
        pytest.param(
            {"O": 999, "A": 1099, "C": 1099, "Or": 999, "R": 100, "shop_refunded_days_ago": -0.1},
            ["discrepancy over_captured 999 → 1099, at risk 100"],
            id="refunded after the fetch: more was captured than that explains",
        ),
        pytest.param(
            {"Or": 1000, "shop_refunded_days_ago": -0.1, "status": "cancelled"},
            ["timing timing_after_cut"],
            id="cancelled and refunded after the fetch",
        ),
        pytest.param(
            {"Or": 400, "O": 900, "shop_refunded_days_ago": -0.1, "status": "cancelled"},
            ["discrepancy cancelled_but_captured 0 → 1000, at risk 1000"],
            id="cancelled, and less refunded after the fetch than was captured",
        ),
        pytest.param(
            {"O": 800, "C": 800, "Or": 100, "shop_refunded_days_ago": -0.1},
            ["discrepancy remainder_open 0 → 200, at risk 0"],
            id="refunded after the fetch: more is reserved than that explains",
        ),
        pytest.param(
            {"Or": 300, "shop_refunded_days_ago": 0.6, "dates_without_time": True},
            ["timing timing_refund_pending"],
            id="refunded yesterday, a date only",
        ),
        pytest.param(
            {"R": 100, "refunded_days_ago": 2},
            ["discrepancy refund_missing_in_shop 0 → 100, at risk 100"],
            id="refunded at Vipps MobilePay two days ago",
        ),
    ],
)
def test_code_of_one_pair(reconciled, case, lines):
    """The code, the expected and actual amounts, and the amount at risk."""
    assert sorted(describe_result(reconciled(case))) == sorted(lines)


@pytest.mark.parametrize(
    ("case", "severity"),
    [
        pytest.param(
            {"O": 3_000_000, "A": 3_000_000, "C": 3_000_000, "Or": 2_000_000},
            {"refund_missing_at_vipps": "critical"},
            id="a large refund",
        ),
        pytest.param(
            {
                "O": 3_000_000,
                "A": 3_000_000,
                "C": 3_000_000,
                "Or": 2_000_000,
                "recorded_by_hand": True,
            },
            {"refund_missing_at_vipps": "medium"},
            id="the same, recorded by hand",
        ),
        pytest.param(
            {"O": 900, "split_tender": True}, {"over_captured": "low"}, id="split tender, total"
        ),
        pytest.param(
            {"Or": 300, "split_tender": True},
            {"refund_missing_at_vipps": "high"},
            id="split tender, a refund",
        ),
        pytest.param(
            {"C": 0, "split_tender": True, **CANCELLED},
            {"remainder_open": "low"},
            id="split tender, a remainder",
        ),
        pytest.param(
            {"split_tender": True, **CANCELLED},
            {"cancelled_but_captured": "high"},
            id="split tender, cancelled",
        ),
    ],
)
def test_severity_of_one_pair(reconciled, case, severity):
    """A wrong total lowers the severity only of checks that use the total.

    A refund recorded by hand is never high.
    """
    assert severities(reconciled(case)) == severity


@pytest.mark.parametrize(
    ("days", "severity"),
    [
        pytest.param(0, "medium", id="first seen today"),
        pytest.param(29, "medium", id="twenty-nine days"),
        pytest.param(30, "high", id="thirty days"),
        pytest.param(-5, "medium", id="first seen by a later run"),
        pytest.param(None, "medium", id="never reported"),
    ],
)
def test_severity_rises_with_the_days_since_first_reported(days, severity):
    """In a first run nobody could have acted on an earlier report, even if the event is old."""
    example = make_example(C=400, authorized_days_ago=100, captured_days_ago=99)
    today = NOW.date()
    frames = (
        build_frame(example.orders, ORDERS),
        build_frame(example.payments, PAYMENTS),
        build_frame(example.events, EVENTS),
    )
    days, first_reported = (
        (0, None)
        if days is None
        else (days, {"under_captured:123456:order-0001": today - timedelta(days=days)})
    )
    [row] = reconcile(
        *frames, units=(example.unit,), as_of=NOW, first_seen=first_reported
    ).discrepancies.to_dict("records")

    assert (row["severity"], row["age_days"]) == (severity, max(0, days))
    assert row["first_seen_date"] == min(today, today - timedelta(days=days))


def test_paid_column_means_captured_if_most_orders_are_unpaid():
    """If the column means "captured", nine unpaid orders do not mean nine failed callbacks."""
    orders = [
        make_order_row(
            reference=f"order-{n:04}", status="open", paid="no" if n else "yes", source_row=n + 2
        )
        for n in range(10)
    ]
    payments = [make_payment_rows(reference=f"order-{n:04}", captures=()) for n in range(10)]
    result = reconcile_rows(orders, payments)

    assert describe_result(result) == ["timing timing_awaiting_fulfilment"]
    [notice] = result.notices
    assert notice.startswith("orders.csv says of most open orders with a reservation")


def test_few_unpaid_orders_are_failed_callbacks():
    """If three of ten open orders say unpaid, a person must check them."""
    orders = [
        make_order_row(
            reference=f"order-{n:04}",
            status="open",
            paid="no" if n < 3 else "yes",
            source_row=n + 2,
        )
        for n in range(10)
    ]
    payments = [make_payment_rows(reference=f"order-{n:04}", captures=()) for n in range(10)]
    result = reconcile_rows(orders, payments)

    assert list(result.discrepancies["kind"]) == ["payment_not_recorded"] * 3
    assert result.notices == ()


@pytest.mark.parametrize(
    ("case", "captured", "refunded"),
    [
        pytest.param(
            {"by_vipps": False, "R": 200},
            {"orders": 1000, "other_tender": -1000, "paid_twice": 1000, "captured": 1000},
            {"orders": 0, "other_tender": 200, "refunded": 200},
            id="paid twice",
        ),
        pytest.param(
            {"by_vipps": False, "C": 0},
            {"orders": 1000, "ignored": -1000, "captured": 0},
            {"orders": 0, "refunded": 0},
            id="paid another way",
        ),
        pytest.param(
            {"C": 0, "paid": "no", **OPEN},
            {"orders": 1000, "payment_not_recorded": -1000, "captured": 0},
            {"orders": 0, "refunded": 0},
            id="not recorded",
        ),
        pytest.param(
            {"refunds_unknown": True, "R": 300, "C": 900},
            {"orders": 1000, "refunds_unknown": -100, "captured": 900},
            {"orders": 0, "refunds_unknown": 300, "refunded": 300},
            id="refunds unknown",
        ),
        pytest.param(
            {"Or": 1500},
            {"orders": 1000, "captured": 1000},
            {
                "orders": 1500,
                "refunded_beyond_capture": -500,
                "refund_missing_at_vipps": -1000,
                "refunded": 0,
            },
            id="refunded beyond capture",
        ),
        pytest.param(
            {"R": 100, "refunded_days_ago": 0.01},
            {"orders": 1000, "captured": 1000},
            {"orders": 0, "timing_refund_not_recorded": 100, "refunded": 100},
            id="refund not recorded yet",
        ),
        pytest.param(
            {"C": 0, "X": 1000, "shop_authorization": "expired", **OPEN},
            {"orders": 1000, "not_yet_due": -1000, "captured": 0},
            {"orders": 0, "refunded": 0},
            id="expired on both sides",
        ),
    ],
)
def test_each_difference_has_its_bridge_line(reconciled, case, captured, refunded):
    """Every difference between order and payment is in the line that names its reason."""
    result = reconciled(case)

    assert bridge(result, "captured") == captured
    assert bridge(result, "refunded") == refunded


def test_a_reserved_second_payment_can_be_planned_for_release(tmp_path):
    """The customer approved twice.

    The captured payment covers the order, so the other is released.
    """
    payments = [
        make_payment_rows(reference="order-0001"),
        make_payment_rows(reference="order-0001-1", captures=()),
    ]
    result = reconcile_rows([make_order_row()], payments)

    assert proposals(result) == {"duplicate_payment": ("cancel", 1000)}
    settings = load_settings(
        folder=tmp_path, environment="simulator", base_url="http://127.0.0.1:9", offline=True
    )
    plan = plan_cancels(result, settings=settings, now=NOW)
    assert [(row.reference, row.amount_minor) for row in plan.rows] == [("order-0001-1", 1000)]


def test_callback_grace_hours_sets_the_waiting_time():
    """callback_grace_hours: how long the shop may take to record a payment."""
    example = make_example(C=0, paid="no", authorized_days_ago=0.25, **OPEN)
    frames = (
        build_frame(example.orders, ORDERS),
        build_frame(example.payments, PAYMENTS),
        build_frame(example.events, EVENTS),
    )

    def kinds(hours):
        rules = Rules(callback_grace_hours=hours)
        discrepancies = reconcile(
            *frames, units=(example.unit,), as_of=NOW, rules=rules
        ).discrepancies
        return list(discrepancies["kind"])

    assert kinds(2) == ["payment_not_recorded"]
    assert kinds(8) == []


def reconcile_whole_totals(**settings):
    """Reconcile 40 captures with an export that rounds the totals to whole kroner."""
    captured = [100_000 + 37 * number for number in range(1, 41)]
    orders = [
        make_order_row(
            reference=f"order-{n:04}", total_minor=(amount + 50) // 100 * 100, source_row=n + 2
        )
        for n, amount in enumerate(captured)
    ]
    payments = [
        make_payment_rows(reference=f"order-{n:04}", A=amount, captures=(amount,))
        for n, amount in enumerate(captured)
    ]
    return reconcile_rows(orders, payments, **settings)


def test_totals_without_decimals_are_one_cause():
    """Forty differences of a few øre form one group, and no refund of 37 øre is proposed."""
    result = reconcile_whole_totals()

    assert set(result.discrepancies["kind"]) == {"over_captured", "under_captured"}
    [group] = result.groups.to_dict("records")
    assert group["rows"] == len(result.discrepancies)
    assert "no decimals" in group["cause"]
    assert result.discrepancies["proposal"].isna().all()
    [notice] = result.notices
    assert notice.endswith("Likeliest: an export without decimals.")


def test_a_tolerance_accepts_totals_without_decimals():
    """The next step recommends this: a tolerance of 99 øre, and a cap that is large enough."""
    result = reconcile_whole_totals(rules=Rules(tolerance_minor=99, rounding_cap_minor=100_000))

    assert set(result.discrepancies["kind"]) == {"rounding_difference"}
    assert (result.verdict, result.exit_code) == ("clean", 0)
    [group] = result.groups.to_dict("records")
    assert "no decimals" in group["cause"]
    [notice] = result.notices
    assert notice.endswith("Likeliest: an export without decimals.")


def test_one_total_with_decimals_disproves_missing_decimals():
    """If one total has decimals, the export did not drop them, so the differences are real."""
    orders = [
        make_order_row(reference=f"order-{n:04}", total_minor=1000 if n else 1050, source_row=n + 2)
        for n in range(30)
    ]
    payments = [make_payment_rows(reference=f"order-{n:04}", captures=(950,)) for n in range(30)]
    result = reconcile_rows(orders, payments)

    assert not result.discrepancies["cause"].str.contains("no decimals").any()
    assert set(result.discrepancies["proposal"]) == {"capture"}
