"""What the event log says about a day: later refunds, reservations, operations not on the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta

import polars as pl

from vippsrecon.closing.entry_types import PAYMENT_TYPES
from vippsrecon.dates import to_day_number
from vippsrecon.vipps_rules import EVENTS_OF_TOTAL, find_capture_days

_PAYMENT = ["msn", "currency", "reference"]
_ITEM = ("msn", "currency", "item", "reference", "psp_reference", "item_date", "amount_minor")


def _successful(events: pl.DataFrame) -> pl.DataFrame:
    """Return each successful event once; a log may list one twice."""
    key = ["msn", "reference", "psp_reference", "name", "amount_minor", "event_at"]
    return events.filter(pl.col("success")).unique(key)


def _sum_of(total: str) -> pl.Expr:
    names = list(EVENTS_OF_TOTAL[total])
    return pl.col("amount_minor").filter(pl.col("name").is_in(names)).sum()


def _day_of_event() -> pl.Expr:
    return pl.col("event_day").cast(pl.Int32).cast(pl.Date)


def use_accounting_days(
    events: pl.DataFrame, cut_offs: Mapping[str, tuple[str, time]]
) -> pl.DataFrame:
    """Return events dated by the accounting day of their ledger.

    Args:
        events: `schemas.EVENTS`, dated by local day.
        cut_offs: Sales unit to its time zone and the local time at which its accounting day ends, for
            those whose day does not end at midnight.
    """
    day = pl.col("event_day")
    for msn, (zone, ends_at) in cut_offs.items():
        since_midnight = timedelta(hours=ends_at.hour, minutes=ends_at.minute)
        local = pl.col("event_at").dt.convert_time_zone(zone).dt.replace_time_zone(None)
        own = (local - since_midnight).dt.date().cast(pl.Int32).cast(pl.Int64)
        day = pl.when(pl.col("msn") == msn).then(own).otherwise(day)
    return events.with_columns(event_day=day)


def list_later_refunds(events: pl.DataFrame, at: date) -> pl.DataFrame:
    """Return the refunds after a day, as far as they are of money captured by then: negative amounts."""
    until = to_day_number(at)
    done = _successful(events)
    held = (
        done.filter(pl.col("event_day") <= until)
        .group_by(_PAYMENT)
        .agg(held=_sum_of("captured_minor") - _sum_of("refunded_minor"))
        .filter(pl.col("held") > 0)
    )
    later = (
        done.filter(pl.col("event_day") > until, pl.col("name") == "REFUNDED")
        .join(held, on=_PAYMENT)
        .sort(*_PAYMENT, "event_at", "psp_reference")
        .with_columns(
            before=pl.col("amount_minor").cum_sum().over(_PAYMENT) - pl.col("amount_minor")
        )
        .with_columns(
            share=pl.min_horizontal("amount_minor", pl.col("held") - pl.col("before")).clip(0)
        )
        .filter(pl.col("share") > 0)
    )
    return later.select(
        *("msn", "currency", "reference", "psp_reference"),
        item="name",
        item_date=_day_of_event(),
        amount_minor=-pl.col("share"),
    ).select(_ITEM)


def list_reservations(
    events: pl.DataFrame, at: date, capture_days: Mapping[str, int]
) -> pl.DataFrame:
    """Return what is reserved at the end of a day and can still be captured, by payment.

    Args:
        events: `schemas.EVENTS`.
        at: The day.
        capture_days: Sales unit to its days to capture.
    """
    until = to_day_number(at)
    held = (
        _successful(events)
        .filter(pl.col("event_day") <= until)
        .sort("event_at")
        .group_by(_PAYMENT)
        .agg(
            amount_minor=_sum_of("authorized_minor")
            - _sum_of("captured_minor")
            - _sum_of("cancelled_minor"),
            authorized_day=pl.col("event_day").filter(pl.col("name") == "AUTHORIZED").min(),
            psp_reference=pl.col("psp_reference").filter(pl.col("name") == "AUTHORIZED").first(),
            ended=pl.col("name").is_in(["EXPIRED", "ABORTED", "TERMINATED"]).any(),
        )
        .filter(pl.col("amount_minor") > 0, ~pl.col("ended"))
    )
    days = {
        (msn, currency): capture_days.get(msn)
        or find_capture_days(None, currency, late_capture=False)
        for msn, currency in held.select("msn", "currency").unique().iter_rows()
    }
    limits = pl.DataFrame(
        [(*unit, count) for unit, count in days.items()],
        schema={"msn": pl.String, "currency": pl.String, "days": pl.Int64},
        orient="row",
    )
    return (
        held.join(limits, on=["msn", "currency"])
        .filter(pl.col("authorized_day") + pl.col("days") >= until)
        .select(
            *("msn", "currency", "reference", "psp_reference", "amount_minor"),
            item=pl.lit("AUTHORIZED"),
            item_date=pl.col("authorized_day").cast(pl.Int32).cast(pl.Date),
        )
        .select(_ITEM)
    )


def list_missing_entries(events: pl.DataFrame, funds: pl.DataFrame, at: date) -> pl.DataFrame:
    """Return captures and refunds by the end of a day that its ledger does not have by then.

    A ledger entry has the pspReference of the event. A refund is negative.
    """
    done = _successful(events).filter(
        pl.col("event_day") <= to_day_number(at), pl.col("name").is_in(["CAPTURED", "REFUNDED"])
    )
    booked = funds.filter(
        pl.col("entry_type").is_in(PAYMENT_TYPES), pl.col("ledger_date") <= at
    ).select("msn", "psp_reference")
    first = funds.group_by("msn").agg(first=pl.col("ledger_date").min())
    return (
        done.join(booked.drop_nulls().unique(), on=["msn", "psp_reference"], how="anti")
        # Of an earlier day the ledger was not read: it cannot be missing there.
        .join(first, on="msn")
        .filter(_day_of_event() >= pl.col("first"))
        .select(
            *("msn", "currency", "reference", "psp_reference"),
            item="name",
            item_date=_day_of_event(),
            amount_minor=pl.when(pl.col("name") == "REFUNDED")
            .then(-pl.col("amount_minor"))
            .otherwise("amount_minor"),
        )
        .select(_ITEM)
    )
