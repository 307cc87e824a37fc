"""Join each capture and refund of a payment with its ledger entry.

The event's pspReference is the entry's. Older entries and files have another one: what is left is
joined by sales unit, reference, type and amount.
"""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    align_columns,
    is_empty,
    materialize,
)
from vippsrecon.reconciliation.payments_ledger.entries import number_rows

_BY_OPERATION = ["msn", "currency", "entry_type", "psp_reference", "match_n"]
_SAME_AMOUNT = ("msn", "currency", "entry_type", "reference", "amount")
_BY_AMOUNT = [*_SAME_AMOUNT, "amount_n"]

_COLUMNS: dict[str, Any] = {
    "msn": nw.String,
    "currency": nw.String,
    "reference": nw.String,
    "psp_reference": nw.String,
    "entry_type": nw.String,
    "payment_method": nw.String,
    "event_reference": nw.String,
    "event_minor": nw.Int64,
    "event_day": nw.Int64,
    "event_us": nw.Int64,
    "entry_minor": nw.Int64,
    "ledger_day": nw.Int64,
    "entry_us": nw.Int64,
    "ledger_id": nw.String,
    "row_key": nw.String,
    "match_n": nw.Int64,
}
_EVENT_COLUMNS = ("payment_method", "event_reference", "event_minor", "event_day", "event_us")


def pair_movements_and_entries(movements: LazyFrame, entries: LazyFrame) -> LazyFrame:
    """Return one row per capture or refund: the event, its ledger entry, or one of them alone.

    Args:
        movements: See `movements.Movements`.
        entries: Result of `entries.prepare_entries`; those of other roles are left out.

    Returns:
        `event_minor` and `entry_minor` are signed as on the ledger; null where the side is absent.
        `reference` is the event's, where there is one.
    """
    booked = materialize(
        entries.filter(nw.col("role") == "movement").select(
            *_BY_OPERATION,
            "reference",
            "ledger_id",
            "ledger_day",
            "entry_us",
            "row_key",
            entry_minor=nw.col("amount_minor"),
        ),
        large=True,
    )
    events = movements.with_columns(event_reference=nw.col("reference")).drop("reference")
    joined = materialize(booked.join(events, on=_BY_OPERATION, how="left"), large=True)
    lone_events = materialize(events.join(booked, on=_BY_OPERATION, how="anti"), large=True)
    lone_entries = joined.filter(nw.col("event_minor").is_null())
    if is_empty(lone_events) or is_empty(lone_entries):
        return _stack([joined, lone_events])
    paired, entries_left, events_left = _pair_by_amount(materialize(lone_entries), lone_events)
    return _stack(
        [joined.filter(~nw.col("event_minor").is_null()), paired, entries_left, events_left]
    )


def _pair_by_amount(
    lone_entries: LazyFrame, lone_events: LazyFrame
) -> tuple[LazyFrame, LazyFrame, LazyFrame]:
    entries = materialize(
        number_rows(
            lone_entries.drop(*_EVENT_COLUMNS).with_columns(amount=nw.col("entry_minor")),
            _SAME_AMOUNT,
            ["entry_us", "psp_reference", "row_key"],
            "amount_n",
        )
    )
    events = materialize(
        number_rows(
            lone_events.with_columns(
                amount=nw.col("event_minor"), reference=nw.col("event_reference")
            ),
            _SAME_AMOUNT,
            ["event_us", "psp_reference", "match_n"],
            "amount_n",
        )
    )
    found = events.select(*_BY_AMOUNT, *_EVENT_COLUMNS)
    return (
        entries.join(found, on=_BY_AMOUNT, how="inner"),
        entries.join(found, on=_BY_AMOUNT, how="anti"),
        events.join(entries, on=_BY_AMOUNT, how="anti"),
    )


def _stack(parts: list[LazyFrame]) -> LazyFrame:
    stacked = nw.concat([align_columns(part, _COLUMNS) for part in parts], how="vertical")
    return materialize(
        stacked.with_columns(
            reference=nw.coalesce(nw.col("event_reference"), nw.col("reference"))
        ).drop("event_reference"),
        large=True,
    )
