"""API records become frames that fit their schema. Pure: no network, no disk, no clock.

    records ──► columns ──pyarrow──► moments parsed ──polars──► local days ──► validated

Records come as the plain tuples `vippsrecon.api.wire` decodes, taken here by position, or as the
columns `vippsrecon.api.columns` decodes: both several times faster than frames made of dicts (docs/benchmarks.md).
This is where a timestamp stops being text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from vippsrecon import schemas
from vippsrecon.errors import SchemaError

if TYPE_CHECKING:
    import pandas as pd

PAYMENT_FIELDS = (
    "msn",
    "reference",
    "psp_reference",
    "state",
    "currency",
    "amount_minor",
    "authorized_minor",
    "captured_minor",
    "refunded_minor",
    "cancelled_minor",
    "payment_method",
    "capture_guaranteed_until",
)
"""The order in which a payment's tuple carries its values; amounts in minor units."""

EVENT_FIELDS = (
    "msn",
    "reference",
    "psp_reference",
    "name",
    "amount_minor",
    "currency",
    "timestamp",
    "idempotency_key",
    "success",
)
"""The order in which an event's tuple carries its values."""


Column: TypeAlias = "pa.Array | Sequence[Any]"


class Reading(Protocol):
    """One payment as it was read: its answer, its event log, and the answer's own time."""

    @property
    def payment(self) -> tuple[Any, ...]:
        """The values named by `PAYMENT_FIELDS`."""

    @property
    def events(self) -> Sequence[tuple[Any, ...]]:
        """Tuples of the values named by `EVENT_FIELDS`; empty where they were not asked for."""

    @property
    def fetched_at(self) -> datetime:
        """The answer's Date, aware."""


class Failure(NamedTuple):
    """Why one reference is not among the payments: one row of `failures`."""

    msn: str
    reference: str
    operation: str
    status: int | None
    title: str
    detail: str | None = None
    trace_id: str | None = None


class Tables(NamedTuple):
    """Payments and their events as Arrow tables, as they are written to disk."""

    payments: pa.Table
    events: pa.Table


def payments(
    readings: Sequence[Reading],
    zones: Mapping[str, str],
    discovered_by: Mapping[tuple[str, str], str],
) -> pd.DataFrame:
    """Return `schemas.PAYMENTS`, one row per reading, in the order given.

    Args:
        readings: Payments read, each at most once. Not changed.
        zones: Sales unit (msn) to the zone its days are counted in.
        discovered_by: (msn, reference) to how it came to be asked for.

    Raises:
        SchemaError: A value does not fit: an unreadable timestamp, a negative amount, …
    """
    return schemas.to_pandas(tables(readings, zones, discovered_by).payments)


def events(readings: Sequence[Reading], zones: Mapping[str, str]) -> pd.DataFrame:
    """Return `schemas.EVENTS`, one row per event, in the order given.

    Raises:
        SchemaError: A value does not fit: an unreadable timestamp, a negative amount, …
    """
    rows = chain.from_iterable(reading.events for reading in readings)
    return schemas.to_pandas(_events(_columns(rows, EVENT_FIELDS), zones))


def failures(rows: Iterable[Failure | tuple[Any, ...]]) -> pd.DataFrame:
    """Return `schemas.FAILURES`, one row each, in the order given.

    >>> failures([Failure("123456", "order-00001", "getPayment", 404, "Not found")])[
    ...     ["reference", "status"]
    ... ]
         reference  status
    0  order-00001     404
    """
    return schemas.to_pandas(failures_table(rows))


def failures_table(rows: Iterable[Failure | tuple[Any, ...]]) -> pa.Table:
    """Return failures as an Arrow table that fits `schemas.FAILURES`."""
    columns = _columns(rows, schemas.FAILURES.names)
    return _fitting(columns, schemas.FAILURES)


def tables(
    readings: Sequence[Reading],
    zones: Mapping[str, str],
    discovered_by: Mapping[tuple[str, str], str],
) -> Tables:
    """Return payments and events of the same readings, the events parsed once.

    `created_at` is the time of the CREATED event and `authorized_at` that of the first
    successful AUTHORIZED one, since GET payment tells neither; both are empty without events.

    Raises:
        SchemaError: A value does not fit: an unreadable timestamp, a negative amount, …
    """
    return from_columns(
        _columns((reading.payment for reading in readings), PAYMENT_FIELDS),
        _columns(chain.from_iterable(reading.events for reading in readings), EVENT_FIELDS),
        owners=_owners(readings),
        fetched_at=[reading.fetched_at for reading in readings],
        zones=zones,
        discovered_by=[discovered_by.get(reading.payment[:2]) for reading in readings],
    )


def from_columns(
    payments: Mapping[str, Column],
    events: Mapping[str, Column],
    *,
    owners: Column,
    fetched_at: Sequence[datetime],
    zones: Mapping[str, str],
    discovered_by: Sequence[str | None],
) -> Tables:
    """Return the tables of answers that were decoded many at once, as columns.

    Args:
        payments: The columns named by `PAYMENT_FIELDS`.
        events: The columns named by `EVENT_FIELDS`.
        owners: For each event, the place of its payment, counted from 0.
        fetched_at: For each payment, its answer's Date, aware.
        zones: Sales unit (msn) to the zone its days are counted in.
        discovered_by: For each payment, how it came to be asked for.

    Raises:
        SchemaError: As for `tables`.
    """
    happened = _events(events, zones)
    columns: dict[str, Any] = dict(payments)
    guaranteed = columns.pop("capture_guaranteed_until")
    columns |= {
        "capture_guaranteed_until_at": moments(guaranteed, schemas.PAYMENTS.name),
        "discovered_by": discovered_by,
        "fetched_at": fetched_at,
    }
    first = _firsts(len(fetched_at), owners, happened)
    for name, at in first.items():
        columns[f"{name}_at"] = at
        columns[f"{name}_day"] = days(at, columns["msn"], zones)
    return Tables(_fitting(columns, schemas.PAYMENTS), happened)


def joined(parts: Sequence[Tables]) -> Tables:
    """Return tables one after the other; tables without rows for none."""
    if not parts:
        return Tables(schemas.PAYMENTS.arrow().empty_table(), schemas.EVENTS.arrow().empty_table())
    return Tables(*(pa.concat_tables(tables) for tables in zip(*parts, strict=True)))


def moments(texts: Column, frame: str) -> pa.Array:
    """Return RFC 3339 texts as UTC moments, cut (not rounded) to microseconds.

    Vipps writes 0 to 7 fraction digits, and `Z`, `+00:00` or, on the ledger, `+0200`.

    Args:
        texts: What the API gave; None stays unknown.
        frame: The frame they are for, to be named when one cannot be read.

    Raises:
        SchemaError: A text is no time, has no offset, or lies outside the years 1678 to 2261.

    Source: https://developer.vippsmobilepay.com/docs/knowledge-base/http-headers/

    >>> moments(["2026-03-27T10:51:44.5333258Z", "2026-03-27T12:51:59+0200"], "events")[1].as_py()
    datetime.datetime(2026, 3, 27, 10, 51, 59, tzinfo=zoneinfo.ZoneInfo(key='UTC'))
    """
    nanoseconds = pa.timestamp("ns", "UTC")
    column = _array(texts, pa.large_string(), frame, "timestamp")
    try:
        parsed = column.cast(nanoseconds)
    except pa.ArrowInvalid:
        # RFC 3339 lets t and z be lower case and sets no end to the fraction; Arrow does.
        try:
            parsed = _plain(column).cast(nanoseconds)
        except pa.ArrowInvalid:
            worst = next(
                text for text in _listed(column) if text is not None and not _is_moment(text)
            )
            raise _misfit(frame, "timestamp", "is not a time with an offset", worst) from None
    return parsed.cast(pa.timestamp("us", "UTC"), safe=False)


def days(at: pa.Array, msns: Column, zones: Mapping[str, str]) -> pa.Array:
    """Return the local day of each moment: whole days since 1970-01-01 in its unit's zone.

    The zones are those Polars carries with it (summer time until 2099), so it works where the
    machine has none.

    Args:
        at: Moments; an unknown one has no day.
        msns: The sales unit of each.
        zones: Sales unit (msn) to zone.

    Raises:
        SchemaError: A sales unit has no zone.

    >>> midnight = moments(["2026-01-31T23:30:00Z"], "events")
    >>> days(midnight, ["123456"], {"123456": "Europe/Oslo"}).to_pylist()
    [20485]
    """
    units: dict[str, list[str]] = {}
    whose = pl.Series("msn", msns, dtype=pl.String)
    for msn in whose.unique(maintain_order=True):
        if msn not in zones:
            raise _misfit("zones", "msn", "has no time zone", msn)
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


def _events(raw: Mapping[str, Column], zones: Mapping[str, str]) -> pa.Table:
    columns: dict[str, Any] = dict(raw)
    columns["event_at"] = moments(columns.pop("timestamp"), schemas.EVENTS.name)
    columns["event_day"] = days(columns["event_at"], columns["msn"], zones)
    return _fitting(columns, schemas.EVENTS)


def _owners(readings: Sequence[Reading]) -> list[int]:
    counts = (repeat(place, len(reading.events)) for place, reading in enumerate(readings))
    return list(chain.from_iterable(counts))


def _firsts(count: int, owners: Column, happened: pa.Table) -> dict[str, pa.Array]:
    # The log is chronological in Vipps's examples but nowhere promised to be: take the earliest.
    log = pl.DataFrame(
        {
            "owner": pl.from_arrow(_array(owners, pa.int64(), "events", "owner")),
            **{name: pl.from_arrow(happened[name]) for name in ("name", "event_at", "success")},
        }
    )
    name, at = pl.col("name"), pl.col("event_at")
    wanted = {
        "created": name == "CREATED",
        "authorized": (name == "AUTHORIZED") & pl.col("success"),
    }
    first = log.group_by("owner").agg(
        pl.when(rows).then(at).min().alias(column) for column, rows in wanted.items()
    )
    found = pl.DataFrame({"owner": pl.int_range(count, dtype=pl.Int64, eager=True)}).join(
        first, on="owner", how="left", maintain_order="left"
    )
    return {column: found[column].to_arrow() for column in wanted}


def _columns(rows: Iterable[tuple[Any, ...]], names: tuple[str, ...]) -> dict[str, Sequence[Any]]:
    # One flat list cut in strides: zip(*rows) takes four times as long for many rows.
    kept = list(rows)
    width = len(names)
    if any(length != width for length in set(map(len, kept))):
        raise ValueError(f"a record does not have the {width} values {', '.join(names)}")
    flat = list(chain.from_iterable(kept))
    return {name: flat[place::width] for place, name in enumerate(names)}


def _fitting(columns: Mapping[str, Any], frame: schemas.Frame) -> pa.Table:
    # The Polars backend of pandera checks the same promise in a fraction of the time.
    schema = frame.arrow()
    arrays = [_array(columns[field.name], field.type, frame.name, field.name) for field in schema]
    table = pa.Table.from_arrays(arrays, schema=schema)
    schemas.validate(pl.DataFrame(pl.from_arrow(table)), frame)
    return table


def _listed(column: Column) -> list[Any]:
    return column.to_pylist() if isinstance(column, pa.Array) else list(column)


def _array(values: Any, kind: pa.DataType, frame: str, column: str) -> pa.Array:
    if isinstance(values, pa.Array):
        return values.cast(kind)
    try:
        if not pa.types.is_integer(kind):
            return pa.array(values, kind)
        # Told to make integers, Arrow cuts the fraction off a float: see first what is there.
        whole = pa.array(values)
        if pa.types.is_integer(whole.type) or pa.types.is_null(whole.type):
            return whole.cast(kind)
        raise _misfit(frame, column, "must hold whole numbers", str(whole.type))
    except (pa.ArrowException, OverflowError, UnicodeError) as error:
        raise _misfit(frame, column, f"cannot be a {kind}", str(error)) from None


def _plain(texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(pc.utf8_upper(texts), r"(\.\d{9})\d+", r"\1")


def _is_moment(text: str) -> bool:
    try:
        _plain(pa.array([text])).cast(pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid:
        return False
    return True


def _misfit(frame: str, column: str, check: str, value: str) -> SchemaError:
    return SchemaError(
        f"{frame} does not fit its schema ({column} {value[:80]!r} {check})",
        frame=frame,
        cases=[{"column": column, "check": check, "failure_case": value[:80]}],
    )
