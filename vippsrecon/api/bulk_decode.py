"""Decode many 2xx answers at once into Arrow columns, or decline the whole batch. No I/O.

`responses` decodes one answer and names what is wrong with it. Here Arrow's JSON reader parses
thousands, several times as fast, with the same checks: an amount is a whole number, a currency is
present and the same throughout, the reference is the requested one. If one answer fails a check,
the whole batch is declined, and `responses` then finds the answer and the reason. The parser skips
fields that the schema does not name, the personal ones included.

    bodies ──► one line each ──pyarrow.json, explicit schema──► columns ──► checks pass? ──► DecodedColumns
                                                                                └── no ──► None
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from vippsrecon.money import DECIMALS, LARGEST_MINOR

_TEXT_TYPE = pa.large_string()
_AMOUNT_TYPE = pa.struct([("currency", _TEXT_TYPE), ("value", pa.int64())])
_TOTAL_NAMES = ("authorizedAmount", "capturedAmount", "refundedAmount", "cancelledAmount")
_PAYMENT_SCHEMA = pa.schema(
    [
        ("reference", _TEXT_TYPE),
        ("pspReference", _TEXT_TYPE),
        ("state", _TEXT_TYPE),
        ("amount", _AMOUNT_TYPE),
        ("aggregate", pa.struct([(name, _AMOUNT_TYPE) for name in _TOTAL_NAMES])),
        ("paymentMethod", pa.struct([("type", _TEXT_TYPE)])),
        ("captureGuaranteedUntil", _TEXT_TYPE),
    ]
)
_EVENT_TYPE = pa.struct(
    [
        ("reference", _TEXT_TYPE),
        ("pspReference", _TEXT_TYPE),
        ("name", _TEXT_TYPE),
        ("amount", _AMOUNT_TYPE),
        ("timestamp", _TEXT_TYPE),
        ("idempotencyKey", _TEXT_TYPE),
        ("success", pa.bool_()),
    ]
)
_EVENT_LOG_SCHEMA = pa.schema([("events", pa.list_(_EVENT_TYPE))])
_BATCH_SIZE = 1_000
"""Answers parsed at once: more would not fit the processor's caches."""

_MIN_BLOCK_BYTES = 1 << 20

_USUAL_TIME = r"^(?:19[7-9]|2[01]\d)\d-.*(?:[Zz]|[+-](?:0\d|1[0-4]):?[0-5]\d)$"
"""Arrow accepts offsets that no place has."""


class RawReading(NamedTuple):
    """The undecoded answers about one payment; `events` is None if not requested."""

    msn: str
    reference: str
    payment: bytes
    events: bytes | None
    fetched_at: datetime


class DecodedColumns(NamedTuple):
    """The fields of `models.Payment` and `models.Event` as columns.

    `owners` holds, for each event, the position of its payment, counted from 0.
    """

    payments: dict[str, pa.Array]
    events: dict[str, pa.Array]
    owners: pa.Array


class _UnusualResponseError(Exception):
    """An answer that only `responses` can judge."""


def decode_batch(bodies: Sequence[RawReading]) -> DecodedColumns | None:
    """Return the columns of these answers, in their order, or None if one fails a check.

    >>> from datetime import UTC, datetime
    >>> decode_batch([RawReading("123456", "order-00001", b"<html>", None, datetime.now(UTC))]) is None
    True
    """
    msns = pa.array([body.msn for body in bodies], _TEXT_TYPE)
    references = pa.array([body.reference for body in bodies], _TEXT_TYPE)
    try:
        payments = _decode_payments([body.payment for body in bodies], msns, references)
        # A log that was not requested counts as a log without events.
        logs = [b"[]" if body.events is None else body.events for body in bodies]
        events, owners = _decode_events(logs, msns, references)
    except (_UnusualResponseError, pa.ArrowException, UnicodeDecodeError):
        return None
    return DecodedColumns(payments, events, owners)


def _decode_payments(
    answers: list[bytes], msns: pa.Array, references: pa.Array
) -> dict[str, pa.Array]:
    table = _parse_lines(answers, b"", b"\n", b"", _PAYMENT_SCHEMA)
    reference, psp_reference, state = (
        table[name] for name in ("reference", "pspReference", "state")
    )
    value, currency = _extract_amount(table["amount"])
    totals = []
    for name in _TOTAL_NAMES:
        total, of = _extract_amount(table["aggregate"], name)
        _require_all(pc.equal(of, currency))
        totals.append(total)
    _require_all(pc.equal(reference, references))
    _require_all(pc.is_valid(psp_reference))
    _require_all(pc.not_equal(state, ""))
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


def _decode_events(
    logs: list[bytes], msns: pa.Array, references: pa.Array
) -> tuple[dict[str, pa.Array], pa.Array]:
    lists = _parse_lines(logs, b'{"events":', b'}\n{"events":', b"}", _EVENT_LOG_SCHEMA)["events"]
    _require_all(pc.is_valid(lists))
    owners = pc.list_parent_indices(lists)
    events = pc.list_flatten(lists)
    fields = {name: pc.struct_field(events, name) for name in ("pspReference", "name", "success")}
    value, currency = _extract_amount(events, "amount")
    event_references = references.take(owners)
    timestamp = pc.struct_field(events, "timestamp")
    _require_all(pc.equal(pc.struct_field(events, "reference"), event_references))
    _require_all(pc.is_valid(fields["pspReference"]))
    _require_all(pc.not_equal(fields["name"], ""))
    _require_all(pc.is_valid(fields["success"]))
    _require_all(pc.match_substring_regex(timestamp, _USUAL_TIME))
    return {
        "msn": msns.take(owners),
        "reference": event_references,
        "psp_reference": fields["pspReference"],
        "name": fields["name"],
        "amount_minor": value,
        "currency": currency,
        "timestamp": timestamp,
        "idempotency_key": pc.struct_field(events, "idempotencyKey"),
        "success": fields["success"],
    }, owners


def _parse_lines(
    answers: list[bytes], before: bytes, between: bytes, after: bytes, schema: pa.Schema
) -> dict[str, pa.Array]:
    tables = [schema.empty_table()]
    for start in range(0, len(answers), _BATCH_SIZE):
        batch = answers[start : start + _BATCH_SIZE]
        lines = before + between.join(batch) + after
        if not lines.isascii():
            # Arrow's reader accepts bytes that are not UTF-8.
            lines.decode()
        table = pj.read_json(
            pa.BufferReader(lines),
            # An object must not span more than two blocks.
            read_options=pj.ReadOptions(block_size=max(_MIN_BLOCK_BYTES, 2 * max(map(len, batch)))),
            parse_options=pj.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="ignore"
            ),
        )
        if table.num_rows != len(batch):
            raise _UnusualResponseError
        tables.append(table.select(schema.names))
    together = pa.concat_tables(tables)
    return {name: _combine_chunks(together[name]) for name in schema.names}


def _extract_amount(parent: pa.Array, *path: str) -> tuple[pa.Array, pa.Array]:
    value = pc.struct_field(parent, [*path, "value"])
    currency = pc.struct_field(parent, [*path, "currency"])
    _require_all(pc.and_(pc.greater_equal(value, 0), pc.less_equal(value, LARGEST_MINOR)))
    _require_all(pc.is_in(currency, pa.array(DECIMALS, _TEXT_TYPE)))
    return value, currency


def _require_all(fine: pa.Array) -> None:
    # A comparison with null is null, so a missing field declines the batch too.
    if not pc.all(fine, skip_nulls=False, min_count=0).as_py():
        raise _UnusualResponseError


def _combine_chunks(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)
