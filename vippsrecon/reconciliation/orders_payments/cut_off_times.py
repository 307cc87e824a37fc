"""The moment at which each pair is compared: the same on the shop's side and on the payment's."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    collect_rows,
    is_empty,
    materialize,
)
from vippsrecon.reconciliation.orders_payments.orders import ORDER_KEY
from vippsrecon.reconciliation.orders_payments.payments import LINKS_OF_FURTHER_PAYMENTS

AFTER_ALL_EVENTS_US = 2**62
"""Later than every event, in microseconds since 1970 (UTC)."""


def find_earliest(rows: LazyFrame, column: str) -> int:
    """Return the earliest time in a column, or `AFTER_ALL_EVENTS_US` if there is none."""
    first = collect_rows(rows.select(at=nw.col(column).min()))[0]["at"]
    return AFTER_ALL_EVENTS_US if first is None else int(first)


def compute_coverage(orders: LazyFrame) -> LazyFrame:
    """Return the days and the time of export that the order rows cover, per sales unit."""
    return orders.group_by("msn").agg(
        cover_first_day=nw.col("ordered_day").min(),
        cover_last_day=nw.col("ordered_day").max(),
        cover_exported_us=nw.col("exported_at_us").max(),
    )


def add_as_of(linked: LazyFrame, cover: LazyFrame) -> LazyFrame:
    """Add the cut-off time of each pair, `t_us`.

    It is the earliest of the as-of time, the time of export and the time of fetching. Both sides
    need the same cut-off, or a capture made between export and fetch would look like a
    difference. A payment without an order gets the time of its sales unit's latest export.
    """
    latest = cover.select("msn", unit_exported_us=nw.col("cover_exported_us"))
    as_of_us = nw.col("as_of_us")
    unit_export_us = nw.col("unit_exported_us")
    export_us = nw.when(unit_export_us.is_null()).then(as_of_us).otherwise(unit_export_us)
    order_export_us = nw.col("exported_at_us")
    at = nw.when(order_export_us.is_null()).then(export_us).otherwise(order_export_us)
    fetched = nw.col("fetched_at_us")
    return (
        linked.join(latest, on="msn", how="left")
        .with_columns(t_us=nw.when(at < fetched).then(at).otherwise(fetched))
        .with_columns(
            t_us=nw.when(nw.col("t_us") < as_of_us)
            .then(nw.col("t_us"))
            .otherwise(as_of_us)
            .cast(nw.Int64),
            payment_currency=nw.col("currency"),
            guarantee_us=nw.col("capture_guaranteed_until_at_us"),
        )
        .drop("exported_at_us", "unit_exported_us", "currency", "capture_guaranteed_until_at_us")
    )


def share_as_of(timed: LazyFrame) -> LazyFrame:
    """Give all payments of one order the earliest of their cut-off times: they are compared as one."""
    shared = materialize(
        timed.filter(nw.col("link").is_in(list(LINKS_OF_FURTHER_PAYMENTS)))
        .select(*ORDER_KEY)
        .unique()
    )
    if is_empty(shared):
        return timed
    earliest = (
        timed.join(shared, on=ORDER_KEY, how="semi")
        .group_by(*ORDER_KEY)
        .agg(order_t_us=nw.col("t_us").min())
    )
    return (
        timed.join(materialize(earliest), on=ORDER_KEY, how="left")
        .with_columns(
            t_us=nw.when(nw.col("order_t_us").is_null())
            .then(nw.col("t_us"))
            .otherwise(nw.col("order_t_us"))
        )
        .drop("order_t_us")
    )
