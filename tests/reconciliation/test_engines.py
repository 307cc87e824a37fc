"""The same checks on pandas, Polars, DuckDB and Spark give the same frames.

Some errors appear only in large frames (windows on pyarrow tables were wrong from 100,000 rows
on), so the nightly run also compares the engines at 200,000 rows.
"""

from __future__ import annotations

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.hypothesis_sizes import draw_examples
from tests.reconciliation.random_frames import Rows, random_rows
from tests.reconciliation.spark_frames import build_spark_frame, spark_is_missing
from vippsrecon.errors import InputError, SchemaError
from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.example_rows import NOW, make_order_row, make_payment_rows
from vippsrecon.reconciliation.result import build_frame
from vippsrecon.schemas import EVENTS, FAILURES, ORDERS, PAYMENTS
from vippsrecon.texts import list_texts_in

SCHEMAS = (ORDERS, PAYMENTS, EVENTS, FAILURES)
RESULTS = ("discrepancies", "buckets", "summary", "bridge", "groups")


def build_tables(rows: Rows) -> list[pa.Table]:
    """Return the rows as Arrow tables with their schemas."""
    return [
        pa.Table.from_pylist(part, schema=schema.arrow_schema())
        for part, schema in zip(rows, SCHEMAS, strict=True)
    ]


def records(result):
    """Return every result frame as rows, so that engines can be compared."""
    collected = result.collect()
    return {name: getattr(collected, name).to_dict("records") for name in RESULTS}


def reconcile_in_pandas(arrow_tables: list[pa.Table]):
    """Reconcile the tables as pandas frames; every other engine must give the same result."""
    return reconcile(
        *(build_frame(t.to_pylist(), s) for t, s in zip(arrow_tables, SCHEMAS, strict=True)),
        as_of=NOW,
    )


@pytest.mark.ci
@draw_examples(
    1,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(random_rows(least=20, most=40))
def test_polars_and_duckdb_agree_with_pandas(rows):
    """For any rows, the three engines on one machine give the same frames."""
    arrow_tables = build_tables(rows)
    expected = records(reconcile_in_pandas(arrow_tables))

    assert records(reconcile(*(pl.from_arrow(t) for t in arrow_tables), as_of=NOW)) == expected
    assert (
        records(reconcile(*(pl.from_arrow(t).lazy() for t in arrow_tables), as_of=NOW)) == expected
    )
    assert records(reconcile(*arrow_tables, as_of=NOW)) == expected
    relations = [duckdb.from_arrow(t) for t in arrow_tables]
    assert records(reconcile(*relations, as_of=NOW)) == expected


@pytest.mark.ci
def test_sentences_are_in_the_language_on_every_engine():
    """A plan that Polars keeps for one language must not be used for the next."""
    tables = make_many_tables(60)
    codes = set()
    for language in ("nb", "en", "nb"):
        sentences = set(list_texts_in("sentences", language).values())
        for frames in (map(pl.from_arrow, tables), map(duckdb.from_arrow, tables)):
            shown = reconcile(*frames, as_of=NOW, language=language).polars_frame("discrepancies")
            codes.add(tuple(shown["kind"]))
            assert {*shown["cause"], *shown["next_step"]} <= sentences

    assert len(codes) == 1


def make_many_tables(count: int) -> list[pa.Table]:
    """Return a large month with duplicates and attempts, in which every tenth pair has an error."""
    orders, payments, events = [], [], []
    for number in range(count):
        reference = f"order-{number:07}"
        total = 1000 + number * 7 % 500
        wrong = number % 10
        orders.append(
            make_order_row(
                reference=reference,
                order_number=f"#{number}",
                total_minor=total,
                refunded_minor=300 if wrong == 3 else 0,
                status="open" if wrong == 4 else "fulfilled",
                source_row=2 * number + 2,
            )
        )
        if number % 1000 == 5:
            orders.append(orders[-1] | {"total_minor": total - 1, "source_row": 2 * number + 3})
        if wrong == 9:
            continue
        captured = total - 10 if wrong == 1 else total
        payment_row, logged = make_payment_rows(
            reference=f"{reference}-1" if wrong == 2 else reference, A=total, captures=(captured,)
        )
        payments.append(payment_row)
        events += logged
        if number % 1000 == 7:
            again, logged = make_payment_rows(
                reference=f"{reference}-2", A=total, captures=(total,)
            )
            payments.append(again)
            events += logged
    return [
        pa.Table.from_pylist(rows, schema=schema.arrow_schema())
        for rows, schema in zip((orders, payments, events, []), SCHEMAS, strict=True)
    ]


@pytest.mark.nightly
@pytest.mark.parametrize("count", [500, 200_000])
def test_engines_agree_at_many_rows(count):
    """Some errors in windows and joins appear only in large frames."""
    arrow_tables = make_many_tables(count)
    expected = records(reconcile(*arrow_tables, as_of=NOW))

    assert len(expected["discrepancies"]) > 0.3 * count
    assert records(reconcile(*(duckdb.from_arrow(t) for t in arrow_tables), as_of=NOW)) == expected


def test_argument_that_is_not_a_frame_is_refused():
    """A list of rows is not a frame; the error says what is accepted."""
    with pytest.raises(InputError, match="pandas, Polars, pyarrow, DuckDB or Spark"):
        reconcile([], [])


def test_negative_amount_is_refused_on_duckdb():
    """On DuckDB too, a negative amount is refused, and the error names the frame."""
    arrow_tables = build_tables(Rows([make_order_row(total_minor=-1)], [], [], []))

    with pytest.raises(SchemaError, match="orders does not fit"):
        reconcile(*(duckdb.from_arrow(t) for t in arrow_tables), as_of=NOW)


def draw_row_sets(count: int) -> list[Rows]:
    """Return frames that hypothesis draws, the same in every run."""
    drawn_rows: list[Rows] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(random_rows(most=8))
    def draw(rows):
        drawn_rows.append(rows)

    draw()
    return drawn_rows[:count]


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_is_missing()), reason=spark_is_missing() or "-")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("count", [8, pytest.param(20, marks=pytest.mark.nightly)])
def test_spark_agrees_with_pandas(spark, count):
    """A few fixed frames are enough for Spark, because planning takes up to a minute for each."""
    for rows in draw_row_sets(20)[:count]:
        arrow_tables = build_tables(rows)
        frames = [
            build_spark_frame(spark, t, s) for t, s in zip(arrow_tables, SCHEMAS, strict=True)
        ]
        assert records(reconcile(*frames, as_of=NOW)) == records(reconcile_in_pandas(arrow_tables))
