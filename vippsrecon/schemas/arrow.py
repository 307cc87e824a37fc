"""Convert values to Arrow arrays of a column's type, or raise an error that names the value.

Texts become UTC times, times become local days, and numbers must be whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from vippsrecon.errors import SchemaError

ColumnValues: TypeAlias = "pa.Array | Sequence[Any]"


def build_array(values: Any, kind: pa.DataType, frame: str, column: str) -> pa.Array:
    """Convert values to an Arrow array; an error names `frame` and `column`.

    Raises:
        SchemaError: A value does not fit the type, such as a fraction in a column of whole numbers.
    """
    if isinstance(values, pa.Array):
        return values.cast(kind)
    try:
        if not pa.types.is_integer(kind):
            return pa.array(values, kind)
        # Arrow silently truncates floats when it is asked for integers, so check the inferred type first.
        array = pa.array(values)
        if pa.types.is_integer(array.type) or pa.types.is_null(array.type):
            return array.cast(kind)
        raise _build_misfit_error(frame, column, "must hold whole numbers", str(array.type))
    except (pa.ArrowException, OverflowError, UnicodeError) as error:
        raise _build_misfit_error(frame, column, f"cannot be a {kind}", str(error)) from None


def parse_moments(texts: ColumnValues, frame: str) -> pa.Array:
    """Convert RFC 3339 texts to UTC times, truncated (not rounded) to microseconds.

    Vipps MobilePay writes 0 to 7 fraction digits, and `Z`, `+00:00` or, in the ledger, `+0200`.

    Args:
        texts: Times as the API returned them; None stays null.
        frame: Name of the frame, for the error message.

    Raises:
        SchemaError: A text is not a time, has no offset, or is outside the years 1678 to 2261.

    Source: https://developer.vippsmobilepay.com/docs/knowledge-base/http-headers/

    >>> parse_moments(["2026-03-27T10:51:44.5333258Z", "2026-03-27T12:51:59+0200"], "events")[1].as_py()
    datetime.datetime(2026, 3, 27, 10, 51, 59, tzinfo=zoneinfo.ZoneInfo(key='UTC'))
    """
    nanoseconds = pa.timestamp("ns", "UTC")
    column = build_array(texts, pa.large_string(), frame, "timestamp")
    try:
        parsed = column.cast(nanoseconds)
    except pa.ArrowInvalid:
        # RFC 3339 allows lower-case t and z and any number of fraction digits; Arrow does not.
        try:
            parsed = _normalize_timestamps(column).cast(nanoseconds)
        except pa.ArrowInvalid:
            invalid_text = next(
                text for text in _to_list(column) if text is not None and not _is_timestamp(text)
            )
            raise _build_misfit_error(
                frame, "timestamp", "is not a time with an offset", invalid_text
            ) from None
    return parsed.cast(pa.timestamp("us", "UTC"), safe=False)


def compute_local_days(at: pa.Array, msns: ColumnValues, zones: Mapping[str, str]) -> pa.Array:
    """Return the local day of each time: whole days since 1970-01-01 in the sales unit's zone.

    The time zone data is Polars' own (with summer time until 2099), so the result does not depend
    on the time zone data of the local system.

    Args:
        at: UTC times; a null time has a null day.
        msns: The sales unit of each time.
        zones: Sales unit (msn) to time zone.

    Raises:
        SchemaError: A sales unit has no time zone.

    >>> midnight = parse_moments(["2026-01-31T23:30:00Z"], "events")
    >>> compute_local_days(midnight, ["123456"], {"123456": "Europe/Oslo"}).to_pylist()
    [20485]
    """
    units: dict[str, list[str]] = {}
    msn_column = pl.Series("msn", msns, dtype=pl.String)
    for msn in msn_column.unique(maintain_order=True):
        if msn not in zones:
            raise _build_misfit_error("zones", "msn", "has no time zone", msn)
        units.setdefault(zones[msn], []).append(msn)
    if not units:
        return pa.nulls(len(at), pa.int64())
    local = {
        zone: pl.col("at").dt.convert_time_zone(zone).dt.date().cast(pl.Int32).cast(pl.Int64)
        for zone in units
    }
    if len(units) == 1:
        (day,) = local.values()
    else:
        day = pl.coalesce(
            pl.when(pl.col("msn").is_in(units[zone])).then(local[zone]) for zone in units
        )
    frame = pl.DataFrame({"at": pl.from_arrow(at), "msn": msn_column})
    return frame.select(day.alias("day"))["day"].to_arrow()


def _to_list(column: ColumnValues) -> list[Any]:
    return column.to_pylist() if isinstance(column, pa.Array) else list(column)


def _normalize_timestamps(texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(pc.utf8_upper(texts), r"(\.\d{9})\d+", r"\1")


def _is_timestamp(text: str) -> bool:
    try:
        _normalize_timestamps(pa.array([text])).cast(pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid:
        return False
    return True


def _build_misfit_error(frame: str, column: str, check: str, value: str) -> SchemaError:
    return SchemaError(
        f"{frame} does not fit its schema ({column} {value[:80]!r} {check})",
        frame=frame,
        cases=[{"column": column, "check": check, "failure_case": value[:80]}],
    )
