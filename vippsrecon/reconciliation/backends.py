"""The door between people's frames and the checks: whatever engine they sit on.

pandas and pyarrow become Polars here (on pyarrow tables narwhals' windows are silently wrong
from about 100,000 rows on); Polars, DuckDB and Spark frames stay where they are. Moments become
whole microseconds since 1970 in a column `<name>_us`, so that no check does arithmetic on time
zones or durations, which engines do differently.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.errors import InputError, SchemaError
from vippsrecon.schemas import Column, Frame, validate

LazyFrame = nw.LazyFrame[Any]

_NARWHALS_TYPES: dict[str, tuple[type[nw.dtypes.DType], ...]] = {
    "text": (nw.String,),
    "count": (nw.Int64, nw.Int32),
    "minor": (nw.Int64,),
    "boolean": (nw.Boolean,),
    "moment": (nw.Datetime,),
    "day": (nw.Int64, nw.Int32),
    "date": (nw.Date,),
}


def prepare_frame(data: Any, frame: Frame, columns: tuple[str, ...] | None = None) -> LazyFrame:
    """Take a frame in: checked against its schema, moments as microseconds, lazily.

    Args:
        data: pandas, pyarrow, Polars (eager or lazy), DuckDB relation or Spark frame.
        frame: What it promises.
        columns: The columns wanted of it; all where None.

    Raises:
        SchemaError: It does not fit `frame`.
        InputError: Nothing here knows this kind of object.
    """
    wanted = [c for c in frame.columns if columns is None or c.name in columns]
    engine = detect_engine(data)
    if engine == "polars":
        return _prepare_polars_frame(data, frame, wanted)
    narrow = nw.from_native(data).lazy()
    _validate_lazy_frame(narrow, frame)
    if engine == "duckdb":
        native = data.project(", ".join(_duckdb_column_sql(c) for c in wanted))
    else:
        from pyspark.sql import functions as sf

        native = data.select(
            *(
                sf.unix_micros(sf.col(c.name)).alias(f"{c.name}_us")
                if c.kind == "moment"
                else sf.col(c.name)
                for c in wanted
            )
        )
    entered: LazyFrame = nw.from_native(native).lazy()
    return entered


def detect_engine(data: Any) -> str:
    """Name the engine a frame will be checked on: polars, duckdb or spark.

    Raises:
        InputError: Nothing here knows this kind of object.
    """
    module = type(data).__module__.partition(".")[0].lstrip("_")
    engines = {"pandas": "polars", "polars": "polars", "pyarrow": "polars", "duckdb": "duckdb"}
    if module == "pyspark":
        return "spark"
    try:
        return engines[module]
    except KeyError:
        raise InputError(
            f"a {type(data).__name__} cannot be reconciled; hand in pandas, Polars, pyarrow, "
            "DuckDB or Spark frames"
        ) from None


def _prepare_polars_frame(data: Any, frame: Frame, wanted: list[Column]) -> LazyFrame:
    import polars as pl

    if isinstance(data, pl.LazyFrame):
        data = data.collect()
    if isinstance(data, pl.DataFrame):
        validate(data, frame)
    else:
        table = _to_arrow_table(data, frame)
        _validate_unused_columns(table, frame, [c for c in frame.columns if c not in wanted])
        data = pl.from_arrow(table.select([c.name for c in wanted]), rechunk=False)
        validate(data, replace(frame, columns=tuple(wanted)))
    columns = [
        pl.col(c.name).dt.timestamp("us").alias(f"{c.name}_us") if c.kind == "moment" else c.name
        for c in wanted
    ]
    entered: LazyFrame = nw.from_native(data.lazy().select(columns))
    return entered


def _validate_unused_columns(table: Any, frame: Frame, columns: list[Column]) -> None:
    """Hold columns nobody here reads to their promise, without making Polars' text of them."""
    import pyarrow.compute as pc

    wrong = [
        c.name
        for c in columns
        if (not c.nullable and table[c.name].null_count)
        or (c.at_least is not None and pc.any(pc.less(table[c.name], c.at_least)).as_py())
        or (c.one_of and not set(pc.unique(table[c.name]).to_pylist()) <= {*c.one_of, None})
    ]
    if wrong:
        raise SchemaError(
            f"{frame.name} does not fit its schema (in {', '.join(wrong)})",
            frame=frame.name,
            cases=[],
        )


def _to_arrow_table(data: Any, frame: Frame) -> Any:
    import pandas as pd
    import pyarrow as pa

    missing = [name for name in frame.names if name not in list(_column_names(data))]
    if missing:
        raise SchemaError(f"{frame.name} lacks {', '.join(missing)}", frame=frame.name, cases=[])
    try:
        if isinstance(data, pd.DataFrame):
            return pa.Table.from_pandas(data, schema=frame.arrow_schema(), preserve_index=False)
        return data.select(list(frame.names)).cast(frame.arrow_schema())
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        raise SchemaError(
            f"{frame.name} does not fit its schema ({error})", frame=frame.name, cases=[]
        ) from None


def _column_names(data: Any) -> list[str]:
    return list(getattr(data, "column_names", None) or data.columns)


def _duckdb_column_sql(column: Column) -> str:
    if column.kind == "moment":
        return f'epoch_us("{column.name}") AS "{column.name}_us"'
    return f'"{column.name}"'


def _validate_lazy_frame(data: LazyFrame, frame: Frame) -> None:
    """Check names, types and bounds where pandera does not reach: one filter, one look."""
    schema = data.collect_schema()
    wrong = [
        column.name
        for column in frame.columns
        if column.name not in schema
        or not isinstance(schema[column.name], _NARWHALS_TYPES[column.kind])
    ]
    if wrong:
        raise SchemaError(
            f"{frame.name} lacks, or has in another type: {', '.join(wrong)}",
            frame=frame.name,
            cases=[],
        )
    offending = nw.lit(value=False)
    for column in frame.columns:
        value = nw.col(column.name)
        if not column.nullable:
            offending = offending | value.is_null()
        if column.at_least is not None:
            offending = offending | (value < column.at_least).fill_null(value=False)
        if column.one_of:
            offending = offending | (~value.is_in(list(column.one_of))).fill_null(value=False)
    rows = data.filter(offending).head(5).collect().rows(named=True)
    if rows:
        raise SchemaError(
            f"{frame.name} does not fit its schema; the first offending row: {rows[0]}",
            frame=frame.name,
            cases=list(rows),
        )


def materialize(data: LazyFrame, *, large: bool = False) -> LazyFrame:
    """Compute a frame once, so that what is built on it does not compute it again.

    Args:
        data: What to compute.
        large: Whether whole inputs are read for it. Polars' streaming engine then takes half the
            time of its other one and less memory; for a few rows it takes longer to start.
    """
    native = nw.to_native(data)
    engine = detect_engine(native)
    if engine == "polars":
        settled: LazyFrame = nw.from_native(
            native.collect(engine="streaming" if large else "in-memory").lazy()
        )
    elif engine == "duckdb":
        settled = nw.from_native(_materialize_relation(native)).lazy()
    else:
        # A checkpoint rather than persist(): it also forgets how the rows were made, and Spark's
        # planner takes minutes over a plan that nests every step.
        settled = nw.from_native(native.localCheckpoint()).lazy()
    return settled


def _materialize_relation(relation: Any) -> Any:
    """Keep a DuckDB relation's rows. Before DuckDB 2 the relation itself did, by `execute`."""
    return relation.materialize() if hasattr(relation, "materialize") else relation.execute()


def is_empty(data: LazyFrame) -> bool:
    """Whether a frame has no rows."""
    return not collect_rows(data.select(data.collect_schema().names()[0]).head(1))


def count_rows(data: LazyFrame) -> int:
    """Count a frame's rows."""
    return int(collect_rows(data.select(n=nw.len()))[0]["n"])


def collect_rows(data: LazyFrame) -> list[dict[str, Any]]:
    """Collect a small frame as rows."""
    return list(data.collect().rows(named=True))


def align_columns(data: LazyFrame, types: dict[str, Any]) -> LazyFrame:
    """Return a frame with exactly these columns, those it lacks unknown: ready to be stacked."""
    have = data.collect_schema().names()
    return data.select(
        *(
            nw.col(name) if name in have else nw.lit(None).cast(kind).alias(name)
            for name, kind in types.items()
        )
    )
