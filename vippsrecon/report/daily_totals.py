"""Sum what was captured and refunded on each local day, per currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from vippsrecon.dates import to_date, to_day_number

MAX_DAYS = 92
"""A longer time is summed by month. A quarter has at most 92 days."""

MAX_MONTHS = 60
"""Only the last five years of a still longer time are shown."""

_EVENT_COLUMNS = {"CAPTURED": "captured_minor", "REFUNDED": "refunded_minor"}
_SAME_EVENT = ("msn", "reference", "psp_reference", "name", "amount_minor", "currency", "event_at")


@dataclass(frozen=True)
class SpanTotals:
    """What was captured and refunded on one day, or in one month. Minor units.

    Attributes:
        label: The day, as 2026-10-31, or the month, as 2026-10.
    """

    label: str
    captured_minor: int
    refunded_minor: int


def sum_by_day(
    events: pl.DataFrame, manifest: Mapping[str, Any]
) -> dict[str, tuple[SpanTotals, ...]]:
    """Return the totals of each day by currency, days without any included.

    The totals are those of the successful events in the event logs as fetched, so they include what
    moved after the cut-off time. A log may list one event twice; it is counted once.

    Args:
        events: `schemas.EVENTS`.
        manifest: Its `period` gives the first and the last day; without one, the events do.
    """
    moved = (
        events.filter(pl.col("success") & pl.col("name").is_in(list(_EVENT_COLUMNS)))
        .unique(_SAME_EVENT)
        .filter(pl.col("event_day").is_not_null() & pl.col("currency").is_not_null())
    )
    first, last = (
        None if day is None else to_day_number(date.fromisoformat(day))
        for day in manifest.get("period") or (None, None)
    )
    if first is not None:
        moved = moved.filter(pl.col("event_day") >= first)
    if last is not None:
        moved = moved.filter(pl.col("event_day") <= last)
    if moved.is_empty():
        return {}
    days = moved["event_day"].sort()
    span = range(days[0] if first is None else first, (days[-1] if last is None else last) + 1)
    sums = {
        (currency, day, name): int(minor)
        for currency, day, name, minor in moved.group_by("currency", "event_day", "name")
        .agg(pl.col("amount_minor").sum())
        .iter_rows()
    }
    return {
        currency: _sum_spans(span, sums, currency)
        for currency in moved["currency"].unique().sort().to_list()
    }


def _sum_spans(
    days: range, sums: Mapping[tuple[str, int, str], int], currency: str
) -> tuple[SpanTotals, ...]:
    label_length = len("2026-10-31" if len(days) <= MAX_DAYS else "2026-10")
    totals: dict[str, list[int]] = {}
    for day in days:
        row = totals.setdefault(to_date(day).isoformat()[:label_length], [0, 0])
        for place, name in enumerate(_EVENT_COLUMNS):
            row[place] += sums.get((currency, day, name), 0)
    spans = tuple(SpanTotals(label, *row) for label, row in totals.items())
    return spans if len(days) <= MAX_DAYS else spans[-MAX_MONTHS:]
