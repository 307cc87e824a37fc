"""A planned step's plan is built once per settings and columns, and gives each call its own rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from cProfile import Profile
from dataclasses import dataclass
from datetime import timedelta

import narwhals.stable.v2 as nw
import polars as pl
import pytest

from vippsrecon.config.settings import SalesUnit
from vippsrecon.reconciliation.engines.backends import collect_rows, is_empty, materialize
from vippsrecon.reconciliation.engines.plans import (
    SMALL_ROWS,
    planned,
    planned_if_small,
    reuse_plans,
)
from vippsrecon.reconciliation.example_rows import (
    EXAMPLE_MSN,
    NOW,
    make_order_row,
    make_payment_rows,
)
from vippsrecon.reconciliation.examples import describe_result, run_example
from vippsrecon.reconciliation.result import build_frame
from vippsrecon.reconciliation.run import reconcile
from vippsrecon.schemas import EVENTS, FAILURES, ORDERS, PAYMENTS


@dataclass(frozen=True)
class Sums:
    """What the step below returns."""

    rows: nw.LazyFrame
    total: nw.LazyFrame
    missing: nw.LazyFrame | None = None


def frame(*values, **more):
    """Return a lazy frame with these values."""
    return nw.from_native(pl.DataFrame({"value": values, **more}).lazy())


def make_step():
    """Return a planned step, and the list of the settings that it was built with."""
    built = []

    @planned
    def step(data, factor, other=None):
        built.append(factor)
        rows = materialize(data.with_columns(value=nw.col("value") * factor))
        if other is not None and not is_empty(other):
            rows = materialize(nw.concat([rows, other], how="vertical"))
        return Sums(rows, rows.select(total=nw.col("value").sum()))

    return step, built


def total(result):
    """Return the total that the step computed."""
    return collect_rows(result.total)[0]["total"]


def test_plan_is_built_once_per_settings_and_columns():
    """This is what makes a small comparison fast."""
    step, built = make_step()
    with reuse_plans(rows=2):
        assert [total(step(frame(1, 2), 10)), total(step(frame(5), 10))] == [30, 50]
        assert built == [10]
        assert total(step(frame(1, 2), 3)) == 9
        assert total(step(frame(1.5), 10)) == 15
        assert total(step(frame(1), 10, other=frame(7))) == 17
        assert total(step(frame(2), 10, other=frame(8))) == 28
    assert built == [10, 3, 10, 10]


def test_results_stay_after_the_next_call():
    """A plan's places are used again; what it gave before must not change."""
    step, _ = make_step()
    with reuse_plans(rows=2):
        first, second = step(frame(1), 1), step(frame(2), 1)
    assert (total(first), total(second)) == (1, 2)
    assert collect_rows(first.rows) == [{"value": 1}]
    assert first.missing is None


def test_many_threads_use_one_plan():
    """A server may reconcile several months at a time."""
    step, built = make_step()

    def run(value):
        with reuse_plans(rows=2):
            return total(step(frame(value, value), 10))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(run, range(200))) == [20 * value for value in range(200)]
    assert built == [10]


def test_other_engines_compute_step_by_step():
    """Plans are Polars' own."""
    step, built = make_step()
    with reuse_plans(rows=None):
        assert [total(step(frame(1), 10)), total(step(frame(2), 10))] == [10, 20]
    assert built == [10, 10]


def test_step_uses_its_shortcuts_for_many_rows():
    """There a shortcut for a frame without rows saves more than a plan does."""
    was_empty = []

    @planned_if_small
    def step(data, other):
        was_empty.append(is_empty(other))
        return data if is_empty(other) else materialize(nw.concat([data, other], how="vertical"))

    for rows, values in ((SMALL_ROWS, [1]), (SMALL_ROWS + 1, [1])):
        with reuse_plans(rows):
            result = step(frame(1), frame(2).head(0))
        assert [row["value"] for row in collect_rows(result)] == values
    assert was_empty == [False, True]


def test_planned_step_that_reads_rows_raises():
    """Its plan would hold what it saw, for all later frames."""

    @planned
    def step(data):
        return data.filter(nw.col("value") == collect_rows(data)[0]["value"])

    with reuse_plans(rows=2), pytest.raises(RuntimeError, match="must not look at rows"):
        step(frame(1))
    with reuse_plans(rows=None):
        assert collect_rows(step(frame(1))) == [{"value": 1}]


def test_a_later_comparison_translates_no_expressions_again():
    """Other rows at another time use the same plans; a first comparison makes 1.3 million calls."""
    run_example(C=400)
    payment, log = make_payment_rows(reference="order-0002", captures=(300,))
    frames = (
        build_frame([make_order_row(reference="order-0002")], ORDERS),
        build_frame([payment], PAYMENTS),
        build_frame(log, EVENTS),
        build_frame([], FAILURES),
    )
    unit = SalesUnit(EXAMPLE_MSN, market="NO")
    calls = Profile()
    calls.enable()
    result = reconcile(*frames, units=(unit,), as_of=NOW - timedelta(minutes=1))
    calls.disable()
    assert describe_result(result) == ["discrepancy under_captured 1000 → 300, at risk 700"]
    assert sum(entry.callcount for entry in calls.getstats()) < 200_000
