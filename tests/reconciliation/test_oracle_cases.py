"""The model alone must give the results in the rules' table of worked cases.

`test_oracle` compares the package with the model, so the model itself must be correct first.
"""
# ruff: noqa: E741, N803 - the rules' own letters

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.reconciliation.agreement import differences
from tests.reconciliation.draw_situations import Drawing
from tests.reconciliation.oracle import opinion
from tests.reconciliation.oracle_bridge import Lines
from tests.reconciliation.oracle_data import Opinion
from tests.reconciliation.situations import NOW, Situation, end_of_day, make_input

MSN = {"NO": "100001", "DK": "100004"}
DAY = timedelta(days=1)
OPEN = {"status": "open"}
PARTIAL = {"status": "partial"}
CANCELLED = {"status": "cancelled"}


def begin(market: str = "NO", exported: datetime = NOW) -> Drawing:
    """Begin a situation by hand; nothing in it is random."""
    by_hand = Drawing(random.Random(0))
    by_hand.now = Situation(1, [], [], [], [], set(), set(), set())
    by_hand.msn, by_hand.exported = MSN[market], exported
    return by_hand


def pay(by_hand: Drawing, C: int | tuple[int, ...] = 1000, R: int = 0, **given: Any) -> None:
    """Add a payment; by default authorized 10, captured 6 and refunded 4 days before the export."""
    days = {"authorized": 10.0, "captured": 6.0, "refunded": 4.0}
    when = {
        name: by_hand.exported - given.pop(f"{name}_ago", ago) * DAY for name, ago in days.items()
    }
    captures = C if isinstance(C, tuple) else ((C,) if C else ())
    by_hand.payment(captures=captures, refunds=(R,) if R else (), **when, **given)


def order(by_hand: Drawing, O: int = 1000, Or: int | None = 0, **given: Any) -> None:
    """Add an order row; by default fulfilled 6 and refunded 4 days before the export."""
    sent = given.get("status", "fulfilled") in {"fulfilled", "partial"}
    by_hand.order(
        total_minor=O,
        refunded_minor=Or,
        **{
            "fulfilled_at": by_hand.exported - 6 * DAY if sent else None,
            "refunded_at": by_hand.exported - 4 * DAY if Or else None,
        }
        | given,
    )


def judge_by_hand(by_hand: Drawing, **given: Any) -> Opinion:
    """Return the model's result; both legs of its bridge must add up."""
    result = opinion(make_input([by_hand.now], **given))
    for leg in ("captured", "refunded"):
        lines = sum(minor for key, minor in result.bridge.items() if key[0] == leg)
        assert lines == sum(minor for key, minor in result.moved.items() if key[0] == leg)
    return result


def describe_result(result: Opinion) -> list[str]:
    """Return each finding in one line, and the places of the other rows."""
    lines = [
        f"{f.kind} {f.expected}→{f.actual} risk {f.at_risk}"
        + (f" {f.verb} {f.minor}" if f.verb else "")
        for f in result.findings
    ]
    places = {
        f"{place.bucket} {place.kind}".strip()
        for (_, key), place in result.places.items()
        if place.bucket != "discrepancy" and place.kind != "nothing_to_pay"
    }
    return sorted(lines) + sorted(places)


def flags(result: Opinion) -> set[str]:
    """Return every flag of every row."""
    return {flag for place in result.places.values() for flag in place.flags}


DEAD = {"A": 0, "C": 0, "amount": 1000}
TIMING = "timing timing_awaiting_fulfilment"


@pytest.mark.parametrize(
    ("order_rows", "payment_fields", "right", "flag"),
    [
        pytest.param({}, {}, ["matched"], "", id="1"),
        pytest.param(PARTIAL, {"C": 400}, [TIMING], "", id="2"),
        pytest.param(
            PARTIAL, {"C": 400, "X": 600}, ["authorization_lost 400→400 risk 600"], "", id="3"
        ),
        pytest.param({}, {"C": 400}, ["under_captured 1000→400 risk 600 capture 600"], "", id="4"),
        pytest.param({}, {"A": 1200, "C": 1200, "R": 200}, ["matched"], "excess_refunded", id="5"),
        pytest.param(
            {},
            {"A": 1200, "C": 1200, "R": 50},
            ["over_captured 1050→1200 risk 150 refund 150"],
            "excess_refunded",
            id="6",
        ),
        pytest.param(
            {"Or": 300},
            {"A": 1100, "C": 1100},
            [
                "over_captured 1000→1100 risk 100 refund 100",
                "refund_missing_at_vipps 300→0 risk 300 refund 300",
            ],
            "",
            id="7",
        ),
        pytest.param(
            {"O": 800}, {"C": 800}, ["remainder_open 0→200 risk 0 cancel 200"], "", id="8 before"
        ),
        pytest.param(
            {"O": 800}, {}, ["over_captured 800→1000 risk 200 refund 200"], "", id="8 after"
        ),
        pytest.param(
            CANCELLED,
            {"C": 400, "R": 400},
            ["remainder_open 0→600 risk 0 cancel 600"],
            "",
            id="10",
        ),
        pytest.param(
            CANCELLED, {"C": 0}, ["remainder_open 0→1000 risk 0 cancel 1000"], "", id="11"
        ),
        pytest.param(
            {"Or": 900, **CANCELLED},
            {"R": 900},
            ["matched cancellation_fee_kept"],
            "cancellation_fee_kept",
            id="12",
        ),
        pytest.param(
            {"Or": 1000, **CANCELLED},
            {"failed_refund": 1000},
            ["cancelled_but_captured 0→1000 risk 1000 refund 1000"],
            "last_refund_failed",
            id="14",
        ),
        pytest.param({"Or": 200, **OPEN}, {"C": 0}, [TIMING], "refunded_before_capture", id="15"),
        pytest.param(
            {"Or": 200}, {"C": 800, "X": 200}, ["matched"], "refunded_before_capture", id="16"
        ),
        pytest.param(
            {"Or": 200},
            {"C": 800},
            ["remainder_open 0→200 risk 0 cancel 200"],
            "refunded_before_capture",
            id="17",
        ),
        pytest.param(
            {"Or": 1000, **OPEN},
            {"C": 0},
            ["remainder_open 0→1000 risk 0 cancel 1000"],
            "",
            id="18",
        ),
        pytest.param({"Or": 1000, **OPEN}, {"R": 1000}, ["matched"], "", id="19"),
        pytest.param(
            {"Or": 1000, **OPEN},
            {},
            ["refund_missing_at_vipps 1000→0 risk 1000 refund 1000"],
            "",
            id="20",
        ),
        pytest.param({"status": "unknown"}, {"C": 0}, [TIMING], "status_unknown", id="21"),
        pytest.param(
            OPEN,
            {**DEAD, "state": "CREATED"},
            ["timing timing_awaiting_payment"],
            "",
            id="22",
        ),
        pytest.param(
            {"paid": "no", **OPEN},
            {**DEAD, "state": "ABORTED"},
            ["ignored abandoned_checkout"],
            "",
            id="23",
        ),
        pytest.param(
            {},
            {**DEAD, "X": 1000, "state": "TERMINATED"},
            ["not_paid 1000→0 risk 1000"],
            "",
            id="24 fulfilled",
        ),
        pytest.param(
            CANCELLED,
            {**DEAD, "X": 1000, "state": "TERMINATED"},
            ["matched"],
            "",
            id="24 cancelled",
        ),
        pytest.param(
            {},
            {"C": 0, "authorized_ago": 181},
            ["authorization_lost 1000→0 risk 1000"],
            "",
            id="25",
        ),
        pytest.param(
            {"market": "DK", **OPEN}, {"C": 0, "authorized_ago": 8}, [TIMING], "", id="26 day 8"
        ),
        pytest.param(
            {"market": "DK", **OPEN},
            {"C": 0, "authorized_ago": 12},
            [
                "authorization_expiring 0→1000 risk 1000",
            ],
            "",
            id="26 day 12",
        ),
        pytest.param(OPEN, {"C": 0, "authorized_ago": 12}, [TIMING], "", id="26 Norway"),
        pytest.param(
            {"O": 1100},
            {"A": 1200, "C": (600, 600)},
            ["over_captured 1100→1200 risk 100 refund 100"],
            "",
            id="27 edited",
        ),
        pytest.param(
            {"O": 500},
            {"C": (500, 500)},
            ["duplicate_capture 500→1000 risk 500 refund 500"],
            "",
            id="27 double",
        ),
        pytest.param(
            {"O": 1999, "truncated_minor": 1998},
            {"A": 1998, "C": 1998},
            ["rounding_difference 1999→1998 risk 0"],
            "shopware_truncation",
            id="29",
        ),
        pytest.param(
            {},
            {"A": 1099, "C": 1099, "amount": 1000},
            ["over_captured 1000→1099 risk 99"],
            "express_shipping",
            id="30",
        ),
        pytest.param(
            {"by_vipps": False}, None, ["ignored other_payment_method"], "", id="34 Klarna"
        ),
        pytest.param({"O": 0}, None, [], "", id="34 total 0"),
        pytest.param(None, {"authorized_ago": 600}, ["timing timing_outside_export"], "", id="35"),
        pytest.param(None, {"R": 1000}, ["missing_in_orders None→1000 risk 0"], "", id="39"),
        pytest.param({}, {"R": 300}, ["refund_missing_in_shop 0→300 risk 300"], "", id="40"),
        pytest.param(
            {"by_vipps": False},
            {"C": 0},
            ["remainder_open 0→1000 risk 0 cancel 1000"],
            "",
            id="41",
        ),
        pytest.param({"by_vipps": False}, {}, ["paid_twice 0→1000 risk 1000"], "", id="42"),
        pytest.param(
            {"paid": "no", **OPEN},
            {"C": 0, "authorized_ago": 8},
            ["payment_not_recorded 0→0 risk 1000"],
            "",
            id="43",
        ),
        pytest.param({"Or": None}, {"R": 300}, ["matched"], "refunds_unknown", id="48"),
        pytest.param(
            {"Or": 200, "recorded_by_hand": True},
            {},
            ["refund_missing_at_vipps 200→0 risk 200"],
            "recorded_by_hand",
            id="49",
        ),
        pytest.param(
            {},
            {"R": 100, "refunded_ago": 20 / 24 / 60},
            ["timing timing_refund_not_recorded"],
            "",
            id="52",
        ),
    ],
)
def test_worked_case_has_the_rules_result(order_rows, payment_fields, right, flag):
    """The model gives the table's result for an order and a payment; one may be missing."""
    order_rows = dict(order_rows) if order_rows is not None else None
    by_hand = begin((order_rows or {}).pop("market", "NO"))
    if order_rows is not None:
        order(by_hand, **order_rows)
    if payment_fields is not None:
        pay(by_hand, **payment_fields)
    result = judge_by_hand(by_hand)

    assert describe_result(result) == right
    assert not flag or flag in flags(result)


def test_case_31_split_payment():
    """One order is paid by two payments that together equal its total."""
    by_hand = begin()
    order(by_hand)
    pay(by_hand, A=600, C=600)
    pay(by_hand, A=400, C=400, tail="-1")

    result = judge_by_hand(by_hand)
    assert describe_result(result) == ["matched"]
    assert "split_payment" in flags(result)


def test_case_32_retry():
    """The first attempt was released, and the second one was captured."""
    by_hand = begin()
    order(by_hand)
    pay(by_hand, C=0, X=1000)
    pay(by_hand, tail="-1")

    assert describe_result(judge_by_hand(by_hand)) == ["matched", "matched superseded_attempt"]


def test_case_33_combined_orders():
    """One payment pays for two orders."""
    by_hand = begin()
    order(by_hand, O=600, order_number="#000001/0")
    order(by_hand, O=400, order_number="#000001/1")
    pay(by_hand)

    result = judge_by_hand(by_hand)
    assert describe_result(result) == ["matched"]
    assert "combined_orders" in flags(result)


def test_case_36_captured_after_the_export():
    """Exported in the morning, captured in the afternoon: the capture is not counted."""
    by_hand = begin(exported=NOW - timedelta(hours=7))
    order(by_hand, **OPEN)
    pay(by_hand, late=("CAPTURED",))

    result = judge_by_hand(by_hand)
    assert describe_result(result) == [TIMING]
    assert "changed_after_export" in flags(result)


def test_case_38_unanswered_reference():
    """The reading failed, so nothing is known about the payment."""
    by_hand = begin()
    order(by_hand)
    by_hand.fail("r000001", 503)

    assert describe_result(judge_by_hand(by_hand)) == ["not_checked"]


def test_case_44_captured_attempt_counts():
    """The later attempt was captured and is the one in the export; the first is still reserved."""
    by_hand = begin()
    order(by_hand, O=600, reference="r000001-1", attempt_base="r000001")
    pay(by_hand, A=600, C=0)
    pay(by_hand, A=600, C=600, tail="-1")

    assert describe_result(judge_by_hand(by_hand)) == [
        "duplicate_payment 0→0 risk 600 cancel 600",
        "matched",
    ]


def test_case_45_refunded_double_payment():
    """The shop refunded the second payment, so the first is the duplicate."""
    by_hand = begin()
    order(by_hand, O=300, Or=300)
    pay(by_hand, A=300, C=300)
    pay(by_hand, A=300, C=300, R=300, tail="-1")

    assert describe_result(judge_by_hand(by_hand)) == [
        "duplicate_payment 0→300 risk 300",
        "matched",
    ]


def test_case_46_split_payment_with_a_refund():
    """The order has two payments, and the shop refunded a part."""
    by_hand = begin()
    order(by_hand, Or=200)
    pay(by_hand, A=600, C=600)
    pay(by_hand, A=400, C=400, tail="-1")

    result = judge_by_hand(by_hand)
    assert describe_result(result) == ["refund_missing_at_vipps 200→0 risk 200"]
    assert "split_payment" in flags(result)


def test_case_47_partly_refunded_after_the_export():
    """Judged with the events until the export; proposed with all events known."""
    by_hand = begin(exported=NOW - 2 * DAY)
    order(by_hand, Or=300)
    pay(by_hand, R=100, late=("REFUNDED",))

    assert describe_result(judge_by_hand(by_hand)) == [
        "refund_missing_at_vipps 300→0 risk 300 refund 200"
    ]


def test_attempt_captured_after_the_export_proposes_nothing():
    """Nothing is proposed, because the customer would pay twice.

    The package gives the same result.
    """
    by_hand = begin(exported=NOW - 2 * DAY)
    order(by_hand, reference="r000001-1", attempt_base="r000001")
    pay(by_hand, late=("CAPTURED",))
    pay(by_hand, C=0, tail="-1")

    assert describe_result(judge_by_hand(by_hand)) == [
        "duplicate_payment 0→0 risk 1000",
        "fulfilled_not_captured 1000→0 risk 1000",
    ]
    assert differences([by_hand.now]) == []


def test_second_payment_with_an_open_operation_proposes_nothing():
    """Nothing is proposed for it until a person knows the outcome of the first operation."""
    by_hand = begin()
    order(by_hand)
    pay(by_hand)
    pay(by_hand, C=0, tail="-1")
    by_hand.now.unsettled.add((by_hand.msn, "r000001-1"))

    assert describe_result(judge_by_hand(by_hand)) == ["duplicate_payment 0→0 risk 1000", "matched"]
    assert differences([by_hand.now]) == []


def test_case_50_date_without_time():
    """Sent yesterday, compared at seven today: the waiting time starts at the end of the day."""
    now = datetime(2026, 10, 31, 7, tzinfo=UTC)
    by_hand = begin(exported=now)
    sent = end_of_day(now - DAY, by_hand.msn)
    order(by_hand, fulfilled_at=sent, dates_without_time=True)
    pay(by_hand, C=0)

    assert describe_result(judge_by_hand(by_hand)) == ["timing timing_capture_pending"]


def test_case_51_two_exports():
    """The row of the later export counts, and that row contains a refund."""
    by_hand = begin()
    order(by_hand, source_file="first.csv", exported_at=NOW - 5 * DAY)
    order(by_hand, Or=200, source_file="second.csv")
    pay(by_hand)

    assert describe_result(judge_by_hand(by_hand)) == [
        "refund_missing_at_vipps 200→0 risk 200 refund 200",
        "ignored superseded_row",
    ]


def test_the_bridge_of_the_model_can_fail():
    """Without one of its lines the bridge does not add up, so the check above can really fail."""
    by_hand = begin()
    order(by_hand)
    pay(by_hand, C=400)
    result = judge_by_hand(by_hand)
    lines: Lines = [(key[0], key[3], minor) for key, minor in result.bridge.items()]

    assert sum(minor for leg, line, minor in lines if leg == "captured") == 400
    assert sum(minor for leg, line, minor in lines if line != "under_captured") != 400
