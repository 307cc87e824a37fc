"""Large frames are joined by one number made of several columns. Two rows with one number stay apart."""

from __future__ import annotations

import duckdb
import narwhals.stable.v2 as nw
import polars as pl
import pytest

from tests.reconciliation.test_keys import hash_by_first_letter
from vippsrecon.reconciliation.engines.backends import collect_rows
from vippsrecon.reconciliation.engines.joins import join_large, number_groups
from vippsrecon.reconciliation.engines.keys import hash_text

LEFT = pl.DataFrame(
    {"msn": ["1", "1", "1", "2"], "reference": ["a1", "a2", None, "a1"], "booked": [1, 2, 3, 4]}
)
RIGHT = pl.DataFrame(
    {
        "msn": ["1", "1", "1", "2"],
        "reference": ["a1", "a3", None, "a1"],
        "paid": [10, 30, 40, 20],
        "kept": ["x", "y", "z", "x"],
    }
)


def on_polars(rows):
    """Return a frame as the checks get it from Polars."""
    return nw.from_native(rows.lazy())


def on_duckdb(rows):
    """Return a frame as the checks get it from DuckDB."""
    return nw.from_native(duckdb.from_arrow(rows.to_arrow(compat_level=pl.CompatLevel.oldest())))


@pytest.mark.parametrize("engine", [on_polars, on_duckdb])
@pytest.mark.parametrize(
    "hash_function", [hash_text, hash_by_first_letter, None], ids=["hashed", "colliding", "columns"]
)
def test_rows_are_joined_by_their_columns(engine, hash_function):
    """A collision of keys must not join two payments, and a null is equal to nothing."""
    joined = join_large(engine(LEFT), engine(RIGHT), ["msn", "reference"], ["paid"], hash_function)

    rows = sorted(collect_rows(joined.rows), key=lambda row: row["booked"])
    assert [(row["booked"], row["paid"]) for row in rows] == [
        (1, 10),
        (2, None),
        (3, None),
        (4, 20),
    ]
    assert set(rows[0]) == {*LEFT.columns, "paid"}
    unmatched = sorted(collect_rows(joined.unmatched), key=lambda row: row["paid"])
    assert unmatched == RIGHT.filter(pl.col("paid").is_in([30, 40])).rows(named=True)


@pytest.mark.parametrize("engine", [on_polars, on_duckdb])
@pytest.mark.parametrize(
    "hash_function", [hash_text, hash_by_first_letter, None], ids=["hashed", "colliding", "columns"]
)
def test_groups_have_one_number_each(engine, hash_function):
    """A collision of keys must not make one group of two."""
    names = ["msn", "reference"]
    rows = pl.concat([LEFT, LEFT]).drop_nulls()
    numbered = collect_rows(number_groups(engine(rows), names, "number", hash_function))

    groups = {(row["msn"], row["reference"]): row["number"] for row in numbered}
    assert len(numbered) == rows.height
    assert len(groups) == len(set(groups.values())) == 3
    assert all(row["number"] == groups[row["msn"], row["reference"]] for row in numbered)
