"""What a period consists of, fact by fact, and what is different after it was closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.closing.payout_receipts import read_matches
from vippsrecon.dates import Period, to_day_number
from vippsrecon.texts import say

_COLUMNS = schemas.polars_schema(schemas.PERIOD_FACTS)
_FACT = ["side", "fact_key"]


def list_period_facts(
    period: Period,
    *,
    orders: Any = None,
    events: Any = None,
    ledger_entries: Any = None,
    payouts: Any = None,
    payout_matches: Any = None,
    bank_lines: Any = None,
) -> pl.DataFrame:
    """Return the facts of a period: what its figures are made of.

    An order is a fact of the period in which it was placed, with its total: a later refund or status
    is no change of it. An event, an entry, a payout and a bank line are facts of their own day.

    Args:
        period: Whole local days.
        orders: `schemas.ORDERS`.
        events: `schemas.EVENTS`; those that succeeded and moved money.
        ledger_entries: `schemas.LEDGER_ENTRIES`.
        payouts: `schemas.PAYOUTS`.
        payout_matches: `schemas.PAYOUT_MATCHES`: only bank lines of payouts count.
        bank_lines: `schemas.BANK_LINES`.

    Returns:
        `schemas.PERIOD_FACTS`, sorted. Keys do not depend on files, rows or their order.
    """
    frames = [
        _order_facts(schemas.to_polars(orders, schemas.ORDERS)),
        _event_facts(schemas.to_polars(events, schemas.EVENTS)),
        _entry_facts(schemas.to_polars(ledger_entries, schemas.LEDGER_ENTRIES)),
        _payout_facts(schemas.to_polars(payouts, schemas.PAYOUTS)),
        *_bank_facts(payout_matches, bank_lines),
    ]
    facts = pl.concat(
        [_number_equal_keys(frame.select(list(_COLUMNS))) for frame in frames], how="vertical"
    ).filter(pl.col("day").is_between(to_day_number(period.first), to_day_number(period.last)))
    return schemas.cast_to_schema(facts.sort(_FACT), schemas.PERIOD_FACTS)


def compare_with_closed_period(closed: Any, current: Any, period: str) -> pl.DataFrame:
    """Return what is different from the facts of a closed period, and why.

    Args:
        closed: `schemas.PERIOD_FACTS` as stored when the period was closed.
        current: `schemas.PERIOD_FACTS` of the same period now. A side that `current` has nothing of
            is compared too: give the same inputs as when it was closed.
        period: The closed month, such as "2026-10".

    Returns:
        `schemas.RESTATEMENT`; without rows nothing has changed.
    """
    before = schemas.to_polars(closed, schemas.PERIOD_FACTS)
    after = schemas.to_polars(current, schemas.PERIOD_FACTS)
    rows = before.join(after, on=_FACT, how="full", coalesce=True, suffix="_after")
    changed = rows.with_columns(
        change=pl.when(pl.col("amount_minor").is_null())
        .then(pl.lit("added"))
        .when(pl.col("amount_minor_after").is_null())
        .then(pl.lit("removed"))
        .when(
            (pl.col("amount_minor") != pl.col("amount_minor_after"))
            | (pl.col("currency") != pl.col("currency_after"))
        )
        .then(pl.lit("amount"))
        .when((pl.col("detail") != pl.col("detail_after")) | (pl.col("day") != pl.col("day_after")))
        .then(pl.lit("detail"))
    ).filter(pl.col("change").is_not_null())
    causes = {
        f"{side}.{change}": say(f"restatement.{change}", what=say(f"restatement.sides.{side}"))
        for side in schemas.PERIOD_SIDES
        for change in ("added", "removed", "amount", "detail")
    }
    listed = changed.select(
        *("side", "fact_key", "change"),
        period=pl.lit(period),
        msn=pl.coalesce("msn_after", "msn"),
        reference=pl.coalesce("reference_after", "reference"),
        currency=pl.coalesce("currency_after", "currency"),
        before_minor="amount_minor",
        after_minor="amount_minor_after",
        difference_minor=pl.col("amount_minor_after").fill_null(0)
        - pl.col("amount_minor").fill_null(0),
        before_detail="detail",
        after_detail="detail_after",
        cause=pl.concat_str("side", pl.lit("."), "change").replace_strict(
            causes, return_dtype=pl.String
        ),
    )
    return schemas.cast_to_schema(listed.sort(_FACT), schemas.RESTATEMENT)


def _order_facts(orders: pl.DataFrame) -> pl.DataFrame:
    key = ["msn", "currency", "store", "order_number", "reference"]
    return (
        orders.filter(pl.col("ordered_day").is_not_null())
        .sort("exported_at", "source_file", "source_row")
        .unique(key, keep="last", maintain_order=True)
        .select(
            *("msn", "reference", "currency"),
            side=pl.lit("orders"),
            fact_key=_join_key("msn", "store", "order_number", "reference"),
            day="ordered_day",
            amount_minor="total_minor",
            detail=pl.lit(""),
        )
    )


def _event_facts(events: pl.DataFrame) -> pl.DataFrame:
    names = ("AUTHORIZED", "CAPTURED", "REFUNDED", "CANCELLED", "TERMINATED")
    return (
        events.filter(pl.col("success"), pl.col("name").is_in(names))
        .unique(["msn", "reference", "psp_reference", "name", "amount_minor", "event_at"])
        .select(
            *("msn", "reference", "currency", "amount_minor"),
            side=pl.lit("events"),
            fact_key=_join_key("msn", "reference", "name", "psp_reference"),
            day="event_day",
            detail="name",
        )
    )


def _entry_facts(entries: pl.DataFrame) -> pl.DataFrame:
    return entries.select(
        *("msn", "reference", "currency", "amount_minor"),
        side=pl.lit("ledger_entries"),
        fact_key=_join_key("ledger_id", "topic", "psp_reference", "entry_type"),
        day=pl.col("ledger_date").cast(pl.Int32).cast(pl.Int64),
        detail="entry_type",
    )


def _payout_facts(payouts: pl.DataFrame) -> pl.DataFrame:
    return payouts.select(
        *("msn", "currency", "amount_minor"),
        reference="payout_number",
        side=pl.lit("payouts"),
        fact_key=_join_key("ledger_id", "payout_number"),
        day=pl.col("ledger_date").cast(pl.Int32).cast(pl.Int64),
        detail="status",
    )


def _bank_facts(matches: Any, bank_lines: Any) -> Iterator[pl.DataFrame]:
    if matches is None or bank_lines is None:
        return
    key = ["source_file", "source_row"]
    booked = read_matches(matches).group_by(key).agg(pl.col("msn", "payout_number").min())
    yield (
        schemas.to_polars(bank_lines, schemas.BANK_LINES)
        .join(booked, on=key)
        .select(
            *("msn", "currency", "amount_minor"),
            reference="payout_number",
            side=pl.lit("bank_lines"),
            # Not the bank's text: a later statement may write the line in another way.
            fact_key=_join_key("account", "booked_date", "msn", "payout_number"),
            day=pl.col("booked_date").cast(pl.Int32).cast(pl.Int64),
            detail=pl.lit(""),
        )
    )


def _join_key(*columns: str) -> pl.Expr:
    return pl.concat_str(
        [pl.col(name).cast(pl.String).fill_null("") for name in columns], separator=":"
    )


def _number_equal_keys(facts: pl.DataFrame) -> pl.DataFrame:
    """Give each of several facts with one key a number, by day and amount, from the second on."""
    number = pl.int_range(pl.len()).over(_FACT) + 1
    return (
        facts.sort(*_FACT, "day", "currency", "amount_minor", "reference")
        .with_columns(_n=number)
        .with_columns(
            fact_key=pl.when(pl.col("_n") > 1)
            .then(pl.concat_str("fact_key", pl.lit(":"), "_n"))
            .otherwise("fact_key")
        )
        .drop("_n")
    )
