"""Join each capture and refund of a payment with its ledger entry.

The event's pspReference is the entry's. Older entries and files have another one: what is left is
joined by sales unit, reference, type and amount.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    align_columns,
    is_empty,
    materialize,
)
from vippsrecon.reconciliation.engines.joins import join_large
from vippsrecon.reconciliation.payments_ledger.entries import number_rows

BY_OPERATION = ["msn", "currency", "entry_type", "psp_reference", "match_n"]
_SAME_AMOUNT = ("msn", "currency", "entry_type", "reference", "amount")
_BY_AMOUNT = [*_SAME_AMOUNT, "amount_n"]

_COLUMNS: dict[str, Any] = {
    "msn": nw.String,
    "currency": nw.String,
    "reference": nw.String,
    "psp_reference": nw.String,
    "entry_type": nw.String,
    "payment_method": nw.String,
    "event_minor": nw.Int64,
    "event_day": nw.Int64,
    "event_us": nw.Int64,
    "entry_minor": nw.Int64,
    "ledger_day": nw.Int64,
    "entry_us": nw.Int64,
    "row_key": nw.String,
    "match_n": nw.Int64,
}
_EVENT_COLUMNS = ("payment_method", "event_minor", "event_day", "event_us")
_ENTRY_COLUMNS = ("ledger_day", "entry_us", "row_key")


@dataclass(frozen=True)
class Pairs:
    """Captures and refunds: the event, its ledger entry, or one of them alone.

    `event_minor` and `entry_minor` are signed as on the ledger; null where the side is absent.
    `reference` is the event's, where there is one.

    Attributes:
        with_event: The rows with an event.
        lone_entries: The entries without one.
    """

    with_event: LazyFrame
    lone_entries: LazyFrame


def pair_movements_and_entries(movements: LazyFrame, entries: LazyFrame) -> Pairs:
    """Pair each capture and refund with its ledger entry.

    Args:
        movements: See `movements.Movements`.
        entries: Result of `entries.prepare_entries`; those of other roles are left out.
    """
    booked = materialize(
        entries.filter(nw.col("role") == "movement").select(
            *BY_OPERATION,
            *_ENTRY_COLUMNS,
            "reference",
            entry_minor=nw.col("amount_minor"),
        )
    )
    joined = join_large(movements, booked, BY_OPERATION, add=("entry_minor", *_ENTRY_COLUMNS))
    lone_entries = materialize(joined.unmatched)
    lone_events = materialize(joined.rows.filter(nw.col("entry_minor").is_null()))
    if is_empty(lone_events) or is_empty(lone_entries):
        return _stack([joined.rows], lone_entries)
    paired, entries_left, events_left = _pair_by_amount(
        lone_entries, lone_events.drop("entry_minor", *_ENTRY_COLUMNS)
    )
    both = joined.rows.filter(~nw.col("entry_minor").is_null())
    return _stack([both, events_left, paired], entries_left)


def _pair_by_amount(
    lone_entries: LazyFrame, lone_events: LazyFrame
) -> tuple[LazyFrame, LazyFrame, LazyFrame]:
    entries = materialize(
        number_rows(
            lone_entries.with_columns(amount=nw.col("entry_minor")),
            _SAME_AMOUNT,
            ["entry_us", "psp_reference", "row_key"],
            "amount_n",
        )
    )
    events = materialize(
        number_rows(
            lone_events.with_columns(amount=nw.col("event_minor")),
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


def _stack(with_event: list[LazyFrame], lone_entries: LazyFrame) -> Pairs:
    return Pairs(
        nw.concat([align_columns(part, _COLUMNS) for part in with_event], how="vertical"),
        align_columns(lone_entries, _COLUMNS),
    )
