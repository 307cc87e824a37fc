"""Derive payments from settlement files, for a month that is compared without keys.

    ledger entries ──► captures and refunds of a payment ──► payments, events
    orders without an entry ────────────────────────────────► failures (not in the files)

A settlement file shows money that was captured and refunded. It shows no reservation, no failed
attempt and no idempotency key: these are unknown, not zero, and the report's cover says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from vippsrecon import schemas
from vippsrecon.config.settings import FILES_ENVIRONMENT, SalesUnit, Settings
from vippsrecon.dates import to_day_number
from vippsrecon.errors import InputError
from vippsrecon.fetching import Fetched
from vippsrecon.schemas.failure_effects import NOT_IN_FILES
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.texts import say
from vippsrecon.workflow.inputs.money_files import MoneyFiles
from vippsrecon.workflow.references import stack_frames
from vippsrecon.workflow.saved_run import FetchFacts

_EVENT_NAMES = {"capture": "CAPTURED", "refund": "REFUNDED"}


def derive_payments(
    entries: pl.DataFrame, orders: pl.DataFrame, settings: Settings
) -> tuple[Fetched[pl.DataFrame], FetchFacts]:
    """Return the payments of ledger entries, and what a fetch would know of them.

    Args:
        entries: `schemas.LEDGER_ENTRIES` with at least one entry.
        orders: `schemas.ORDERS`, to find those that the entries say nothing about.
        settings: For time zones, and the time in which a shop captures what it sent.

    Returns:
        Payments and events with what the entries show. A failure for each payment of which more would
        have to be known: that of an order without an entry or captured in part, which may be
        reserved, and one of which the files show refunds only. The cut-off time is the end of the
        last accounting day.
    """
    zones = {unit.msn: unit.zone for unit in settings.units}
    operations = _list_operations(entries, settings, zones)
    as_of = max(
        [
            _end_of_day(day, settings.unit(msn))
            for msn, day in entries.group_by("msn").agg(pl.col("ledger_date").max()).rows()
        ]
        + operations["event_at"].sort()[-1:].to_list()
    ).replace(microsecond=0)
    first_days = [
        *orders["ordered_day"].drop_nulls().sort()[:1],
        to_day_number(entries["ledger_date"].sort()[0]),
    ]
    sums = operations.group_by(PAYMENT_KEY, maintain_order=True).agg(
        captured=_sum_of("CAPTURED"),
        refunded=_sum_of("REFUNDED"),
        currency=pl.col("currency").first(),
        currencies=pl.col("currency").n_unique(),
        psp_reference=pl.col("psp_reference").first(),
        first_at=pl.col("event_at").min(),
    )
    refunds_only = sums.filter(
        (pl.col("refunded") > pl.col("captured")) | (pl.col("currencies") > 1)
    ).select(PAYMENT_KEY)
    hidden = pl.concat(
        [
            find_orders_without_entry(
                orders, sums, entries, as_of, settings.rules.capture_grace_hours
            ),
            find_partly_captured_orders(orders, sums),
        ]
    )
    events = pl.concat([_build_reservations(sums, zones), operations]).with_columns(
        idempotency_key=pl.lit(None, pl.String), success=pl.lit(value=True)
    )
    fetched = Fetched(
        schemas.to_polars(_build_payments(sums, as_of, min(first_days) - 1), schemas.PAYMENTS),
        schemas.to_polars(events.sort(*PAYMENT_KEY, "event_at"), schemas.EVENTS),
        _build_failures(pl.concat([refunds_only, hidden])),
    )
    notes = [say("money_files.offline")]
    if hidden.height:
        notes.append(say("money_files.offline_orders", count=hidden.height))
    if refunds_only.height:
        notes.append(say("money_files.offline_refunds", count=refunds_only.height))
    return fetched, FetchFacts(as_of, FILES_ENVIRONMENT, ledger_read=True, notes=tuple(notes))


def refuse_references_without_keys(references: Sequence[Path | str]) -> None:
    """Refuse lists of further references in a run without keys: nothing is requested.

    Raises:
        InputError: There is such a list.
    """
    if references:
        raise InputError(
            "--references names payments to request, and this run has no keys: its payments are those "
            "of the settlement files. Omit it, or set VIPPS_ENVIRONMENT and the keys (vippsrecon init "
            "asks for them)."
        )


def refuse_other_environment(money: MoneyFiles, environment: str) -> None:
    """Refuse a ledger folder of another environment than that of the payments.

    Raises:
        InputError: It is of another one.
    """
    own = "" if money.ledger is None else money.ledger.environment
    if own and environment not in (own, FILES_ENVIRONMENT):
        raise InputError(
            f"the ledger folder is of {own} and the payments are of {environment}. Read the ledger "
            "again with the same VIPPS_ENVIRONMENT"
        )


def find_orders_without_entry(
    orders: pl.DataFrame,
    paid: pl.DataFrame,
    entries: pl.DataFrame,
    as_of: datetime,
    grace_hours: int,
) -> pl.DataFrame:
    """Return msn, reference of the orders of which the entries prove nothing.

    An order that was not sent, or within the time of grace before the comparison, may be reserved. One that was placed before the first entry
    may have been captured before it. Any other that was sent and has no entry was not captured:
    that is known. An unpaid, cancelled or otherwise paid order needs no payment.
    """
    begins = entries.group_by("msn").agg(begins=pl.col("ledger_date").min())
    needs_payment = (
        pl.col("reference").is_not_null()
        & pl.col("by_vipps").fill_null(value=True)
        & ~pl.col("recurring")
        & (pl.col("total_minor") > 0)
        & (pl.col("status") != "cancelled")
        & ~((pl.col("status") == "open") & (pl.col("paid") == "no"))
    )
    waiting = (
        orders.filter(needs_payment)
        .join(paid, on=PAYMENT_KEY, how="anti")
        .join(begins, on="msn", how="left")
    )
    first_day = pl.col("begins").cast(pl.Int32).cast(pl.Int64)
    is_earlier = (pl.col("ordered_day") < first_day).fill_null(value=True)
    due_at = pl.min_horizontal(pl.lit(as_of), "exported_at") - timedelta(hours=grace_hours)
    is_due = (pl.col("status") == "fulfilled") & (pl.col("fulfilled_at") <= due_at).fill_null(
        value=True
    )
    is_unknown = is_earlier | ~is_due
    return waiting.filter(is_unknown).select(PAYMENT_KEY).unique(maintain_order=True)


def find_partly_captured_orders(orders: pl.DataFrame, sums: pl.DataFrame) -> pl.DataFrame:
    """Return msn, reference of the orders that were captured in part and are not all sent.

    The rest may be reserved, or no longer; only the payment itself shows which.
    """
    return (
        orders.filter(pl.col("status").is_in(["open", "partial", "unknown"]))
        .join(sums, on=PAYMENT_KEY)
        .filter(pl.col("captured") < pl.col("total_minor"))
        .select(PAYMENT_KEY)
        .unique(maintain_order=True)
    )


def _list_operations(
    entries: pl.DataFrame, settings: Settings, zones: dict[str, str]
) -> pl.DataFrame:
    """Return the captures and refunds, with the columns of events up to `event_day`."""
    own = entries.filter(
        (pl.col("topic") == "funds")
        & pl.col("entry_type").is_in(list(_EVENT_NAMES))
        & pl.col("reference").is_not_null()
    )
    ends = {
        (msn, day): _end_of_day(day, settings.unit(msn))
        for msn, day in own.select("msn", "ledger_date").unique().rows()
    }
    # A file that has only days: the end of the day, as for a date of a shop.
    ended = pl.Series(
        [ends[key] for key in own.select("msn", "ledger_date").iter_rows()],
        dtype=own.schema["entry_at"],
    )
    row = pl.concat_str("source_file", pl.lit(":"), "source_row")
    return own.with_columns(event_at=pl.coalesce("entry_at", ended)).select(
        *PAYMENT_KEY,
        psp_reference=pl.coalesce("psp_reference", row),
        name=pl.col("entry_type").replace_strict(_EVENT_NAMES, return_dtype=pl.String),
        amount_minor=pl.col("amount_minor").abs(),
        currency="currency",
        event_at="event_at",
        event_day=_local_day("event_at", zones),
    )


def _build_payments(sums: pl.DataFrame, as_of: datetime, earlier_day: int) -> pl.DataFrame:
    nothing = pl.lit(0, pl.Int64)
    # A payment with refunds only was captured before the first entry: without an order in the exports,
    # it is of earlier days. When any other payment was made is not known.
    is_earlier = pl.col("refunded") > pl.col("captured")
    authorized_day = pl.when(is_earlier).then(earlier_day).otherwise(None).cast(pl.Int64)
    return sums.select(
        *PAYMENT_KEY,
        psp_reference="psp_reference",
        state=pl.lit("AUTHORIZED"),
        currency="currency",
        amount_minor="captured",
        authorized_minor="captured",
        captured_minor="captured",
        refunded_minor="refunded",
        cancelled_minor=nothing,
        payment_method=pl.lit(None, pl.String),
        capture_guaranteed_until_at=pl.lit(None, pl.Datetime("us", "UTC")),
        created_at=pl.lit(None, pl.Datetime("us", "UTC")),
        created_day=pl.lit(None, pl.Int64),
        authorized_at=pl.lit(None, pl.Datetime("us", "UTC")),
        authorized_day=authorized_day,
        discovered_by=pl.lit("ledger"),
        fetched_at=pl.lit(as_of, pl.Datetime("us", "UTC")),
    )


def _build_reservations(sums: pl.DataFrame, zones: dict[str, str]) -> pl.DataFrame:
    """Return an event for what was captured, which must have been reserved."""
    return sums.select(
        *PAYMENT_KEY,
        psp_reference="psp_reference",
        name=pl.lit("AUTHORIZED"),
        amount_minor="captured",
        currency="currency",
        event_at="first_at",
        event_day=_local_day("first_at", zones),
    )


def _build_failures(keys: pl.DataFrame) -> pl.DataFrame:
    missing = pl.lit(None, pl.String)
    return stack_frames(
        [
            keys.unique(maintain_order=True).select(
                *PAYMENT_KEY,
                operation=pl.lit(NOT_IN_FILES),
                status=pl.lit(None, pl.Int64),
                title=pl.lit("not in the settlement files"),
                detail=missing,
                trace_id=missing,
            )
        ],
        schemas.FAILURES,
    )


def _sum_of(name: str) -> pl.Expr:
    return pl.col("amount_minor").filter(pl.col("name") == name).sum()


def _local_day(column: str, zones: dict[str, str]) -> pl.Expr:
    """Return the local day of a time, in the zone of each sales unit."""
    default = SalesUnit("").zone
    day = pl.col(column).dt.convert_time_zone(default).dt.date()
    for msn, zone in zones.items():
        local = pl.col(column).dt.convert_time_zone(zone).dt.date()
        day = pl.when(pl.col("msn") == msn).then(local).otherwise(day)
    return day.cast(pl.Int32).cast(pl.Int64)


def _end_of_day(day: date, unit: SalesUnit) -> datetime:
    """Return the last second of an accounting day."""
    next_day = day + timedelta(days=1)
    ends = datetime.combine(next_day, unit.cut_off, tzinfo=ZoneInfo(unit.zone))
    return ends.astimezone(UTC) - timedelta(seconds=1)
