"""Add to each discrepancy the day of the first run that reported it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping

import narwhals.stable.v2 as nw

from vippsrecon.dates import to_day_number
from vippsrecon.reconciliation.engines.backends import LazyFrame, collect_rows


def add_first_seen(
    discrepancies: LazyFrame, today: dt.date, first_seen: Mapping[str, dt.date]
) -> LazyFrame:
    """Add the day of the first run that reported each discrepancy, and the days since then.

    The age is counted from that run, not from the event: a first run has no earlier report that
    anyone could have acted on.
    """
    ids_by_day: defaultdict[dt.date, list[str]] = defaultdict(list)
    if first_seen:
        for row in collect_rows(discrepancies.select("discrepancy_id")):
            day = first_seen.get(row["discrepancy_id"])
            if day is not None and day < today:
                ids_by_day[day].append(row["discrepancy_id"])
    first_date: nw.Expr = nw.lit(today).cast(nw.Date)
    age: nw.Expr = nw.lit(0, nw.Int64)
    for day, ids in sorted(ids_by_day.items()):
        was_reported = nw.col("discrepancy_id").is_in(ids)
        first_date = nw.when(was_reported).then(nw.lit(day).cast(nw.Date)).otherwise(first_date)
        days = to_day_number(today) - to_day_number(day)
        age = nw.when(was_reported).then(nw.lit(days, nw.Int64)).otherwise(age)
    return discrepancies.with_columns(first_seen_date=first_date, age_days=age.cast(nw.Int64))
