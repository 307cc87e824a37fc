"""Build frames that fit their schemas from API records. Pure: no network, no disk, no clock.

    records ──► columns ──pyarrow──► moments parsed ──polars──► local days ──► validated

Records are the tuples that `vippsrecon.api.responses` decodes, read here by position, or the columns
that `vippsrecon.api.bulk_decode` decodes. Both are several times faster than frames made of dicts
(docs/benchmarks.md). `vippsrecon.schemas.arrow` parses the timestamps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, repeat
from typing import Any, NamedTuple, Protocol

import polars as pl
import pyarrow as pa

from vippsrecon import schemas
from vippsrecon.schemas.arrow import ColumnValues, build_array, compute_local_days, parse_moments

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


class PaymentReading(Protocol):
    """One payment as read: the answer, the event log, and the time of the answer."""

    @property
    def payment(self) -> tuple[Any, ...]:
        """The values named by `PAYMENT_FIELDS`."""

    @property
    def events(self) -> Sequence[tuple[Any, ...]]:
        """Tuples of the values named by `EVENT_FIELDS`; empty if not requested."""

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


class PaymentTables(NamedTuple):
    """Payments and their events as Arrow tables, as they are written to disk."""

    payments: pa.Table
    events: pa.Table


def build_failures_table(rows: Iterable[Failure | tuple[Any, ...]]) -> pa.Table:
    """Return failures as an Arrow table that fits `schemas.FAILURES`, in the order given.

    >>> failure = Failure("123456", "order-00001", "getPayment", 404, "Not found")
    >>> build_failures_table([failure]).column("status").to_pylist()
    [404]
    """
    columns = _transpose_rows(rows, schemas.FAILURES.names)
    return _build_validated_table(columns, schemas.FAILURES)


def build_tables(
    readings: Sequence[PaymentReading],
    zones: Mapping[str, str],
    discovered_by: Mapping[tuple[str, str], str],
) -> PaymentTables:
    """Return payments and events of the same readings, the events parsed once.

    `created_at` is the time of the CREATED event and `authorized_at` that of the first
    successful AUTHORIZED one, since GET payment returns neither; both are empty without events.

    Raises:
        SchemaError: A value does not fit: an unreadable timestamp, a negative amount, …
    """
    return build_tables_from_columns(
        _transpose_rows((reading.payment for reading in readings), PAYMENT_FIELDS),
        _transpose_rows(chain.from_iterable(reading.events for reading in readings), EVENT_FIELDS),
        owners=_list_event_owners(readings),
        fetched_at=[reading.fetched_at for reading in readings],
        zones=zones,
        discovered_by=[discovered_by.get(reading.payment[:2]) for reading in readings],
    )


def build_tables_from_columns(
    payments: Mapping[str, ColumnValues],
    events: Mapping[str, ColumnValues],
    *,
    owners: ColumnValues,
    fetched_at: Sequence[datetime],
    zones: Mapping[str, str],
    discovered_by: Sequence[str | None],
) -> PaymentTables:
    """Return the tables for columns that were decoded from many answers at once.

    Args:
        payments: The columns named by `PAYMENT_FIELDS`.
        events: The columns named by `EVENT_FIELDS`.
        owners: For each event, the position of its payment, counted from 0.
        fetched_at: For each payment, its answer's Date, aware.
        zones: Sales unit (msn) to the time zone of its days.
        discovered_by: For each payment, where its reference came from.

    Raises:
        SchemaError: As for `build_tables`.
    """
    happened = _build_events_table(events, zones)
    columns: dict[str, Any] = dict(payments)
    guaranteed = columns.pop("capture_guaranteed_until")
    columns |= {
        "capture_guaranteed_until_at": parse_moments(guaranteed, schemas.PAYMENTS.name),
        "discovered_by": discovered_by,
        "fetched_at": fetched_at,
    }
    first = _find_first_events(len(fetched_at), owners, happened)
    for name, at in first.items():
        columns[f"{name}_at"] = at
        columns[f"{name}_day"] = compute_local_days(at, columns["msn"], zones)
    return PaymentTables(_build_validated_table(columns, schemas.PAYMENTS), happened)


def concatenate_tables(parts: Sequence[PaymentTables]) -> PaymentTables:
    """Return the tables appended to each other; without parts, tables without rows."""
    if not parts:
        return PaymentTables(
            schemas.PAYMENTS.arrow_schema().empty_table(),
            schemas.EVENTS.arrow_schema().empty_table(),
        )
    return PaymentTables(*(pa.concat_tables(tables) for tables in zip(*parts, strict=True)))


def _build_events_table(raw: Mapping[str, ColumnValues], zones: Mapping[str, str]) -> pa.Table:
    columns: dict[str, Any] = dict(raw)
    columns["event_at"] = parse_moments(columns.pop("timestamp"), schemas.EVENTS.name)
    columns["event_day"] = compute_local_days(columns["event_at"], columns["msn"], zones)
    return _build_validated_table(columns, schemas.EVENTS)


def _list_event_owners(readings: Sequence[PaymentReading]) -> list[int]:
    counts = (repeat(place, len(reading.events)) for place, reading in enumerate(readings))
    return list(chain.from_iterable(counts))


def _find_first_events(count: int, owners: ColumnValues, happened: pa.Table) -> dict[str, pa.Array]:
    # The examples of Vipps MobilePay are chronological, but nothing promises it: take the earliest.
    log = pl.DataFrame(
        {
            "owner": pl.from_arrow(build_array(owners, pa.int64(), "events", "owner")),
            **{name: pl.from_arrow(happened[name]) for name in ("name", "event_at", "success")},
        }
    )
    name, at = pl.col("name"), pl.col("event_at")
    conditions = {
        "created": name == "CREATED",
        "authorized": (name == "AUTHORIZED") & pl.col("success"),
    }
    first = log.group_by("owner").agg(
        pl.when(rows).then(at).min().alias(column) for column, rows in conditions.items()
    )
    first_times = pl.DataFrame({"owner": pl.int_range(count, dtype=pl.Int64, eager=True)}).join(
        first, on="owner", how="left", maintain_order="left"
    )
    return {column: first_times[column].to_arrow() for column in conditions}


def _transpose_rows(
    rows: Iterable[tuple[Any, ...]], names: tuple[str, ...]
) -> dict[str, Sequence[Any]]:
    # One flat list cut in strides: zip(*rows) takes four times as long for many rows.
    records = list(rows)
    width = len(names)
    if any(length != width for length in set(map(len, records))):
        raise ValueError(f"a record does not have the {width} values {', '.join(names)}")
    flat = list(chain.from_iterable(records))
    return {name: flat[place::width] for place, name in enumerate(names)}


def _build_validated_table(columns: Mapping[str, Any], frame: schemas.Frame) -> pa.Table:
    # The Polars backend of pandera checks the same schema in a fraction of the time.
    schema = frame.arrow_schema()
    arrays = [
        build_array(columns[field.name], field.type, frame.name, field.name) for field in schema
    ]
    table = pa.Table.from_arrays(arrays, schema=schema)
    schemas.validate(pl.DataFrame(pl.from_arrow(table)), frame)
    return table
