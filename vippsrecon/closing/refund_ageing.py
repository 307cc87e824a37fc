"""Follow each refund: promised in the shop → made → on the ledger → deducted from a payout."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.closing.payout_receipts import assign_payouts
from vippsrecon.dates import to_day_number
from vippsrecon.texts import say

USUAL_DAYS = {"promised": 1, "made": 3, "on_ledger": 35}
"""Days after which the next stage is overdue: a promised refund is made on the next day, a refund is on
the ledger within three local days, and the longest time between two payouts is a month."""

_PAYMENT = ["msn", "currency", "reference"]


def age_refunds(
    at: date,
    *,
    orders: Any = None,
    events: Any = None,
    ledger_entries: Any = None,
    payouts: Any = None,
) -> pl.DataFrame:
    """Return the stage and the age of each refund at the end of a day.

    Args:
        at: The last day that counts.
        orders: `schemas.ORDERS`; None: no refund is known to be promised.
        events: `schemas.EVENTS`; None: a refund is known from the ledger only.
        ledger_entries: `schemas.LEDGER_ENTRIES`; None: no refund is overdue for the ledger.
        payouts: `schemas.PAYOUTS`.

    Returns:
        `schemas.REFUND_AGEING`: a row per refund made, and one per order of which the shop refunded
        more than was made, with the rest.
    """
    ledger = schemas.to_polars(ledger_entries, schemas.LEDGER_ENTRIES).filter(
        pl.col("topic") == "funds", pl.col("ledger_date") <= at
    )
    all_payouts = schemas.to_polars(payouts, schemas.PAYOUTS).filter(pl.col("ledger_date") <= at)
    shop = _latest_orders(schemas.to_polars(orders, schemas.ORDERS))
    made = _list_made(schemas.to_polars(events, schemas.EVENTS), at)
    booked = _list_booked(ledger, all_payouts)
    refunds = (
        made.join(booked, on=["msn", "currency", "psp_reference"], how="full", coalesce=True)
        .with_columns(
            reference=pl.coalesce("reference", "reference_right"),
            amount_minor=pl.coalesce("amount_minor", "amount_minor_right"),
        )
        .filter(pl.col("reference").is_not_null())
    )
    promised = _list_promised(shop, refunds, at)
    details = shop.select(*_PAYMENT, "order_number", "promised_date")
    rows = pl.concat(
        [
            refunds.join(details, on=_PAYMENT, how="left"),
            promised.join(details, on=_PAYMENT, how="left"),
        ],
        how="diagonal_relaxed",
    )
    compared = {
        "promised": events is not None,
        "made": ledger_entries is not None,
        "on_ledger": payouts is not None,
    }
    return _grade(rows, at, compared)


def _latest_orders(orders: pl.DataFrame) -> pl.DataFrame:
    """Return each order once, as its newest export has it."""
    return (
        orders.filter(pl.col("reference").is_not_null())
        .sort("exported_at", "refunded_minor", "source_file", "source_row", nulls_last=False)
        .unique(_PAYMENT, keep="last", maintain_order=True)
        .with_columns(promised_date=pl.col("refunded_day").cast(pl.Int32).cast(pl.Date))
    )


def _list_made(events: pl.DataFrame, at: date) -> pl.DataFrame:
    return (
        events.filter(
            pl.col("success"),
            pl.col("name") == "REFUNDED",
            pl.col("event_day") <= to_day_number(at),
        )
        .unique(["msn", "reference", "psp_reference", "amount_minor", "event_at"])
        .select(
            *(*_PAYMENT, "psp_reference", "amount_minor"),
            made_date=pl.col("event_day").cast(pl.Int32).cast(pl.Date),
        )
    )


def _list_booked(ledger: pl.DataFrame, payouts: pl.DataFrame) -> pl.DataFrame:
    return (
        assign_payouts(ledger, payouts)
        .filter(pl.col("entry_type") == "refund", pl.col("psp_reference").is_not_null())
        .group_by("msn", "currency", "psp_reference")
        .agg(
            pl.col("reference").min(),
            pl.col("ledger_date", "payout_number").sort_by("ledger_date").first(),
            deducted_date=pl.col("payout_date").sort_by("ledger_date").first(),
            amount_minor=-pl.col("amount_minor").sum(),
        )
        .filter(pl.col("amount_minor") >= 0)
    )


def _list_promised(shop: pl.DataFrame, refunds: pl.DataFrame, at: date) -> pl.DataFrame:
    made = refunds.group_by(_PAYMENT).agg(made=pl.col("amount_minor").sum())
    return (
        shop.filter(
            pl.col("refunded_day").is_null() | (pl.col("refunded_day") <= to_day_number(at))
        )
        .join(made, on=_PAYMENT, how="left")
        .with_columns(amount_minor=pl.col("refunded_minor") - pl.col("made").fill_null(0))
        .filter(pl.col("amount_minor") > 0)
        .select(*_PAYMENT, "amount_minor")
    )


def _grade(rows: pl.DataFrame, at: date, compared: dict[str, bool]) -> pl.DataFrame:
    types = schemas.polars_schema(schemas.REFUND_AGEING)
    staged = rows.with_columns(
        [
            pl.lit(None, dtype=kind).alias(name)
            for name, kind in types.items()
            if name not in rows.columns
        ]
    )
    staged = staged.with_columns(
        stage=pl.when(pl.col("deducted_date").is_not_null())
        .then(pl.lit("deducted"))
        .when(pl.col("ledger_date").is_not_null())
        .then(pl.lit("on_ledger"))
        .when(pl.col("made_date").is_not_null())
        .then(pl.lit("made"))
        .otherwise(pl.lit("promised"))
    )
    since = (
        pl.when(pl.col("stage") == "deducted")
        .then("deducted_date")
        .when(pl.col("stage") == "on_ledger")
        .then("ledger_date")
        .when(pl.col("stage") == "made")
        .then("made_date")
        .otherwise("promised_date")
    )
    known = [stage for stage, is_compared in compared.items() if is_compared]
    limit = pl.col("stage").replace_strict(USUAL_DAYS, default=None, return_dtype=pl.Int64)
    staged = staged.with_columns(
        age_days=(pl.lit(at) - since).dt.total_days().clip(0)
    ).with_columns(
        # A refund without a date is not called late; what was not compared is not either.
        overdue=(pl.col("stage").is_in(known) & (pl.col("age_days") > limit)).fill_null(False)
    )
    steps = {stage: say(f"refund_ageing.{stage}") for stage in USUAL_DAYS}
    graded = staged.with_columns(
        next_step=pl.when("overdue").then(
            pl.col("stage").replace_strict(steps, default=None, return_dtype=pl.String)
        )
    ).select(list(types))
    return schemas.cast_to_schema(
        graded.sort(*_PAYMENT, "made_date", "psp_reference", "amount_minor", nulls_last=True),
        schemas.REFUND_AGEING,
    )
