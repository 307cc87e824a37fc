"""Describe a frame by a table of columns, and validate data against it.

The same table gives the pandera models (pandas for users' frames, Polars inside the package) and
the Arrow types that a frame is built with. DuckDB and Spark frames are validated with a filter
made from the same table (`vippsrecon.reconciliation.engines.backends`).

Kinds: `text` · `count` (whole number) · `minor` (whole minor units of the row's `currency`) ·
`boolean` · `moment` (aware UTC time, microseconds) · `day` (whole days since 1970-01-01 in the
sales unit's own zone) · `date`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from vippsrecon.errors import SchemaError
from vippsrecon.money import DECIMALS, LARGEST_MINOR

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

ColumnKind = Literal["text", "count", "minor", "boolean", "moment", "day", "date"]

FrameT = TypeVar("FrameT")
"""The kind of frame that a result holds: Polars inside the package, pandas for its users."""


@dataclass(frozen=True)
class Column:
    """One column: name, kind, description and bounds. An optional column may be absent: all null."""

    name: str
    kind: ColumnKind
    about: str
    nullable: bool = True
    at_least: int | None = None
    one_of: tuple[str, ...] = ()
    optional: bool = False

    @property
    def at_most(self) -> int | None:
        """The largest value: an amount has fifteen digits, so that no sum of amounts overflows."""
        return LARGEST_MINOR if self.kind == "minor" else None


def define_column(
    name: str,
    kind: ColumnKind,
    about: str,
    *,
    required: bool = False,
    at_least: int | None = None,
    one_of: tuple[str, ...] = (),
    optional: bool = False,
) -> Column:
    """Return a column. Its values may be null unless it is required."""
    if kind == "minor" and at_least is None:
        at_least = -LARGEST_MINOR
    return Column(name, kind, about, not required, at_least, one_of, optional)


MSN = define_column("msn", "text", "Merchant serial number of the sales unit.", required=True)
REFERENCE = define_column("reference", "text", "The merchant's id of the payment.", required=True)
CURRENCY = define_column(
    "currency",
    "text",
    "ISO 4217 code of every amount in the row.",
    required=True,
    one_of=tuple(DECIMALS),
)


@dataclass(frozen=True)
class Frame:
    """One frame: its name, its grain, its source and its columns in order."""

    name: str
    grain: str
    source: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    def arrow_schema(self) -> pa.Schema:
        """Return the Arrow schema that frames of this kind are built with."""
        import pyarrow as pa

        kinds = {
            "text": pa.large_string(),
            "count": pa.int64(),
            "minor": pa.int64(),
            "boolean": pa.bool_(),
            "moment": pa.timestamp("us", tz="UTC"),
            "day": pa.int64(),
            "date": pa.date32(),
        }
        return pa.schema([pa.field(c.name, kinds[c.kind], c.nullable) for c in self.columns])

    def empty(self) -> pd.DataFrame:
        """Return an empty pandas frame of this kind."""
        return to_pandas(self.arrow_schema().empty_table())


def to_pandas(data: pa.Table | pl.DataFrame) -> pd.DataFrame:
    """Convert an Arrow table or a Polars frame to pandas with Arrow types.

    Text stays text, and unknown values stay NA.
    """
    import pandas as pd
    import polars as pl

    if isinstance(data, pl.DataFrame):
        data = data.to_arrow(compat_level=pl.CompatLevel.oldest())
    frame: pd.DataFrame = data.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    return frame


def to_polars(data: Any, frame: Frame) -> pl.DataFrame:
    """Convert a frame of a schema to Polars, with the schema's columns in its order.

    Args:
        data: pandas, pyarrow or Polars, eager or lazy; None for a frame without rows.
        frame: Its schema.
    """
    import polars as pl
    import pyarrow as pa

    if data is None:
        return pl.DataFrame(schema=polars_schema(frame))
    if isinstance(data, pl.LazyFrame):
        data = data.collect()
    if isinstance(data, pl.DataFrame):
        return data.select(frame.names)
    schema = frame.arrow_schema()
    table = (
        data.select(list(frame.names)).cast(schema)
        if isinstance(data, pa.Table)
        else pa.Table.from_pandas(data, schema=schema, preserve_index=False)
    )
    return pl.DataFrame(table)


def polars_schema(frame: Frame) -> dict[str, Any]:
    """Return the Polars types of a frame's columns."""
    import polars as pl

    kinds: dict[str, Any] = {
        "text": pl.String,
        "count": pl.Int64,
        "minor": pl.Int64,
        "boolean": pl.Boolean,
        "moment": pl.Datetime("us", "UTC"),
        "day": pl.Int64,
        "date": pl.Date,
    }
    return {column.name: kinds[column.kind] for column in frame.columns}


def cast_to_schema(data: pl.DataFrame, frame: Frame) -> pl.DataFrame:
    """Give a Polars frame the columns and types of a schema, and validate it.

    Raises:
        SchemaError: A value is out of bounds.
    """
    types = polars_schema(frame)
    cast = data.select(data[name].cast(kind) for name, kind in types.items())
    valid: pl.DataFrame = validate(cast, frame)
    return valid


@cache
def build_pandera_schema(frame: Frame, backend: Literal["pandas", "polars"]) -> Any:
    """Return the strict pandera schema of a frame for pandas or eager Polars frames."""
    import pandas as pd

    if backend == "pandas":
        import pandera.pandas as pa

        kinds: dict[str, Any] = {f.name: pd.ArrowDtype(f.type) for f in frame.arrow_schema()}
    else:
        import pandera.polars as pa  # type: ignore[no-redef]

        kinds = polars_schema(frame)

    def checks(column: Column) -> list[Any]:
        column_checks: list[Any] = []
        if column.at_least is not None:
            column_checks.append(pa.Check.ge(column.at_least))
        if column.at_most is not None:
            column_checks.append(pa.Check.le(column.at_most))
        if column.one_of:
            column_checks.append(pa.Check.isin(list(column.one_of)))
        return column_checks

    return pa.DataFrameSchema(
        {
            column.name: pa.Column(kinds[column.name], checks(column), nullable=column.nullable)
            for column in frame.columns
        },
        strict=True,
        name=frame.name,
    )


def validate(data: pd.DataFrame | pl.DataFrame, frame: Frame) -> Any:
    """Validate `data` against `frame` and return it unchanged.

    Args:
        data: A pandas frame with Arrow types, or an eager Polars frame. A LazyFrame is
            rejected: pandera would check only its types, not its values.
        frame: The schema, such as `schemas.ORDERS`.

    Raises:
        SchemaError: A column is missing, unknown, of another type, or has a value out of bounds.
    """
    import pandas as pd
    from pandera.errors import SchemaErrors

    if not isinstance(data, pd.DataFrame) and not hasattr(data, "get_column"):
        raise SchemaError(
            f"{frame.name}: a {type(data).__name__} cannot be validated; collect it first",
            frame=frame.name,
            cases=[],
        )
    backend: Literal["pandas", "polars"] = "pandas" if isinstance(data, pd.DataFrame) else "polars"
    try:
        build_pandera_schema(frame, backend).validate(data, lazy=True)
    except SchemaErrors as errors:
        raise _build_schema_error(frame, errors) from None
    return data


def _build_schema_error(frame: Frame, errors: Any) -> SchemaError:
    cases = errors.failure_cases
    if hasattr(cases, "to_pandas"):
        cases = cases.to_pandas()
    fields = [name for name in ("column", "check", "failure_case", "index") if name in cases]
    rows = cases[fields].astype("object").head(100).to_dict("records")
    violations = "; ".join(sorted({_describe_violation(row) for row in rows})[:10])
    return SchemaError(
        f"{frame.name} does not fit its schema ({violations})",
        frame=frame.name,
        cases=[{str(key): value for key, value in row.items()} for row in rows],
    )


def _describe_violation(row: dict[Any, Any]) -> str:
    if row.get("check") == "column_in_dataframe":
        return f"{row.get('failure_case')}: the column is missing"
    return f"{row.get('column')}: {row.get('check')}"
