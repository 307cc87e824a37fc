"""Convert the frames of a Reconciliation to Polars, in a fixed row order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon.report.totals.reservations import select_reservations

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation


@dataclass(frozen=True)
class ReportFrames:
    """The frames of one Reconciliation, in Polars. Discrepancies stay in the order given.

    Attributes:
        orders: `schemas.ORDERS` with `bucket`, `kind` and `flags` of each row.
        payments: `schemas.PAYMENTS` with the same three columns.
        events: `schemas.EVENTS`.
        failures: `schemas.FAILURES`.
        rejects: `schemas.REJECTS`.
        discrepancies: `schemas.DISCREPANCIES`, worst first.
        summary: `schemas.SUMMARY`.
        bridge: `schemas.BRIDGE`, by leg, sales unit, currency and position.
        groups: `reconciliation.results.groups.GROUPS`: one row per kind, cause and currency.
        reservations: The payments of which something is still reserved, with `reserved_minor` and
            `days_left` until the capture deadline.
    """

    orders: pl.DataFrame
    payments: pl.DataFrame
    events: pl.DataFrame
    failures: pl.DataFrame
    rejects: pl.DataFrame
    discrepancies: pl.DataFrame
    summary: pl.DataFrame
    bridge: pl.DataFrame
    groups: pl.DataFrame
    reservations: pl.DataFrame


def build_report_frames(reconciliation: Reconciliation) -> ReportFrames:
    """Return the frames of `reconciliation`. The input is not changed."""
    read = reconciliation.polars_frame
    buckets = read("buckets")
    orders = read("orders")
    payments = read("payments")
    order_key = pl.format("{}:{}", "source_file", "source_row")
    payment_key = pl.format("{}:{}", "msn", "reference")
    return ReportFrames(
        orders=_add_buckets(orders, order_key, buckets, "orders").sort(
            "msn", "source_file", "source_row", "reference", "order_number"
        ),
        payments=_add_buckets(payments, payment_key, buckets, "payments").sort(
            "msn", "reference", "psp_reference"
        ),
        events=read("events").sort(
            "msn", "reference", "event_at", "psp_reference", "name", "success"
        ),
        failures=read("failures").sort("msn", "reference", "operation"),
        rejects=read("rejects").sort("source_file", "source_row", "column", "value", "reason"),
        discrepancies=read("discrepancies"),
        summary=read("summary"),
        bridge=read("bridge").sort("currency", "msn", "leg", "position"),
        groups=read("groups"),
        reservations=select_reservations(payments, reconciliation.manifest),
    )


def _add_buckets(
    data: pl.DataFrame, key: pl.Expr, buckets: pl.DataFrame, side: str
) -> pl.DataFrame:
    outcomes = (
        buckets.filter(pl.col("side") == side)
        .select("row_key", "bucket", "kind", "flags")
        .unique("row_key", keep="first", maintain_order=True)
    )
    return (
        data.with_columns(row_key=key)
        .join(outcomes, on="row_key", how="left", maintain_order="left")
        .drop("row_key")
    )
