"""Test that `validate` accepts what pandera accepts, and refuses what pandera refuses."""

from __future__ import annotations

import polars as pl
import pytest

from vippsrecon.errors import SchemaError
from vippsrecon.money import LARGEST_MINOR
from vippsrecon.schemas import Frame, build_pandera_schema, validate
from vippsrecon.schemas.frame import CURRENCY, define_column, polars_schema

FRAME = Frame(
    "example",
    "one row per payment",
    "this test",
    (
        CURRENCY,
        define_column("amount_minor", "minor", "An amount.", required=True),
        define_column("total_minor", "minor", "An amount that may be unknown.", at_least=0),
        define_column("state", "text", "One of two.", one_of=("OPEN", "CLOSED")),
        define_column("attempts", "count", "At least one.", at_least=1),
        define_column("paid_at", "moment", "When."),
    ),
)
ROW = {
    "currency": "NOK",
    "amount_minor": -LARGEST_MINOR,
    "total_minor": LARGEST_MINOR,
    "state": "OPEN",
    "attempts": 1,
    "paid_at": None,
}
TYPES = polars_schema(FRAME)


def make_frame(**changed: object) -> pl.DataFrame:
    """Return a frame of two rows that fit, and a third with these values."""
    nothing = dict.fromkeys(("total_minor", "state", "attempts"))
    return pl.DataFrame([ROW, ROW | nothing, ROW | changed], schema=TYPES)


@pytest.mark.parametrize(
    "data",
    [make_frame(), make_frame().clear(), make_frame().select(sorted(TYPES))],
    ids=["rows", "no rows", "another order of columns"],
)
def test_what_fits_is_returned_unchanged(data):
    """Pandera is asked only about the others, so the same must fit there."""
    assert validate(data, FRAME) is data
    assert build_pandera_schema(FRAME, "polars").validate(data, lazy=True).equals(data)


@pytest.mark.parametrize(
    ("data", "violation"),
    [
        (make_frame(currency=None), "currency: not_nullable"),
        (make_frame(amount_minor=None), "amount_minor: not_nullable"),
        (make_frame(amount_minor=-LARGEST_MINOR - 1), "amount_minor: greater_than_or_equal_to"),
        (make_frame(amount_minor=LARGEST_MINOR + 1), "amount_minor: less_than_or_equal_to"),
        (make_frame(total_minor=-1), r"total_minor: greater_than_or_equal_to\(0\)"),
        (make_frame(attempts=0), r"attempts: greater_than_or_equal_to\(1\)"),
        (make_frame(currency="XXX"), "currency: isin"),
        (make_frame(state="open"), "state: isin"),
        (make_frame().cast({"attempts": pl.Int32}), "attempts: dtype"),
        (make_frame().cast({"paid_at": pl.Datetime("us", "Europe/Oslo")}), "paid_at: dtype"),
        (make_frame().drop("paid_at"), "paid_at: the column is missing"),
        (make_frame().with_columns(note=pl.lit("")), "column_in_schema"),
    ],
)
def test_what_does_not_fit_is_described(data, violation):
    """The sentence names the column and the rule."""
    with pytest.raises(SchemaError, match=violation):
        validate(data, FRAME)
