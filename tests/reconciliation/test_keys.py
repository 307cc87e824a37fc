"""Payments are joined by one number made of msn and reference. Two with one number stay apart."""

from __future__ import annotations

import polars as pl
import pytest

from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation.days import to_microseconds
from vippsrecon.reconciliation.engines.backends import collect_rows, prepare_frame
from vippsrecon.reconciliation.engines.keys import (
    KEY_COLUMN,
    SECOND_HASH,
    add_payment_key,
    hash_text,
)
from vippsrecon.reconciliation.engines.plans import reuse_plans
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
from vippsrecon.reconciliation.run_checks import answer_questions
from vippsrecon.schemas import EVENTS, ORDERS, PAYMENTS

AMOUNTS = {"pair-1": 700, "pair-2": 900, "pair-3": 1000, "pair-4": 1000}
"""What was captured of each order of 1000; the last two match exactly."""


def hash_by_first_letter(text: pl.Expr, seed: int) -> pl.Expr:
    """Give all references here one key; the second hash, with other seeds, tells them apart."""
    return hash_text(text.str.head(1) if seed < 3 else text, seed)


def pair_and_answer(hash_function):
    """Return the kind and captured amount of each pair, and the totals of the exact matches."""
    payments, events = [], []
    for reference, captured in AMOUNTS.items():
        payment, log = make_payment_rows(reference=reference, captures=(captured,))
        payments.append(payment)
        events += log
    orders = [
        make_order_row(reference=reference, source_row=number + 2)
        for number, reference in enumerate(AMOUNTS)
    ]
    frames = (
        prepare_frame(build_frame(rows, schema), schema)
        for rows, schema in ((orders, ORDERS), (payments, PAYMENTS), (events, EVENTS))
    )
    options = ComparisonOptions(
        to_microseconds(NOW),
        (SalesUnit(EXAMPLE_MSN, market="NO"),),
        Rules(),
        hash_function=hash_function,
    )
    paired = pair_orders_and_payments(*frames, None, options)
    kinds = {
        row["reference"]: (row["captured_kind"], row["C"])
        for row in collect_rows(answer_questions(paired.pairs, QUESTIONS))
    }
    exact = {row["reference"]: row["O"] for row in collect_rows(paired.exact_matches)}
    return kinds, exact


@pytest.mark.parametrize("rows", [16, None], ids=["plans reused", "step by step"])
@pytest.mark.parametrize(
    "hash_function", [hash_text, hash_by_first_letter, None], ids=["hashed", "colliding", "texts"]
)
def test_payments_with_one_key_are_not_merged(hash_function, rows):
    """A collision of keys must cost time, never money."""
    with reuse_plans(rows):
        kinds, exact = pair_and_answer(hash_function)
    assert kinds == {"pair-1": ("under_captured", 700), "pair-2": ("under_captured", 900)}
    assert exact == {"pair-3": 1000, "pair-4": 1000}


def test_colliding_hash_gives_one_key_and_several_second_hashes():
    """Otherwise the test above would prove nothing."""
    payments = build_frame([make_payment_rows(reference=name)[0] for name in AMOUNTS], PAYMENTS)
    rows = collect_rows(add_payment_key(prepare_frame(payments, PAYMENTS), hash_by_first_letter))
    assert len({row[KEY_COLUMN] for row in rows}) == 1
    assert len({row[SECOND_HASH] for row in rows}) == len(AMOUNTS)
