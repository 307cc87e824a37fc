"""Values become Arrow arrays of the kind a column promises, or an error that names the value.

Texts become moments, moments become local days, numbers stay whole.
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
    """Return values as an Arrow array; `frame` and `column` are named where they do not fit.

    Raises:
        SchemaError: A value cannot be of that kind; a fraction where whole numbers are wanted.
    """
    if isinstance(values, pa.Array):
        return values.cast(kind)
    try:
        if not pa.types.is_integer(kind):
            return pa.array(values, kind)
        # Told to make integers, Arrow cuts the fraction off a float: see first what is there.
        whole = pa.array(values)
        if pa.types.is_integer(whole.type) or pa.types.is_null(whole.type):
            return whole.cast(kind)
        raise _build_misfit_error(frame, column, "must hold whole numbers", str(whole.type))
    except (pa.ArrowException, OverflowError, UnicodeError) as error:
        raise _build_misfit_error(frame, column, f"cannot be a {kind}", str(error)) from None


def parse_moments(texts: ColumnValues, frame: str) -> pa.Array:
    """Return RFC 3339 texts as UTC moments, cut (not rounded) to microseconds.

    Vipps writes 0 to 7 fraction digits, and `Z`, `+00:00` or, on the ledger, `+0200`.

    Args:
        texts: What the API gave; None stays unknown.
        frame: The frame they are for, to be named when one cannot be read.

    Raises:
        SchemaError: A text is no time, has no offset, or lies outside the years 1678 to 2261.

    Source: https://developer.vippsmobilepay.com/docs/knowledge-base/http-headers/

    >>> parse_moments(["2026-03-27T10:51:44.5333258Z", "2026-03-27T12:51:59+0200"], "events")[1].as_py()
    datetime.datetime(2026, 3, 27, 10, 51, 59, tzinfo=zoneinfo.ZoneInfo(key='UTC'))
    """
    nanoseconds = pa.timestamp("ns", "UTC")
    column = build_array(texts, pa.large_string(), frame, "timestamp")
    try:
        parsed = column.cast(nanoseconds)
    except pa.ArrowInvalid:
        # RFC 3339 lets t and z be lower case and sets no end to the fraction; Arrow does.
        try:
            parsed = _normalize_timestamps(column).cast(nanoseconds)
        except pa.ArrowInvalid:
            worst = next(
                text for text in _to_list(column) if text is not None and not _is_timestamp(text)
            )
            raise _build_misfit_error(
                frame, "timestamp", "is not a time with an offset", worst
            ) from None
    return parsed.cast(pa.timestamp("us", "UTC"), safe=False)


def compute_local_days(at: pa.Array, msns: ColumnValues, zones: Mapping[str, str]) -> pa.Array:
    """Return the local day of each moment: whole days since 1970-01-01 in its unit's zone.

    The zones are those Polars carries with it (summer time until 2099), so it works where the
    machine has none.

    Args:
        at: Moments; an unknown one has no day.
        msns: The sales unit of each.
        zones: Sales unit (msn) to zone.

    Raises:
        SchemaError: A sales unit has no zone.

    >>> midnight = parse_moments(["2026-01-31T23:30:00Z"], "events")
    >>> compute_local_days(midnight, ["123456"], {"123456": "Europe/Oslo"}).to_pylist()
    [20485]
    """
    units: dict[str, list[str]] = {}
    whose = pl.Series("msn", msns, dtype=pl.String)
    for msn in whose.unique(maintain_order=True):
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
    frame = pl.DataFrame({"at": pl.from_arrow(at), "msn": whose})
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
