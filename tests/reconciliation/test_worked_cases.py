"""The worked cases of the rules: each has an order, a payment, and the one correct result."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from vippsrecon.config.settings import SalesUnit
from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.example_rows import (
    EXAMPLE_MSN,
    NOW,
    make_order_row,
    make_payment_rows,
)
from vippsrecon.reconciliation.examples import (
    describe_result,
    reconcile_example,
    run_orders_example,
    run_payments_example,
)
from vippsrecon.reconciliation.result import build_frame
from vippsrecon.schemas import EVENTS, FAILURES, ORDERS, PAYMENTS

CANCELLED = {"status": "cancelled"}
OPEN = {"status": "open"}
PARTIAL = {"status": "partial"}


def shown(result):
    """Return the result's lines, each followed by the flags of its pair."""
    flags = " ".join(sorted({flag for text in result.buckets["flags"] for flag in text.split()}))
    return describe_result(result), flags


@pytest.mark.parametrize(
    ("case", "lines", "flags"),
    [
        pytest.param({}, ["matched"], "", id="1 plain"),
        pytest.param(
            {"C": 400, **PARTIAL}, ["timing timing_awaiting_fulfilment"], "", id="2 part shipped"
        ),
        pytest.param(
            {"C": 400, "X": 600, **PARTIAL},
            ["discrepancy authorization_lost 400 → 400, at risk 600"],
            "",
            id="3 part shipped, rest lapsed",
        ),
        pytest.param(
            {"C": 400},
            ["discrepancy under_captured 1000 → 400, at risk 600"],
            "",
            id="4 all shipped, part captured",
        ),
        pytest.param(
            {"A": 1200, "C": 1200, "R": 200}, ["matched"], "excess_refunded", id="5 excess refunded"
        ),
        pytest.param(
            {"A": 1200, "C": 1200, "R": 50},
            ["discrepancy over_captured 1050 → 1200, at risk 150"],
            "excess_refunded",
            id="6 excess partly refunded",
        ),
        pytest.param(
            {"Or": 300, "A": 1100, "C": 1100},
            [
                "discrepancy refund_missing_at_vipps 300 → 0, at risk 300",
                "discrepancy over_captured 1000 → 1100, at risk 100",
            ],
            "",
            id="7 over-captured and refund missing",
        ),
        pytest.param(
            {"O": 800, "C": 800},
            ["discrepancy remainder_open 0 → 200, at risk 0"],
            "",
            id="8 edited down before capture",
        ),
        pytest.param(
            {"O": 800},
            ["discrepancy over_captured 800 → 1000, at risk 200"],
            "",
            id="8 edited down after capture",
        ),
        pytest.param(
            {"C": 400, "R": 400, **CANCELLED},
            ["discrepancy remainder_open 0 → 600, at risk 0"],
            "",
            id="10 cancelled after partial capture and refund",
        ),
        pytest.param(
            {"C": 0, **CANCELLED},
            ["discrepancy remainder_open 0 → 1000, at risk 0"],
            "",
            id="11 cancelled, still reserved",
        ),
        pytest.param(
            {"Or": 900, "R": 900, **CANCELLED},
            ["matched cancellation_fee_kept"],
            "cancellation_fee_kept",
            id="12 cancellation fee",
        ),
        pytest.param(
            {"Or": 1000, "failed_refund": 1000, **CANCELLED},
            ["discrepancy cancelled_but_captured 0 → 1000, at risk 1000"],
            "last_refund_failed",
            id="14 cancelled, refund failed",
        ),
        pytest.param(
            {"Or": 200, "C": 0, **OPEN},
            ["timing timing_awaiting_fulfilment"],
            "refunded_before_capture",
            id="15 refund before capture, open",
        ),
        pytest.param(
            {"Or": 200, "C": 800, "X": 200},
            ["matched"],
            "refunded_before_capture",
            id="16 the same, completed",
        ),
        pytest.param(
            {"Or": 200, "C": 800},
            ["discrepancy remainder_open 0 → 200, at risk 0"],
            "refunded_before_capture",
            id="17 the same, rest not released",
        ),
        pytest.param(
            {"Or": 1000, "C": 0, **OPEN},
            ["discrepancy remainder_open 0 → 1000, at risk 0"],
            "refunded_before_capture",
            id="18 refunded in shop, never captured",
        ),
        pytest.param(
            {"Or": 1000, "R": 1000, **OPEN}, ["matched"], "", id="19 refunded, unfulfilled"
        ),
        pytest.param(
            {"Or": 1000, **OPEN},
            ["discrepancy refund_missing_at_vipps 1000 → 0, at risk 1000"],
            "",
            id="20 the same, Vipps did not",
        ),
        pytest.param(
            {"C": 0, "status": "unknown"},
            ["timing timing_awaiting_fulfilment"],
            "status_unknown",
            id="21 status unknown, reserved",
        ),
        pytest.param(
            {"A": 0, "C": 0, "state": "CREATED", **OPEN},
            ["timing timing_awaiting_payment"],
            "",
            id="22 created, open",
        ),
        pytest.param(
            {"A": 0, "C": 0, "state": "ABORTED", "paid": "no", **OPEN},
            ["ignored abandoned_checkout"],
            "",
            id="23 abandoned checkout",
        ),
        pytest.param(
            {"A": 0, "C": 0, "X": 1000, "state": "TERMINATED"},
            ["discrepancy not_paid 1000 → 0, at risk 1000"],
            "",
            id="24 terminated, fulfilled",
        ),
        pytest.param(
            {"A": 0, "C": 0, "X": 1000, "state": "TERMINATED", **CANCELLED},
            ["matched"],
            "",
            id="24 terminated, cancelled",
        ),
        pytest.param(
            {"C": 0, "authorized_days_ago": 181},
            ["discrepancy authorization_lost 1000 → 0, at risk 1000"],
            "",
            id="25 shipped, past 180 days",
        ),
        pytest.param(
            {"C": 0, "market": "DK", "authorized_days_ago": 8, **OPEN},
            ["timing timing_awaiting_fulfilment"],
            "",
            id="26 DK open, day 8",
        ),
        pytest.param(
            {"C": 0, "market": "DK", "authorized_days_ago": 12, **OPEN},
            ["discrepancy authorization_expiring 0 → 1000, at risk 1000"],
            "",
            id="26 DK open, day 12",
        ),
        pytest.param(
            {"C": 0, "authorized_days_ago": 12, **OPEN},
            ["timing timing_awaiting_fulfilment"],
            "",
            id="26 NO open, day 12",
        ),
        pytest.param(
            {"O": 1100, "captures": (600, 600)},
            ["discrepancy over_captured 1100 → 1200, at risk 100"],
            "",
            id="27 two equal part captures, edited",
        ),
        pytest.param(
            {"O": 500, "A": 1000, "captures": (500, 500)},
            ["discrepancy duplicate_capture 500 → 1000, at risk 500"],
            "",
            id="27 true double",
        ),
        pytest.param(
            {"O": 1999, "A": 1998, "C": 1998, "truncated": 1998},
            ["discrepancy rounding_difference 1999 → 1998, at risk 0"],
            "shopware_truncation",
            id="29 Shopware 19.99",
        ),
        pytest.param(
            {"O": 1999, "A": 1998, "C": 1998, "truncated": 1998, "refunds_unknown": True},
            ["discrepancy rounding_difference 1999 → 1998, at risk 0"],
            "refunds_unknown shopware_truncation",
            id="29 in an export without refunds",
        ),
        pytest.param(
            {"A": 1099, "C": 1099, "amount": 1000},
            ["discrepancy over_captured 1000 → 1099, at risk 99"],
            "express_shipping",
            id="30 express freight missing in shop",
        ),
        pytest.param(
            {"A": None, "by_vipps": False}, ["ignored other_payment_method"], "", id="34 Klarna"
        ),
        pytest.param({"O": 0, "A": None}, ["ignored nothing_to_pay"], "", id="34 total 0"),
        pytest.param(
            {"O": None, "cover": (5, 1)},
            ["timing timing_outside_export"],
            "",
            id="35 captured later than its export",
        ),
        pytest.param(
            {"captured_days_ago": 0.1, "exported_days_ago": 0.3, **OPEN},
            ["timing timing_awaiting_fulfilment"],
            "changed_after_export",
            id="36 captured after the export",
        ),
        pytest.param({"A": None, "failure": 503}, ["not_checked"], "", id="38 read answered 503"),
        pytest.param(
            {"O": None, "R": 1000},
            ["discrepancy missing_in_orders - → 1000, at risk 0"],
            "",
            id="39 fully refunded, no order",
        ),
        pytest.param(
            {"R": 300},
            ["discrepancy refund_missing_in_shop 0 → 300, at risk 300"],
            "made_elsewhere",
            id="40 portal refund",
        ),
        pytest.param(
            {"C": 0, "by_vipps": False},
            ["discrepancy remainder_open 0 → 1000, at risk 0"],
            "",
            id="41 paid by card in the end, still held",
        ),
        pytest.param(
            {"by_vipps": False},
            ["discrepancy paid_twice 0 → 1000, at risk 1000"],
            "",
            id="42 paid by card, and captured",
        ),
        pytest.param(
            {"C": 0, "paid": "no", "authorized_days_ago": 8, **OPEN},
            ["discrepancy payment_not_recorded 0 → 0, at risk 1000"],
            "",
            id="43 the callback never came",
        ),
        pytest.param(
            {"R": 300, "refunds_unknown": True},
            ["matched"],
            "refunds_unknown",
            id="48 refunds unknown",
        ),
        pytest.param(
            {"Or": 200, "recorded_by_hand": True},
            ["discrepancy refund_missing_at_vipps 200 → 0, at risk 200"],
            "recorded_by_hand",
            id="49 recorded by hand in the shop",
        ),
        pytest.param(
            {"C": 0, "fulfilled_days_ago": 0.54, "dates_without_time": True},
            ["timing timing_capture_pending"],
            "",
            id="50 sent yesterday, a date only",
        ),
        pytest.param(
            {"R": 100, "refunded_days_ago": 20 / 1440},
            ["timing timing_refund_not_recorded"],
            "",
            id="52 refunded in the portal 20 minutes ago",
        ),
    ],
)
def test_worked_case_has_the_rules_result(reconciled, case, lines, flags):
    """Each line of the rules' table: code, expected, actual, at risk, and the flags."""
    assert shown(reconciled(case)) == (lines, flags)


def ago(days):
    """Return a time some days before the cut-off time."""
    return NOW - timedelta(days=days)


def make_case(rows, payments):
    """Return order rows and payments; each is a dict of what differs from the plain case."""
    orders = [
        make_order_row(**{"reference": "order-0001", "source_row": number + 2, **row})
        for number, row in enumerate(rows)
    ]
    return orders, [
        make_payment_rows(**{"reference": "order-0001", "captures": (), **made})
        for made in payments
    ]


OLD = {"source_file": "old.csv", "exported_at": ago(5)}
NEW = {"source_file": "new.csv", "exported_at": ago(0.1)}
REFUND = {"refunded_at": ago(2)}
"""A refund that the shop recorded before the grace period."""


@pytest.mark.parametrize(
    ("rows", "payments", "right", "buckets"),
    [
        pytest.param(
            [{"by_vipps": False}],
            [{}],
            [("order-0001", "remainder_open", 0, 1000, 0, "cancel", 1000, "low", "")],
            {"discrepancy remainder_open"},
            id="41 paid by card in the end, Vipps still holds it",
        ),
        pytest.param(
            [{"by_vipps": False}],
            [{"captures": (1000,)}],
            [("order-0001", "paid_twice", 0, 1000, 1000, None, None, "high", "")],
            {"discrepancy paid_twice"},
            id="42 paid by card, and captured at Vipps too",
        ),
        pytest.param(
            [{**OPEN, "paid": "no", "fulfilled_at": None}],
            [{"authorized": ago(8)}],
            [("order-0001", "payment_not_recorded", 0, 0, 1000, None, None, "high", "")],
            {"discrepancy payment_not_recorded"},
            id="43 callback never came",
        ),
        pytest.param(
            [{"total_minor": 600, "reference": "order-0001-1", "attempt_base": "order-0001"}],
            [{"A": 600}, {"reference": "order-0001-1", "A": 600, "captures": (600,)}],
            [("order-0001", "duplicate_payment", 0, 0, 600, "cancel", 600, "high", "")],
            {"matched", "discrepancy duplicate_payment"},
            id="44 two attempts, the later one captured, shop names the later",
        ),
        pytest.param(
            [{"total_minor": 300, "refunded_minor": 300, **REFUND}],
            [
                {"reference": "order-0001-1", "A": 300, "captures": (300,), "R": 300},
                {"A": 300, "captures": (300,)},
            ],
            [("order-0001", "duplicate_payment", 0, 300, 300, None, None, "high", "")],
            {"matched", "discrepancy duplicate_payment"},
            id="45 double payment given back",
        ),
        pytest.param(
            [{"refunded_minor": 200, **REFUND}],
            [
                {"A": 600, "captures": (600,)},
                {"reference": "order-0001-1", "A": 400, "captures": (400,)},
            ],
            [
                (
                    *("order-0001", "refund_missing_at_vipps", 200, 0, 200, None, None),
                    *("high", "split_payment"),
                )
            ],
            {"discrepancy refund_missing_at_vipps"},
            id="46 split payment, shop refunded 200",
        ),
        pytest.param(
            [{"refunded_minor": 300, **REFUND, "exported_at": ago(0.5)}],
            [{"captures": (1000,), "R": 100, "refunded": ago(0.1)}],
            [
                (
                    *("order-0001", "refund_missing_at_vipps", 300, 0, 300, "refund", 200),
                    *("high", "changed_after_export"),
                )
            ],
            {"discrepancy refund_missing_at_vipps"},
            id="47 refund of 100 between export and fetch",
        ),
        pytest.param(
            [{"refunded_minor": None}],
            [{"captures": (1000,), "R": 300}],
            [],
            {"matched"},
            id="48 refunds unknown",
        ),
        pytest.param(
            [{"refunded_minor": 200, **REFUND, "recorded_by_hand": True}],
            [{"captures": (1000,)}],
            [
                (
                    *("order-0001", "refund_missing_at_vipps", 200, 0, 200, None, None),
                    *("medium", "recorded_by_hand"),
                )
            ],
            {"discrepancy refund_missing_at_vipps"},
            id="49 by hand in the shop",
        ),
        pytest.param(
            # The end of the day before, and the cut-off time is noon.
            [{"fulfilled_at": ago(0.54), "dates_without_time": True}],
            [{}],
            [],
            {"timing timing_capture_pending"},
            id="50 sent the day before, date only",
        ),
        pytest.param(
            [OLD, {"refunded_minor": 200, **REFUND, **NEW}],
            [{"captures": (1000,)}],
            [
                (
                    *("order-0001", "refund_missing_at_vipps", 200, 0, 200, "refund", 200),
                    *("high", ""),
                )
            ],
            {"ignored superseded_row", "discrepancy refund_missing_at_vipps"},
            id="51 two exports, the later one refunded 200",
        ),
        pytest.param(
            [{}],
            [{"captures": (1000,), "R": 100, "refunded": ago(20 / 1440)}],
            [],
            {"timing timing_refund_not_recorded"},
            id="52 refund in the portal 20 minutes before the export",
        ),
    ],
)
def test_worked_cases_41_to_52(rows, payments, right, buckets):
    """Code, amounts, money at risk, proposal, severity and flags of each discrepancy."""
    orders, made = make_case(rows, payments)
    result = reconcile(
        build_frame(orders, ORDERS),
        build_frame([payment for payment, _ in made], PAYMENTS),
        build_frame([event for _, log in made for event in log], EVENTS),
        as_of=NOW,
        units=[SalesUnit(EXAMPLE_MSN, market="NO")],
    )
    columns = [
        *("reference", "kind", "expected_minor", "actual_minor", "at_risk_minor"),
        *("proposal", "proposal_minor", "severity", "flags"),
    ]
    rows = result.discrepancies[columns].astype(object).itertuples(index=False, name=None)

    assert [tuple(None if pd.isna(value) else value for value in row) for row in rows] == right
    kinds = zip(result.buckets["bucket"], result.buckets["kind"], strict=True)
    assert {f"{bucket} {kind}".strip() for bucket, kind in kinds} == buckets


def test_case_31_split_payment():
    """Case 31: one order is paid by two payments that together equal its total."""
    assert (
        run_payments_example([("A-0001", 600, 600, 0), ("A-0001-1", 400, 400, 0)])
        == ["matched"] * 2
    )


def test_case_32_retry():
    """Case 32: the first attempt was released, and the second one was captured."""
    assert run_payments_example([("A-0001", 1000, 0, 1000), ("A-0001-1", 1000, 1000, 0)]) == [
        "matched superseded_attempt",
        "matched",
    ]


def test_case_33_combined_orders():
    """Case 33: one payment pays for two orders, 600 and 400."""
    payment, events = make_payment_rows(reference="order-0001")
    result = reconcile(
        build_frame(
            [
                make_order_row(total_minor=600, order_number="#1"),
                make_order_row(total_minor=400, order_number="#2", source_row=3),
            ],
            ORDERS,
        ),
        build_frame([payment], PAYMENTS),
        build_frame(events, EVENTS),
        as_of=NOW,
    )

    assert describe_result(result) == ["matched"]
    assert list(result.buckets["flags"]) == ["combined_orders"] * 3


@pytest.mark.parametrize(
    ("first", "last", "minor"),
    [
        pytest.param(date(2026, 11, 1), date(2026, 11, 30), 1000, id="November, Oslo"),
        pytest.param(date(2026, 10, 1), date(2026, 10, 31), 0, id="not October"),
    ],
)
def test_case_37_period_is_counted_in_local_days(first, last, minor):
    """Case 37: a capture on 31 October at 23:30 UTC is on 1 November at 00:30 in Oslo."""
    captured = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    payment, events = make_payment_rows(
        reference="order-0001",
        authorized=captured - timedelta(hours=2),
        captured=captured,
        refunded=captured,
    )
    for event in events:
        # What frames.py computes: the local day of the capture is one later than the UTC day.
        event["event_day"] += event["name"] == "CAPTURED"
    payment["fetched_at"] = captured + timedelta(days=2)
    result = reconcile(
        build_frame(
            [make_order_row(ordered_at=captured, exported_at=captured + timedelta(days=2))], ORDERS
        ),
        build_frame([payment], PAYMENTS),
        build_frame(events, EVENTS),
        units=[SalesUnit(EXAMPLE_MSN, market="NO")],
        first=first,
        last=last,
    )

    bridge = result.bridge.set_index(["leg", "line"])["amount_minor"]
    assert set(result.buckets["bucket"]) == {"matched"}
    assert bridge["captured", "captured"] == minor
    assert bridge["captured_as_fetched", "captured_as_fetched"] == 1000


def test_verdict_and_exit_code():
    """Information alone is clean; a discrepancy gives 1; a failed reading gives 2 in every case."""
    truncation = reconcile_example(O=1999, A=1998, C=1998, truncated=1998)

    assert (truncation.verdict, truncation.exit_code) == ("clean", 0)
    assert list(truncation.discrepancies["severity"]) == ["info"]
    under_captured = reconcile_example(C=400)
    assert (under_captured.verdict, under_captured.exit_code) == ("discrepancies", 1)
    unread = reconcile_example(A=None, failure=503)
    assert (unread.verdict, unread.exit_code, unread.complete) == ("incomplete", 2, False)


def test_not_found_leaves_the_run_complete():
    """A 404 gives a discrepancy; the run is still complete."""
    result = reconcile_example(A=None, failure=404)

    assert describe_result(result) == ["discrepancy missing_in_vipps 1000 → -, at risk 1000"]
    assert result.complete


def test_duplicate_payment_raises():
    """Adding a payment twice would not be noticed, so it is an error that names the payment."""
    payment, _ = make_payment_rows(reference="order-0001")

    with pytest.raises(ValueError, match="order-0001"):
        reconcile(
            build_frame([make_order_row()], ORDERS), build_frame([payment, payment], PAYMENTS)
        )


@pytest.mark.parametrize(
    ("exported", "at_vipps"),
    [
        pytest.param("12345678", "000012345678", id="zeros lost"),
        pytest.param("ORDER-77AB", "order-77ab", id="case changed"),
        pytest.param("1.23457E+11", "123456789012", id="scientific"),
        pytest.param("1,23457E+11", "123456789012", id="scientific, comma"),
        pytest.param("1E+12", "999999999999", id="scientific, rounded up"),
    ],
)
def test_damaged_references_are_repaired(exported, at_vipps):
    """A reference damaged by a spreadsheet is found and reported, and its amounts are compared."""
    result = reconcile_example(reference=at_vipps, in_export=exported, C=900)
    kinds = dict(zip(result.discrepancies["kind"], result.discrepancies["severity"], strict=True))

    assert kinds == {"reference_mangled": "medium", "under_captured": "medium"}


def test_ambiguous_reference_is_not_repaired():
    """Two payments fit the damaged reference, so a person decides."""
    payments = [make_payment_rows(reference=r) for r in ("000012345678", "0012345678")]
    result = reconcile(
        build_frame([make_order_row(reference="12345678")], ORDERS),
        build_frame([p for p, _ in payments], PAYMENTS),
        build_frame([e for _, log in payments for e in log], EVENTS),
        build_frame([], FAILURES),
        as_of=NOW,
    )

    assert sorted(result.discrepancies["kind"]) == [
        "missing_in_orders",
        "missing_in_orders",
        "missing_in_vipps",
    ]


@pytest.mark.parametrize(
    ("case", "expected_words"),
    [
        pytest.param({"A": None}, "has no payment with its reference", id="unknown"),
        pytest.param(
            {"A": None, "reference": "4711"}, "is not valid at Vipps MobilePay", id="impossible"
        ),
        pytest.param({"Or": 300}, "Refund the customer", id="refund in time"),
        pytest.param(
            {"Or": 300, "authorized_days_ago": 366, "captured_days_ago": 365},
            "by bank transfer",
            id="refund too late",
        ),
    ],
)
def test_the_sentence_fits_the_case(reconciled, case, expected_words):
    """A person can do different things in each case, so the texts differ too."""
    row = reconciled(case).discrepancies.iloc[0]

    assert expected_words in f"{row['cause']} {row['next_step']}"


@pytest.mark.parametrize(
    ("case", "line"),
    [
        pytest.param(
            {"captured_days_ago": 4, **OPEN},
            "discrepancy captured_not_fulfilled 0 → 1000, at risk 1000",
            id="captured, open for four days",
        ),
        pytest.param(
            {"C": 0},
            "discrepancy fulfilled_not_captured 1000 → 0, at risk 1000",
            id="fulfilled, nothing captured",
        ),
        pytest.param(
            {"O": 500, "Or": 600, "A": 500, "C": 500, "R": 600},
            "discrepancy refund_exceeds_capture 500 → 600, at risk 100",
            id="more refunded than captured",
        ),
        pytest.param(
            {"Or": 300, "failed_refund": 300},
            "discrepancy refund_failed 300 → 0, at risk 300",
            id="refund failed",
        ),
        pytest.param(
            {"order_currency": "SEK"},
            "discrepancy currency_mismatch - → -, at risk 1000",
            id="two currencies",
        ),
        pytest.param(
            {"reference": "000012345678", "in_export": "12345678"},
            "discrepancy reference_mangled - → -, at risk 0",
            id="zeros lost in the export",
        ),
        pytest.param(
            {"aggregate_captured": 900},
            "discrepancy aggregate_mismatch - → -, at risk 100",
            id="events and totals disagree",
        ),
    ],
)
def test_worked_case_of_one_code(reconciled, case, line):
    """Codes without a line in the rules' table: code, expected, actual and at risk."""
    assert describe_result(reconciled(case)) == [line]


@pytest.mark.parametrize(
    "case", [{"C": 400}, {"O": None, "cover": (5, 1)}, {"C": 0, "market": "DK"}]
)
def test_an_example_alone_has_the_same_result(reconciled, case):
    """Other examples in the same call have their own sales units and change nothing."""
    alone, together = reconcile_example(**case), reconciled(case)

    assert describe_result(together) == describe_result(alone)
    for frame in ("discrepancies", "buckets"):
        left, right = getattr(together, frame), getattr(alone, frame)
        keys = {"msn", "row_key", "source_file", "discrepancy_id"} & set(left.columns)
        assert left.drop(columns=keys).to_dict("records") == right.drop(columns=keys).to_dict(
            "records"
        )


def test_second_payment_is_reported():
    """Another payment already covers the order."""
    assert run_payments_example([("A-0001", 1000, 1000, 0), ("A-0001-1", 1000, 1000, 0)]) == [
        "matched",
        "discrepancy duplicate_payment 0 → 1000, at risk 1000",
    ]


def test_second_order_row_is_reported():
    """Two order rows have one reference, and their sum is not the payment's amount."""
    assert run_orders_example([1000, 900], C=1000) == [
        "discrepancy duplicate_order_row 900 → -, at risk 0"
    ]
