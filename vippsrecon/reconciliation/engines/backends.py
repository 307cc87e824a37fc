"""Convert users' frames to the lazy frames that the checks run on, whatever their engine.

pandas and pyarrow frames become Polars (on pyarrow tables, narwhals' window functions are silently
wrong from about 100,000 rows); Polars, DuckDB and Spark frames stay on their engine. Times become
whole microseconds since 1970 in a column `<name>_us`, so that no check does arithmetic on time
zones or durations, where the engines differ.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.errors import InputError, SchemaError
from vippsrecon.money import LARGEST_SUM
from vippsrecon.reconciliation.engines.plans import add_to_plan, is_building
from vippsrecon.reconciliation.engines.validation import (
    NARWHALS_TYPES,
    validate_lazy_frame,
    validate_polars_frame,
    validate_unused_columns,
)
from vippsrecon.schemas import Column, Frame, polars_schema

LazyFrame = nw.LazyFrame[Any]


def prepare_frame(data: Any, frame: Frame, columns: tuple[str, ...] | None = None) -> LazyFrame:
    """Validate a frame against its schema and return it lazily, with times as microseconds.

    A date also gets a column with its day number, such as `ledger_day` for `ledger_date`.

    Args:
        data: pandas, pyarrow, Polars (eager or lazy), DuckDB relation or Spark frame.
        frame: Its schema.
        columns: The columns to return; None for all.

    Raises:
        SchemaError: The data does not fit `frame`.
        InputError: Frames of this type are not supported.
    """
    selected = [c for c in frame.columns if columns is None or c.name in columns]
    dates = [c for c in selected if c.kind == "date"]
    engine = detect_engine(data)
    if engine == "polars":
        return _prepare_polars_frame(data, frame, selected)
    data = _add_absent_columns(data, frame)
    validate_lazy_frame(nw.from_native(data).lazy(), frame)
    if engine == "duckdb":
        native = data.project(
            ", ".join([*map(_duckdb_column_sql, selected), *map(_duckdb_day_sql, dates)])
        )
    else:
        from pyspark.sql import functions as sf

        native = data.select(
            *(
                sf.unix_micros(sf.col(c.name)).alias(f"{c.name}_us")
                if c.kind == "moment"
                else sf.col(c.name)
                for c in selected
            ),
            *(sf.unix_date(sf.col(c.name)).cast("long").alias(_day_name(c)) for c in dates),
        )
    prepared: LazyFrame = nw.from_native(native).lazy()
    return prepared


def detect_engine(data: Any) -> str:
    """Return the engine that a frame is checked on: polars, duckdb or spark.

    Raises:
        InputError: Frames of this type are not supported.
    """
    module = type(data).__module__.partition(".")[0].lstrip("_")
    engines = {"pandas": "polars", "polars": "polars", "pyarrow": "polars", "duckdb": "duckdb"}
    if module == "pyspark":
        return "spark"
    try:
        return engines[module]
    except KeyError:
        raise InputError(
            f"a {type(data).__name__} cannot be reconciled; pass pandas, Polars, pyarrow, "
            "DuckDB or Spark frames"
        ) from None


def _prepare_polars_frame(data: Any, frame: Frame, schema: list[Column]) -> LazyFrame:
    import polars as pl

    if isinstance(data, pl.LazyFrame):
        data = data.collect()
    if isinstance(data, pl.DataFrame):
        absent = {name: pl.lit(None) for name in _find_absent_columns(data, frame)}
        data = data.with_columns(**absent).cast(
            {name: polars_schema(frame)[name] for name in absent}
        )
        validate_polars_frame(data, frame)
    else:
        table = _to_arrow_table(data, frame)
        validate_unused_columns(table, frame, [c for c in frame.columns if c not in schema])
        data = pl.from_arrow(table.select([c.name for c in schema]), rechunk=False)
        validate_polars_frame(data, replace(frame, columns=tuple(schema)))
    columns = [
        pl.col(c.name).dt.timestamp("us").alias(f"{c.name}_us") if c.kind == "moment" else c.name
        for c in schema
    ]
    days = [
        pl.col(c.name).cast(pl.Int32).cast(pl.Int64).alias(_day_name(c))
        for c in schema
        if c.kind == "date"
    ]
    prepared: LazyFrame = nw.from_native(data.select(*columns, *days).lazy())
    return prepared


def _to_arrow_table(data: Any, frame: Frame) -> Any:
    import pandas as pd
    import pyarrow as pa

    absent = _find_absent_columns(data, frame)
    present = [name for name in frame.names if name not in absent]
    missing = [name for name in present if name not in list(_column_names(data))]
    if missing:
        raise SchemaError(f"{frame.name} lacks {', '.join(missing)}", frame=frame.name, cases=[])
    schema = frame.arrow_schema()
    schema_present = pa.schema([schema.field(name) for name in present])
    try:
        if isinstance(data, pd.DataFrame):
            table = pa.Table.from_pandas(data, schema=schema_present, preserve_index=False)
        else:
            table = data.select(present).cast(schema_present)
        for name in absent:
            table = table.append_column(
                schema.field(name), pa.nulls(table.num_rows, schema.field(name).type)
            )
        return table.select(list(frame.names))
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        raise SchemaError(
            f"{frame.name} does not fit its schema ({error})", frame=frame.name, cases=[]
        ) from None


def _add_absent_columns(data: Any, frame: Frame) -> Any:
    """Add the optional columns that a DuckDB or Spark frame lacks."""
    absent = [c for c in frame.columns if c.name in _find_absent_columns(data, frame)]
    if not absent:
        return data
    nulls = {c.name: nw.lit(None).cast(NARWHALS_TYPES[c.kind][0]()) for c in absent}
    return nw.to_native(nw.from_native(data).lazy().with_columns(**nulls))


def _find_absent_columns(data: Any, frame: Frame) -> list[str]:
    """Return the optional columns that the data lacks; they are null in every row."""
    present = _column_names(data)
    return [c.name for c in frame.columns if c.optional and c.name not in present]


def _column_names(data: Any) -> list[str]:
    return list(getattr(data, "column_names", None) or data.columns)


def _duckdb_column_sql(column: Column) -> str:
    if column.kind == "moment":
        return f'epoch_us("{column.name}") AS "{column.name}_us"'
    return f'"{column.name}"'


def _duckdb_day_sql(column: Column) -> str:
    days = f"date_diff('day', DATE '1970-01-01', \"{column.name}\")"
    return f'CAST({days} AS BIGINT) AS "{_day_name(column)}"'


def _day_name(column: Column) -> str:
    """Return the name of a date as a number of days since 1970: `ledger_date` is `ledger_day`."""
    return f"{column.name.removesuffix('_date')}_day"


def refuse_large_sums(data: LazyFrame, frame: Frame) -> None:
    """Refuse amounts whose sum, or a sum made of it later, could be too large for 64 bits.

    Each amount has at most fifteen digits, but the sum of some thousands of them can exceed 64 bits
    and then be wrong.

    Raises:
        InputError: A column of amounts adds up to more than `LARGEST_SUM`.
    """
    names = set(data.collect_schema().names())
    amounts = [c.name for c in frame.columns if c.kind == "minor" and c.name in names]
    # As floats, because a sum of whole numbers would wrap before it can be compared.
    sums = collect_rows(data.select(nw.col(*amounts).cast(nw.Float64).abs().sum()))[0]
    for name, total in sums.items():
        if (total or 0.0) > LARGEST_SUM:
            raise InputError(
                f"{frame.name}: {name} adds up to more than eighteen digits, which cannot be "
                "right. Check the amounts in the file"
            )


def materialize(data: LazyFrame, *, large: bool = False) -> LazyFrame:
    """Compute a frame once, so that later steps do not compute it again.

    Args:
        data: The frame to compute.
        large: Whether the computation reads whole inputs. Polars' streaming engine then needs half
            the time of its in-memory engine and less memory; for a few rows it takes longer to start.
    """
    if is_building():
        return add_to_plan(data, large=large)
    native = nw.to_native(data)
    engine = detect_engine(native)
    if engine == "polars":
        computed: LazyFrame = nw.from_native(
            native.collect(engine="streaming" if large else "in-memory").lazy()
        )
    elif engine == "duckdb":
        computed = nw.from_native(materialize_relation(native)).lazy()
    else:
        # localCheckpoint() and not persist(): it also drops the query plan of the rows, and Spark's
        # planner needs minutes for a plan in which every step is nested.
        computed = nw.from_native(native.localCheckpoint()).lazy()
    return computed


def materialize_relation(relation: Any) -> Any:
    """Compute and store a DuckDB relation's rows. Before DuckDB 2, `execute` does this."""
    return relation.materialize() if hasattr(relation, "materialize") else relation.execute()


def is_empty(data: LazyFrame) -> bool:
    """Return whether a frame has no rows, which allows a shortcut.

    While a plan is built no frame has rows yet, and a plan takes no shortcut.
    """
    if is_building():
        return False
    return not collect_rows(data.select(data.collect_schema().names()[0]).head(1))


def has_distinct_rows(data: LazyFrame) -> bool:
    """Return whether it is certain that no row occurs twice, which allows a shortcut.

    On Polars rows are compared by their hashes: equal rows have equal hashes.
    """
    import polars as pl

    native = nw.to_native(data)
    if is_building() or not isinstance(native, pl.LazyFrame):
        return False
    hashes = native.collect().hash_rows()
    return bool(hashes.n_unique() == len(hashes))


def count_rows(data: LazyFrame) -> int:
    """Return the number of rows of a frame."""
    return int(collect_rows(data.select(n=nw.len()))[0]["n"])


def collect_rows(data: LazyFrame) -> list[dict[str, Any]]:
    """Return the rows of a small frame as dictionaries."""
    if is_building():
        raise RuntimeError("a planned step must not look at rows")
    return list(data.collect().rows(named=True))


def align_columns(data: LazyFrame, types: dict[str, Any]) -> LazyFrame:
    """Return a frame with exactly these columns, null where missing, so that it can be concatenated."""
    present = data.collect_schema().names()
    return data.select(
        *(
            nw.col(name) if name in present else nw.lit(None).cast(kind).alias(name)
            for name, kind in types.items()
        )
    )
