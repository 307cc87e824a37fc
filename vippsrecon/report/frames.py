"""Convert the frames of a Reconciliation to Polars, in a fixed row order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon.dates import to_day_number
from vippsrecon.reconciliation.codes import UNCOMPARED_KINDS
from vippsrecon.report.money.frames import MoneyFrames, build_money_frames
from vippsrecon.report.money.verdicts import LegVerdict, compute_leg_verdicts, has_money_legs
from vippsrecon.report.totals.reservations import select_reservations
from vippsrecon.report.web_links import add_addresses
from vippsrecon.schemas.inputs import PAYMENT_KEY

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation

_NOTHING_TO_COLLECT = (
    "nothing_to_pay",
    "other_payment_method",
    "not_epayment",
    "abandoned_checkout",
)


@dataclass(frozen=True)
class ReportFrames:
    """The frames of one Reconciliation, in Polars. Discrepancies stay in the order given.

    Attributes:
        orders: `schemas.ORDERS` with `bucket`, `kind` and `flags` of each row.
        payments: `schemas.PAYMENTS` with the same three columns.
        events: `schemas.EVENTS`.
        failures: `schemas.FAILURES`.
        rejects: `schemas.REJECTS`.
        discrepancies: `schemas.DISCREPANCIES`, worst first, with the addresses of `web_links`.
        summary: `schemas.SUMMARY`.
        bridge: `schemas.BRIDGE`, by leg, sales unit, currency and position.
        groups: `reconciliation.results.groups.GROUPS`: one row per kind, cause and currency.
        reservations: The payments of which something is still reserved, with `reserved_minor` and
            `days_left` until the capture deadline.
        open_items: `schemas.OPEN_ITEMS`.
        restatement: `schemas.RESTATEMENT`: what is different in closed months.
        money: Ledger entries, payouts and bank lines; None where only orders and payments were given.
        verdicts: The verdict of each leg; none where only orders and payments were given.
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
    open_items: pl.DataFrame
    restatement: pl.DataFrame
    money: MoneyFrames | None = None
    verdicts: tuple[LegVerdict, ...] = ()


def build_report_frames(reconciliation: Reconciliation) -> ReportFrames:
    """Return the frames of `reconciliation`. The input is not changed."""
    read = reconciliation.polars_frame
    orders, payments = read_sides(reconciliation)
    return ReportFrames(
        orders=orders.sort("msn", "source_file", "source_row", "reference", "order_number"),
        payments=payments.sort("msn", "reference", "psp_reference"),
        events=read("events").sort(
            "msn", "reference", "event_at", "psp_reference", "name", "success"
        ),
        failures=read("failures").sort("msn", "reference", "operation"),
        rejects=read("rejects").sort("source_file", "source_row", "column", "value", "reason"),
        discrepancies=add_addresses(read("discrepancies"), reconciliation.manifest),
        summary=read("summary"),
        bridge=read("bridge").sort("currency", "msn", "leg", "position"),
        groups=read("groups"),
        reservations=select_reservations(read("payments"), reconciliation.manifest),
        open_items=read("open_items"),
        restatement=read("restatement"),
        money=build_money_frames(reconciliation)
        if has_money_legs(reconciliation.manifest)
        else None,
        verdicts=compute_leg_verdicts(
            read("summary"), read("discrepancies"), reconciliation.manifest
        ),
    )


def read_sides(reconciliation: Reconciliation) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return orders and payments, each with `bucket`, `kind` and `flags` of each row."""
    read = reconciliation.polars_frame
    buckets = read("buckets")
    return (
        _add_buckets(
            read("orders"), pl.format("{}:{}", "source_file", "source_row"), buckets, "orders"
        ),
        _add_buckets(read("payments"), pl.format("{}:{}", *PAYMENT_KEY), buckets, "payments"),
    )


def select_compared_pairs(
    orders: pl.DataFrame, payments: pl.DataFrame, manifest: Mapping[str, Any]
) -> pl.DataFrame:
    """Return msn and reference of each pair that was checked: without a discrepancy, nothing is wrong with it.

    Checked are pairs that are matched, that have a code which compares amounts, or that are ignored
    because Vipps MobilePay was to collect nothing. A pair outside the period that began before its end
    was checked too: if anything were wrong with it, it would be in the period. A pair that is waived,
    not checked or not here yet says nothing about a discrepancy of an earlier run.

    Args:
        orders: With buckets, as `read_sides` returns them.
        payments: The same.
        manifest: The manifest of the result; its period counts.
    """
    kind = pl.col("kind").fill_null("")
    checked = (
        pl.col("bucket").eq("matched")
        | pl.col("bucket").eq("discrepancy") & ~kind.is_in(list(UNCOMPARED_KINDS))
        | kind.is_in(_NOTHING_TO_COLLECT)
    )
    _, last = manifest.get("period") or (None, None)
    pairs = []
    for side, began in ((orders, "ordered_day"), (payments, "created_day")):
        before_end = pl.col(began) <= to_day_number(date.fromisoformat(last)) if last else True
        outside = kind.eq("outside_period") & before_end
        pairs.append(side.filter((checked | outside).fill_null(value=False)).select(PAYMENT_KEY))
    return pl.concat(pairs).unique(maintain_order=True)


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
