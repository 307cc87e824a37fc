"""List the reservations that can still be captured or lost, the most urgent first."""

from __future__ import annotations

import polars as pl

from vippsrecon.report import names
from vippsrecon.report.totals.reservations import DEADLINE_BANDS
from vippsrecon.schemas.inputs import PAYMENT_KEY


def build_radar_rows(reservations: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Return one row per payment with a reservation, by the days to its capture deadline.

    Args:
        reservations: Result of `totals.reservations.select_reservations`.
        orders: `schemas.ORDERS`, for order numbers and statuses.
    """
    days = pl.col("days_left")
    band = pl.lit(names.describe_days_left(None, None))
    for first, last in reversed(DEADLINE_BANDS):
        is_in_band = days.is_not_null()
        is_in_band = is_in_band if first is None else is_in_band & (days >= first)
        is_in_band = is_in_band if last is None else is_in_band & (days <= last)
        text = names.describe_days_left(first, last)
        band = pl.when(is_in_band).then(pl.lit(text)).otherwise(band)
    shop = orders.select(*PAYMENT_KEY, "order_number", "status").unique(
        PAYMENT_KEY, keep="first", maintain_order=True
    )
    return (
        reservations.join(shop, on=PAYMENT_KEY, how="left", maintain_order="left")
        .with_columns(band=band)
        .sort("days_left", "currency", "msn", "reference", nulls_last=True)
    )
