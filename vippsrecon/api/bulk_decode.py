"""Many good answers decoded at once: bytes to Arrow columns, or not at all. No I/O.

`answers` decodes one answer with care and says what is wrong with it. Here thousands are
parsed by Arrow's own JSON reader, several times as fast, with the same demands: an amount is a
whole number, a currency is there and the same throughout, the reference is the one asked for.
Whatever is out of the ordinary is declined, with the whole batch: `answers` then says which
answer it is and why. Fields without a place in the schema, the personal ones among them, are
skipped by the parser.

    bodies ──► one line each ──pyarrow.json, explicit schema──► columns ──► all as promised? ──► Columns
                                                                                └── no ──► None
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from vippsrecon.api.responses import LARGEST_MINOR

_TEXT = pa.large_string()
_AMOUNT = pa.struct([("currency", _TEXT), ("value", pa.int64())])
_TOTALS = ("authorizedAmount", "capturedAmount", "refundedAmount", "cancelledAmount")
_PAYMENT = pa.schema(
    [
        ("reference", _TEXT),
        ("pspReference", _TEXT),
        ("state", _TEXT),
        ("amount", _AMOUNT),
        ("aggregate", pa.struct([(name, _AMOUNT) for name in _TOTALS])),
        ("paymentMethod", pa.struct([("type", _TEXT)])),
        ("captureGuaranteedUntil", _TEXT),
    ]
)
_EVENT = pa.struct(
    [
        ("reference", _TEXT),
        ("pspReference", _TEXT),
        ("name", _TEXT),
        ("amount", _AMOUNT),
        ("timestamp", _TEXT),
        ("idempotencyKey", _TEXT),
        ("success", pa.bool_()),
    ]
)
_LOG = pa.schema([("events", pa.list_(_EVENT))])
_SLICE = 1_000
"""Answers parsed at once: more would leave the processor's caches."""

_BLOCK = 1 << 20


class Bodies(NamedTuple):
    """The undecoded answers about one payment; `events` is None where not asked for."""

    msn: str
    reference: str
    payment: bytes
    events: bytes | None
    fetched_at: datetime


class Columns(NamedTuple):
    """The fields of `records.Payment` and `records.Event` as columns.

    `owners` holds, for each event, the place of its payment, counted from 0.
    """

    payments: dict[str, pa.Array]
    events: dict[str, pa.Array]
    owners: pa.Array


class _OutOfTheOrdinaryError(Exception):
    """Something the careful decoder has to look at."""


def decode(bodies: Sequence[Bodies]) -> Columns | None:
    """Return the columns of these answers, in their order, or None where one is unusual.

    >>> from datetime import UTC, datetime
    >>> decode([Bodies("123456", "order-00001", b"<html>", None, datetime.now(UTC))]) is None
    True
    """
    msns = pa.array([body.msn for body in bodies], _TEXT)
    references = pa.array([body.reference for body in bodies], _TEXT)
    try:
        payments = _payments([body.payment for body in bodies], msns, references)
        # No event log asked for is, to whoever counts rows, a log without events.
        logs = [b"[]" if body.events is None else body.events for body in bodies]
        events, owners = _events(logs, msns, references)
    except (_OutOfTheOrdinaryError, pa.ArrowException, UnicodeDecodeError):
        return None
    return Columns(payments, events, owners)


def _payments(answers: list[bytes], msns: pa.Array, references: pa.Array) -> dict[str, pa.Array]:
    table = _parsed(answers, b"", b"\n", b"", _PAYMENT)
    reference, psp_reference, state = (
        table[name] for name in ("reference", "pspReference", "state")
    )
    value, currency = _amount(table["amount"])
    totals = []
    for name in _TOTALS:
        total, of = _amount(table["aggregate"], name)
        _all(pc.equal(of, currency))
        totals.append(total)
    _all(pc.equal(reference, references))
    _all(pc.is_valid(psp_reference))
    _all(pc.not_equal(state, ""))
    authorized, captured, refunded, cancelled = totals
    return {
        "msn": msns,
        "reference": references,
        "psp_reference": psp_reference,
        "state": state,
        "currency": currency,
        "amount_minor": value,
        "authorized_minor": authorized,
        "captured_minor": captured,
        "refunded_minor": refunded,
        "cancelled_minor": cancelled,
        "payment_method": pc.struct_field(table["paymentMethod"], "type"),
        "capture_guaranteed_until": table["captureGuaranteedUntil"],
    }


def _events(
    logs: list[bytes], msns: pa.Array, references: pa.Array
) -> tuple[dict[str, pa.Array], pa.Array]:
    lists = _parsed(logs, b'{"events":', b'}\n{"events":', b"}", _LOG)["events"]
    _all(pc.is_valid(lists))
    owners = pc.list_parent_indices(lists)
    events = pc.list_flatten(lists)
    fields = {name: pc.struct_field(events, name) for name in ("pspReference", "name", "success")}
    value, currency = _amount(events, "amount")
    asked = references.take(owners)
    timestamp = pc.struct_field(events, "timestamp")
    _all(pc.equal(pc.struct_field(events, "reference"), asked))
    _all(pc.is_valid(fields["pspReference"]))
    _all(pc.not_equal(fields["name"], ""))
    _all(pc.is_valid(fields["success"]))
    _all(pc.is_valid(timestamp))
    return {
        "msn": msns.take(owners),
        "reference": asked,
        "psp_reference": fields["pspReference"],
        "name": fields["name"],
        "amount_minor": value,
        "currency": currency,
        "timestamp": timestamp,
        "idempotency_key": pc.struct_field(events, "idempotencyKey"),
        "success": fields["success"],
    }, owners


def _parsed(
    answers: list[bytes], before: bytes, between: bytes, after: bytes, schema: pa.Schema
) -> dict[str, pa.Array]:
    tables = [schema.empty_table()]
    for start in range(0, len(answers), _SLICE):
        some = answers[start : start + _SLICE]
        lines = before + between.join(some) + after
        if not lines.isascii():
            # Arrow's reader lets bytes through that are no UTF-8.
            lines.decode()
        table = pj.read_json(
            pa.BufferReader(lines),
            # An object may not lie across two block boundaries.
            read_options=pj.ReadOptions(block_size=max(_BLOCK, 2 * max(map(len, some)))),
            parse_options=pj.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="ignore"
            ),
        )
        if table.num_rows != len(some):
            raise _OutOfTheOrdinaryError
        tables.append(table.select(schema.names))
    together = pa.concat_tables(tables)
    return {name: _whole(together[name]) for name in schema.names}


def _amount(parent: pa.Array, *path: str) -> tuple[pa.Array, pa.Array]:
    value = pc.struct_field(parent, [*path, "value"])
    currency = pc.struct_field(parent, [*path, "currency"])
    _all(pc.and_(pc.greater_equal(value, 0), pc.less_equal(value, LARGEST_MINOR)))
    _all(pc.not_equal(currency, ""))
    return value, currency


def _all(fine: pa.Array) -> None:
    # A comparison with an unknown is unknown, so a field that is missing declines as well.
    if not pc.all(fine, skip_nulls=False, min_count=0).as_py():
        raise _OutOfTheOrdinaryError


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return whole if isinstance(whole, pa.Array) else pa.concat_arrays(whole.chunks)
