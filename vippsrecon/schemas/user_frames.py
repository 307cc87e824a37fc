"""Accept the frames that users have: pandas, Polars, Arrow, and whatever narwhals can collect."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import narwhals.stable.v2 as nw
import pyarrow as pa

from vippsrecon.errors import InputError


def wrap_frame(data: Any) -> nw.DataFrame[Any] | None:
    """Return a user's frame as a narwhals frame; None if it is not a frame.

    Named index levels of pandas become columns, because a frame after `groupby` or `set_index` has
    its references there. Lazy frames are collected.

    Raises:
        InputError: Two columns have the same name.

    >>> wrap_frame(pa.table({"reference": ["order-0001"]})).columns
    ['reference']
    >>> wrap_frame("orders.csv") is None
    True
    """
    if isinstance(data, pa.RecordBatch | pa.RecordBatchReader):
        data = pa.table(data) if isinstance(data, pa.RecordBatch) else data.read_all()
    _refuse_repeated_names(data)
    wrapped: Any = nw.from_native(data, pass_through=True)
    if isinstance(wrapped, nw.LazyFrame):
        return wrapped.collect(backend="pyarrow")
    if not isinstance(wrapped, nw.DataFrame):
        return None
    frame: nw.DataFrame[Any] = nw.from_native(
        _index_to_columns(wrapped.to_native()), eager_only=True
    )
    return frame


def wrap_series(data: Any) -> nw.Series[Any] | None:
    """Return a user's series or Arrow column as a narwhals series; None if it is not one."""
    if isinstance(data, pa.Array):
        data = pa.chunked_array([data])
    wrapped: Any = nw.from_native(data, series_only=True, pass_through=True)
    return wrapped if isinstance(wrapped, nw.Series) else None


def is_missing(value: Any) -> bool:
    """Return whether a value means that nothing is known: None, NaN, NaT or NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, float) and value != value  # noqa: PLR0124 (true of NaN only)


def _refuse_repeated_names(data: Any) -> None:
    # Only Arrow and pandas allow two columns of one name.
    names = data.column_names if isinstance(data, pa.Table) else ()
    if hasattr(data, "iloc"):
        names = getattr(data, "columns", ())
    repeated = [str(name) for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InputError(
            f"the frame has several columns with the name {', '.join(repeated)}. Rename or drop them"
        )


def _index_to_columns(frame: Any) -> Any:
    names = getattr(getattr(frame, "index", None), "names", None) or ()
    named = [name for name in names if name is not None and name not in frame.columns]
    return frame.reset_index(level=named) if named else frame
