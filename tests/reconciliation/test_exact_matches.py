"""No check finds anything in a pair that is set aside as an exact match.

A million pairs take only seconds because exact matches are set aside before the checks. An error
in such a pair would never be reported. So here all checks look at every pair, and they must find
nothing in the exact matches.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from tests.reconciliation.random_frames import Rows
from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation.days import to_microseconds
from vippsrecon.reconciliation.engines.backends import collect_rows, materialize, prepare_frame
from vippsrecon.reconciliation.example_rows import (
    EXAMPLE_MSN,
    NOW,
    make_order_row,
    make_payment_rows,
)
from vippsrecon.reconciliation.orders_payments.checks import QUESTIONS
from vippsrecon.reconciliation.orders_payments.pairs import (
    ComparisonOptions,
    pair_orders_and_payments,
)
from vippsrecon.reconciliation.result import build_frame
from vippsrecon.reconciliation.results.discrepancies import assign_buckets
from vippsrecon.reconciliation.run_checks import answer_questions
from vippsrecon.schemas import EVENTS, FAILURES, ORDERS, PAYMENTS, STATUSES

SCHEMAS = (ORDERS, PAYMENTS, EVENTS, FAILURES)
KINDS = [
    f"{question}_kind" for question in ("there", "captured", "refunded", "reserved", "aggregate")
]


AMOUNTS = (0, 1, 100, 999, 1000, 1001, 2000)
DAYS = (-2, 0, 1, 20, 180, 320, 340, 400)
CHANGES: dict[str, dict[str, tuple[Any, ...]]] = {
    "orders": {
        "total_minor": AMOUNTS,
        "refunded_minor": (*AMOUNTS, None),
        "status": STATUSES,
        "currency": ("NOK", "DKK"),
        "paid": ("yes", "no", "unknown"),
        "by_vipps": (True, False, None),
        "recurring": (True,),
        "split_tender": (True,),
        "method_unsure": (True,),
        "recorded_by_hand": (True,),
        "shop_authorization": ("voided", "expired"),
        "rest_refunded": (True,),
        "dates_without_time": (True,),
        "shop_currency_only": (True,),
        "fulfilled_at": (*DAYS, None),
        "refunded_at": DAYS,
        "exported_at": (0, 1, 9),
        "reference": (None, "pair-0001", "pair-0002-1"),
    },
    "payments": {
        **{
            f"{name}_minor": AMOUNTS
            for name in ("amount", "authorized", "captured", "refunded", "cancelled")
        },
        "state": ("AUTHORIZED", "CREATED", "ABORTED", "EXPIRED", "TERMINATED", "NEW"),
        "currency": ("NOK", "DKK"),
        "authorized_at": (*DAYS, None),
        "capture_guaranteed_until_at": DAYS,
        "created_day": (None,),
        "fetched_at": (0, 1, 9),
    },
    "events": {
        "amount_minor": AMOUNTS,
        "success": (False,),
        "event_at": DAYS,
        "name": ("AUTHORIZED", "CAPTURED", "REFUNDED", "CANCELLED", "TERMINATED", "NEW"),
    },
}
"""What is changed, one value at a time, in pairs that agreed before. Moments are days ago."""


def draw_near_matches(count: int = 2400) -> Rows:
    """Draw pairs that match exactly, and then change one or two values in most of them."""
    draw = random.Random(0)
    orders, payments, events = [], [], []
    for number in range(count):
        reference = f"pair-{number:04}"
        refunded = draw.choice((0, 0, 300, 1000))
        orders.append(
            make_order_row(reference=reference, refunded_minor=refunded, source_row=number + 2)
        )
        payment, logged = make_payment_rows(reference=reference, R=refunded)
        for _ in range(draw.choice((0, 1, 1, 2))):
            side = draw.choice(list(CHANGES))
            row = {"orders": orders[-1], "payments": payment, "events": draw.choice(logged)}[side]
            column = draw.choice(list(CHANGES[side]))
            value = draw.choice(CHANGES[side][column])
            moment = column.endswith("_at") and value is not None
            row[column] = NOW - timedelta(days=value) if moment else value
        payments.append(payment)
        events += logged
        if draw.random() < 0.02:
            again, more = make_payment_rows(reference=f"{reference}-1", captures=())
            payments.append(again)
            events += more
    failures = [
        {
            "msn": EXAMPLE_MSN,
            "reference": "pair-0003",
            "operation": "getPayment",
            "status": 503,
            "title": "no",
        }
    ]
    return Rows(orders, payments, events, failures)


def split_exact_and_all(rows: Rows, *, with_events: bool):
    """Return the pairs set aside, and every pair by its key when none is set aside."""
    orders, payments, events, failures = (
        prepare_frame(build_frame(part, schema), schema)
        for part, schema in zip(rows, SCHEMAS, strict=True)
    )

    def paired(*, set_aside: bool):
        question = ComparisonOptions(
            to_microseconds(NOW),
            (SalesUnit(EXAMPLE_MSN, market="NO"),),
            Rules(),
            waived=frozenset({(EXAMPLE_MSN, "pair-0004")}),
            skip_exact_matches=set_aside,
        )
        return pair_orders_and_payments(
            orders, payments, events if with_events else None, failures, question
        )

    all_answers = materialize(
        assign_buckets(answer_questions(paired(set_aside=False).pairs, QUESTIONS))
    )
    return collect_rows(paired(set_aside=True).exact_matches), {
        (row["msn"], row["payment_reference"]): row
        for row in collect_rows(all_answers)
        if row["has_payment"]
    }


@pytest.mark.parametrize("with_events", [True, False], ids=["events", "aggregates"])
def test_no_check_reports_an_exact_match(with_events):
    """No check finds anything in a pair set aside, and all its values fit the result."""
    agreed, all_answers = split_exact_and_all(draw_near_matches(), with_events=with_events)

    assert len(agreed) > 600
    for row in agreed:
        answer = all_answers[row["msn"], row["reference"]]
        assert [answer[kind] for kind in KINDS] == [None] * len(KINDS)
        assert (answer["bucket"], answer["kind"], answer["role"]) == ("matched", "", "pair")
        assert answer["flags"] == ("" if with_events else "amounts_as_fetched")
        assert answer["C"] == answer["E"] == answer["O"] == row["O"]
        assert answer["R"] == answer["Er"] == answer["Or"] == row["Or"]
        assert (answer["q"], answer["p"], answer["status"]) == (0, 0, "fulfilled")
