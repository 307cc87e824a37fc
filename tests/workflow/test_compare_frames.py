"""`vippsrecon.reconcile` compares a user's own frame with payments."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pytest

from vippsrecon import reconcile
from vippsrecon.errors import InputError
from vippsrecon.reconciliation.example_rows import make_payment_rows
from vippsrecon.reconciliation.result import build_frame
from vippsrecon.schemas import EVENTS, PAYMENTS

OWN = {
    "reference": ["order-0001", "order-0002", "order-0003"],
    "currency": ["NOK"] * 3,
    "total": ["10.00", "8.00", "x"],
    "status": ["fulfilled"] * 3,
}


@pytest.fixture(scope="module")
def paid():
    """Return payments and events: 10.00 captured for each of two orders."""
    made = [make_payment_rows(reference=reference) for reference in OWN["reference"][:2]]
    payments = build_frame([payment for payment, _ in made], PAYMENTS)
    return payments, build_frame([event for _, events in made for event in events], EVENTS)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_three_columns_are_enough(make, paid):
    """What cannot be read is a reject; the rest is compared to the øre."""
    result = reconcile(make(OWN), *paid)

    differences = result.discrepancies[["reference", "kind", "expected_minor", "actual_minor"]]
    assert differences.to_numpy().tolist() == [["order-0002", "over_captured", 800, 1000]]
    assert result.rejects[["source_row", "column", "value"]].to_numpy().tolist() == [
        [3, "total", "x"]
    ]
    assert any("no column refunded" in note for note in result.manifest["notes"])


def test_frame_of_unreadable_rows_is_refused(paid):
    """The error names row, column and value."""
    frame = pd.DataFrame(OWN).assign(total="x")
    with pytest.raises(InputError, match=r"First problem: row 1: total is not .* \(total = 'x'\)"):
        reconcile(orders=frame, payments=paid[0])
