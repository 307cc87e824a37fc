"""Sum what is still reserved by the days that are left to capture it, per currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from vippsrecon.config.settings import SalesUnit
from vippsrecon.reconciliation.days import DAY_US
from vippsrecon.reconciliation.deadlines import build_capture_days

DEADLINE_BANDS = ((None, -1), (0, 3), (4, 14), (15, 60), (61, None))
"""Days to the capture deadline that are shown together: first and last, None without an end. The
first band is overdue: the deadline has passed."""


@dataclass(frozen=True)
class ReservationTotals:
    """What is still reserved in one currency, with so many days to the deadline. Minor units.

    Attributes:
        from_days: First day of the band; None for what is overdue.
        to_days: Last day of the band; None without an end. Both None: the deadline is unknown.
        payments: Number of payments.
        reserved_minor: Authorized, and neither captured nor cancelled.
    """

    currency: str
    from_days: int | None
    to_days: int | None
    payments: int
    reserved_minor: int

    @property
    def urgency(self) -> str:
        """How urgent it is, in the words of a severity; "total" if there is time enough."""
        if self.to_days is None:
            return "total" if self.from_days is not None else "info"
        return {-1: "critical", 3: "high", 14: "medium"}.get(self.to_days, "total")


def select_reservations(payments: pl.DataFrame, manifest: Mapping[str, Any]) -> pl.DataFrame:
    """Return the payments of which something is still reserved, with `reserved_minor`, `days_left`.

    Days are counted from the cut-off time of the run, in whole days: 0 means less than a day, -1
    that the deadline has passed. The market and late capture of a sales unit are those of the
    manifest's settings; of any other, the currency's market counts. `days_left` is null if the time
    of the authorization is unknown.

    Args:
        payments: `schemas.PAYMENTS`, as fetched.
        manifest: The manifest of the result.
    """
    as_of = manifest.get("as_of")
    now = datetime.fromisoformat(str(as_of)) if as_of else None
    left = (
        pl.col("authorized_at").dt.epoch("us")
        + pl.col("capture_days") * DAY_US
        - pl.lit(now).dt.epoch("us")
        if now
        else pl.lit(None, pl.Int64)
    )
    reserved = pl.col("authorized_minor") - pl.col("captured_minor") - pl.col("cancelled_minor")
    days = build_capture_days(_list_units(manifest))
    return (
        nw.from_native(payments)
        .with_columns(capture_days=days)
        .to_native()
        .with_columns(reserved_minor=reserved, days_left=left // DAY_US)
        .filter(pl.col("state").eq("AUTHORIZED") & pl.col("reserved_minor").gt(0))
        .drop("capture_days")
    )


def compute_reservation_totals(reservations: pl.DataFrame) -> tuple[ReservationTotals, ...]:
    """Return each band of each currency with reservations, the most urgent first, unknown last.

    Args:
        reservations: What `select_reservations` returned.
    """
    totals = []
    left = pl.col("days_left")
    for currency in sorted(reservations["currency"].unique().drop_nulls()):
        rows = reservations.filter(pl.col("currency") == currency)
        for first, last in DEADLINE_BANDS:
            band = rows.filter(
                left.is_not_null(),
                pl.lit(True) if first is None else left >= first,
                pl.lit(True) if last is None else left <= last,
            )
            totals.append(_sum_band(currency, first, last, band))
        unknown = rows.filter(left.is_null())
        if unknown.height:
            totals.append(_sum_band(currency, None, None, unknown))
    return tuple(totals)


def _sum_band(
    currency: str, first: int | None, last: int | None, rows: pl.DataFrame
) -> ReservationTotals:
    return ReservationTotals(currency, first, last, rows.height, int(rows["reserved_minor"].sum()))


def _list_units(manifest: Mapping[str, Any]) -> list[SalesUnit]:
    units = (manifest.get("settings") or {}).get("sales_units") or ()
    return [
        SalesUnit(
            msn=unit["msn"],
            market=unit.get("market"),
            late_capture=unit.get("late_capture", False),
        )
        for unit in units
        if isinstance(unit, Mapping)
    ]
