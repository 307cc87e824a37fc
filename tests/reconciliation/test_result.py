"""The repr of a `Reconciliation`, and the form in which it holds and shows its frames."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.example_rows import NOW
from vippsrecon.reconciliation.examples import make_example, reconcile_example
from vippsrecon.schemas import EVENTS, FAILURES, ORDERS, PAYMENTS, SUMMARY, validate

INPUTS = {"orders": ORDERS, "payments": PAYMENTS, "events": EVENTS, "failures": FAILURES}
FRAMES = (*INPUTS, "rejects", "discrepancies", "buckets", "summary", "bridge", "groups")


def test_result_repr_is_one_line():
    """Frames printed inside a repr fill the terminal and do not help the reader."""
    result = reconcile_example(C=400)
    moment = result.manifest["as_of"]

    assert repr(result) == f"<Reconciliation: as of {moment}, 1 pair, 1 discrepancy, complete>"


def test_result_repr_states_that_a_run_is_incomplete():
    """The reader must not believe that the discrepancies found so far are all there are."""
    assert "0 discrepancies, incomplete>" in repr(reconcile_example(A=None, failure=503))


def make_tables() -> list[pa.Table]:
    """Return the frames of an example with one discrepancy, as Arrow tables."""
    example = make_example(C=400)
    rows = (example.orders, example.payments, example.events, example.failures)
    return [
        pa.Table.from_pylist(part or [], schema=schema.arrow_schema())
        for part, schema in zip(rows, INPUTS.values(), strict=True)
    ]


CONVERSIONS = {
    "pyarrow": lambda table: table,
    "Polars": pl.DataFrame,
    "lazy Polars": lambda table: pl.DataFrame(table).lazy(),
    "pandas": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
}


@pytest.mark.parametrize("given", CONVERSIONS)
def test_every_frame_is_shown_in_pandas_with_arrow_types(given):
    """Users get one kind of frame, whatever they passed, with the types of the schemas."""
    result = reconcile(*map(CONVERSIONS[given], make_tables()), as_of=NOW)
    expected = reconcile(*map(CONVERSIONS["pandas"], make_tables()), as_of=NOW)

    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(result, name), getattr(expected, name))
        assert getattr(result, name) is getattr(result, name), "made once"
    for name, schema in INPUTS.items():
        validate(getattr(result, name), schema)
    validate(result.summary, SUMMARY)
    assert len(result.discrepancies) == 1


def test_pandas_is_made_only_when_a_frame_is_read():
    """A run that only writes its report pays for no second copy of its frames."""
    result = reconcile(*map(pl.DataFrame, make_tables()), as_of=NOW)
    changed = result.with_changes(notices=("a notice",))
    read = changed.polars_frame("discrepancies")

    assert read["kind"].to_list() == ["under_captured"]
    assert not any(isinstance(frame, pd.DataFrame) for frame in vars(changed).values())
    assert changed.notices == ("a notice",)
    assert not result.notices
    assert isinstance(changed.orders, pd.DataFrame)
    assert isinstance(vars(result)["orders"], pl.DataFrame), "a copy does not change the original"
    assert changed.polars_frame("orders").equals(result.polars_frame("orders"))


def test_a_result_is_copied_replaced_and_pickled_as_any_dataclass():
    """Notebooks store results and replace a frame of one."""
    result = reconcile_example(C=400)

    for same in (copy.copy(result), pickle.loads(pickle.dumps(result)), result.collect()):
        assert repr(same) == repr(result)
        pd.testing.assert_frame_equal(same.discrepancies, result.discrepancies)
    emptied = dataclasses.replace(result, discrepancies=result.discrepancies.head(0))
    assert len(emptied.discrepancies) == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        emptied.discrepancies = result.discrepancies
    with pytest.raises(TypeError, match="required"):
        type(result)(orders=result.orders)
