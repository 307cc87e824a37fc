"""Suggest settings and arguments which the files and payments show to be missing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon.money import format_count, group_thousands
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.vipps_rules import MAX_CLOCK_SKEW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from vippsrecon.config.settings import SalesUnit
    from vippsrecon.sources import OrderFiles

FROM_MODIFICATION_TIME = "modification time"

MIN_OPEN_ORDERS = 20
"""Fewer open orders than this say nothing about a sales unit's practice."""


def capture_setting_hints(
    orders: pl.DataFrame, payments: pl.DataFrame, units: Sequence[SalesUnit]
) -> tuple[str, ...]:
    """Suggest capture = "at_once" for each sales unit most of whose open orders are captured.

    Args:
        orders: `schemas.ORDERS`.
        payments: `schemas.PAYMENTS`.
        units: The configured sales units; those already set to "at_once" need no hint.

    docs/settings.md says what "at_once" changes.
    """
    set_at_once = {unit.msn for unit in units if unit.capture == "at_once"}
    is_open = (pl.col("status") == "open") & pl.col("by_vipps").fill_null(value=True)
    captured = payments.filter(pl.col("captured_minor") > 0).select(*PAYMENT_KEY).unique()
    counts = (
        orders.filter(is_open)
        .join(captured.with_columns(captured=True), on=PAYMENT_KEY, how="left")
        .group_by("msn")
        .agg(pl.len().alias("orders"), pl.col("captured").count())
        .sort("msn")
    )
    return tuple(
        f"Sales unit {msn}: {group_thousands(captured_count)} of {format_count(count, 'open order')} "
        'are captured. If you capture when an order is placed, set capture = "at_once" for it in '
        "vippsrecon.toml: open orders are then compared in the same way as fulfilled ones."
        for msn, count, captured_count in counts.rows()
        if msn not in set_at_once and count >= MIN_OPEN_ORDERS and captured_count * 2 > count
    )


def drop_superseded_rows(orders: pl.DataFrame, buckets: pl.DataFrame) -> pl.DataFrame:
    """Return the order rows that no newer export replaces: the others say what was, not what is.

    Args:
        orders: `schemas.ORDERS`. Not changed.
        buckets: `schemas.BUCKETS` of the same orders.
    """
    row_key = pl.format("{}:{}", "source_file", "source_row").alias("row_key")
    replaced = buckets.filter(pl.col("kind") == "superseded_row").select("row_key")
    return orders.with_columns(row_key).join(replaced, on="row_key", how="anti").drop("row_key")


def export_time_hints(files: OrderFiles[pl.DataFrame], fetched_at: datetime) -> Iterator[str]:
    """Suggest --exported-at for each export whose modification time was used.

    Events after the export are timing, not discrepancies. No shop writes the time of the export
    into the file, and a copy of the file may have a different modification time, and therefore
    different discrepancies.

    Args:
        files: The order exports.
        fetched_at: When the payments were fetched, by server time. A file that is newer than that
            was probably copied or saved again after the export.
    """
    for file in files.files:
        if file.exported_at_from == FROM_MODIFICATION_TIME:
            yield (
                f"{file.name} does not state when it was exported, so its modification time, "
                f"{file.exported_at:%Y-%m-%d %H:%M} UTC, was used. A copy of the file may have a "
                "different one. Give the time of the export with --exported-at"
            )
            if file.exported_at > fetched_at:
                yield (
                    f"The time used for {file.name} is later than the fetch of the payments, "
                    f"{fetched_at:%Y-%m-%d %H:%M} UTC. If the file was copied or saved after the "
                    "export, amounts and codes in this report may be wrong. Run again with "
                    "--exported-at"
                )


def late_cutoff_hints(cutoff: datetime, fetched_at: datetime) -> Iterator[str]:
    """Warn that a cut-off time is later than the fetch: what happened in between is unknown.

    Args:
        cutoff: The cut-off time of the comparison.
        fetched_at: When the payments were fetched, by server time.
    """
    if cutoff - fetched_at > timedelta(seconds=MAX_CLOCK_SKEW_SECONDS):
        yield (
            f"--as-of {cutoff:%Y-%m-%d %H:%M} UTC is later than the fetch, "
            f"{fetched_at:%Y-%m-%d %H:%M} UTC. What happens in between is not known: deadlines and "
            "grace periods count as passed, so rows may be shown as overdue that are not. Omit "
            "--as-of to use the time of the fetch"
        )


def unknown_refund_hints(orders: pl.DataFrame) -> Iterator[str]:
    """Say for each file how many orders have no statement of what was refunded.

    Their refunds are not compared, so a clean verdict says nothing about them.

    Args:
        orders: `schemas.ORDERS`.
    """
    unknown = orders.filter(pl.col("refunded_minor").is_null()).group_by("source_file").len()
    for name, count in unknown.sort("source_file").rows():
        advice = "Export the refunds too."
        if name.lower().endswith((".xlsx", ".xlsm")):
            advice = (
                "Open the workbook in Excel and save it, so that its formulas have values; if it "
                "has no column of refunds, export them too."
            )
        yield (
            f"{name} does not say what was refunded for {format_count(count, 'order')}, so these "
            f"refunds were not compared. {advice}"
        )
