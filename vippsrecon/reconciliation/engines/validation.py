"""Check the columns, types and bounds of input frames, on each engine."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.errors import SchemaError
from vippsrecon.schemas import Column, Frame, polars_schema, validate

NARWHALS_TYPES: dict[str, tuple[type[nw.dtypes.DType], ...]] = {
    "text": (nw.String,),
    "count": (nw.Int64, nw.Int32),
    "minor": (nw.Int64,),
    "boolean": (nw.Boolean,),
    "moment": (nw.Datetime,),
    "day": (nw.Int64, nw.Int32),
    "date": (nw.Date,),
}


def validate_polars_frame(data: Any, frame: Frame) -> None:
    """Validate a Polars frame: all bounds in one pass; pandera describes what does not fit.

    pandera alone takes most of the time of a small comparison.
    """
    import polars as pl

    fits = dict(data.schema) == polars_schema(frame) and not any(
        data[c.name].null_count() for c in frame.columns if not c.nullable
    )
    if fits:
        outside = [
            condition.any().alias(f"{c.name}_{number}")
            for c in frame.columns
            for number, condition in enumerate(
                (
                    *([] if c.at_least is None else [pl.col(c.name).min() < c.at_least]),
                    *([] if c.at_most is None else [pl.col(c.name).max() > c.at_most]),
                    *([~pl.col(c.name).is_in(list(c.one_of))] if c.one_of else []),
                )
            )
        ]
        fits = not outside or not any(data.select(outside).row(0))
    if not fits:
        validate(data, frame)


def validate_unused_columns(table: Any, frame: Frame, columns: list[Column]) -> None:
    """Validate the columns that are not converted, in Arrow, to avoid converting them to Polars."""
    import pyarrow.compute as pc

    invalid_columns = [
        c.name
        for c in columns
        if (not c.nullable and table[c.name].null_count)
        or (c.at_least is not None and pc.any(pc.less(table[c.name], c.at_least)).as_py())
        or (c.at_most is not None and pc.any(pc.greater(table[c.name], c.at_most)).as_py())
        or (c.one_of and not set(pc.unique(table[c.name]).to_pylist()) <= {*c.one_of, None})
    ]
    if invalid_columns:
        raise SchemaError(
            f"{frame.name} does not fit its schema (in {', '.join(invalid_columns)})",
            frame=frame.name,
            cases=[],
        )


def validate_lazy_frame(data: nw.LazyFrame[Any], frame: Frame) -> None:
    """Check names, types and bounds with one filter, on engines that pandera does not support."""
    schema = data.collect_schema()
    invalid_columns = [
        column.name
        for column in frame.columns
        if column.name not in schema
        or not isinstance(schema[column.name], NARWHALS_TYPES[column.kind])
    ]
    if invalid_columns:
        raise SchemaError(
            f"{frame.name} has missing columns or columns of another type: {', '.join(invalid_columns)}",
            frame=frame.name,
            cases=[],
        )
    is_invalid = nw.lit(value=False)
    for column in frame.columns:
        value = nw.col(column.name)
        if not column.nullable:
            is_invalid = is_invalid | value.is_null()
        if column.at_least is not None:
            is_invalid = is_invalid | (value < column.at_least).fill_null(value=False)
        if column.at_most is not None:
            is_invalid = is_invalid | (value > column.at_most).fill_null(value=False)
        if column.one_of:
            is_invalid = is_invalid | (~value.is_in(list(column.one_of))).fill_null(value=False)
    rows = data.filter(is_invalid).head(5).collect().rows(named=True)
    if rows:
        raise SchemaError(
            f"{frame.name} does not fit its schema; first invalid row: {rows[0]}",
            frame=frame.name,
            cases=list(rows),
        )
