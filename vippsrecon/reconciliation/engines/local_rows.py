"""Put a small Polars frame on the engine of another frame, so that the two can be stacked."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    detect_engine,
    materialize_relation,
)


def put_beside(rows: pl.DataFrame, data: LazyFrame) -> LazyFrame:
    """Return rows as a lazy frame on the engine that `data` is on.

    On DuckDB the rows are put on the connection of `data`: those of two connections cannot be
    stacked.
    """
    native = nw.to_native(data)
    engine = detect_engine(native)
    if engine == "polars":
        local: LazyFrame = nw.from_native(rows.lazy())
        return local
    if engine == "duckdb":
        return _put_on_duckdb(rows, native)
    from pyspark.sql import types

    kinds = {pl.String: types.StringType(), pl.Int64: types.LongType()}
    fields = [
        types.StructField(name, kinds[kind.base_type()]) for name, kind in rows.schema.items()
    ]
    frame = native.sparkSession.createDataFrame(rows.rows(), schema=types.StructType(fields))
    placed: LazyFrame = nw.from_native(frame).lazy()
    return placed


def _put_on_duckdb(rows: pl.DataFrame, relation: Any) -> LazyFrame:
    # DuckDB finds the table by the name of this variable.
    added_rows = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
    placed: LazyFrame = nw.from_native(
        materialize_relation(relation.query("given_rows", "SELECT * FROM added_rows"))
    ).lazy()
    del added_rows
    return placed
