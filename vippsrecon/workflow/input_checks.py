"""Refuse order exports that are of another month, or of which no row can be read."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon.dates import to_date
from vippsrecon.errors import InputError
from vippsrecon.sources.rejects import Reject
from vippsrecon.texts import say

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.sources import OrderFiles

MAX_DAYS_AFTER_ORDER = 366
"""A payment cannot be captured or refunded longer than this after its order."""


def refuse_unreadable_exports(files: OrderFiles[pl.DataFrame]) -> None:
    """Refuse exports of which every row was rejected, since there is nothing to compare."""
    if len(files.orders) or not len(files.rejects):
        return
    first = Reject(*files.rejects.row(0))
    facts = {"file": first.source_file, "problem": first.describe()}
    raise InputError(say("reasons.all_rejected", count=len(files.rejects), **facts))


def refuse_wrong_month(
    files: OrderFiles[pl.DataFrame], first: date | None, last: date | None
) -> None:
    """Refuse exports whose orders cannot belong to the period, before anything is fetched.

    An order is captured or refunded after it was placed and within a year, so an export of later
    orders, or of much earlier ones, is the wrong file.
    """
    if first is not None and last is not None and last < first:
        raise InputError(
            f"the period ends ({last}) before it begins ({first}). Exchange --from and --to"
        )
    days = _find_order_days(files)
    if days is None:
        return
    earliest, latest = days
    too_late = last is not None and earliest > last
    too_early = first is not None and latest < first - timedelta(days=MAX_DAYS_AFTER_ORDER)
    if too_late or too_early:
        raise InputError(_describe_wrong_month(files, days, first, last))


def _find_order_days(files: OrderFiles[pl.DataFrame]) -> tuple[date, date] | None:
    """Return the first and last day of an order; None if no order has a day."""
    days = files.orders["ordered_day"].drop_nulls().sort()
    return (to_date(days[0]), to_date(days[-1])) if len(days) else None


def _describe_wrong_month(
    files: OrderFiles[pl.DataFrame],
    days: tuple[date, date],
    first: date | None,
    last: date | None,
) -> str:
    names = ", ".join(file.name for file in files.files)
    earliest, latest = days
    return (
        f"{names}: the orders are from {earliest} to {latest}, and none of them was captured or "
        f"refunded in the requested period, {first or '…'} to {last or '…'}. Use the export of "
        "that month."
    )


def refuse_empty_period(
    result: Reconciliation, files: OrderFiles[pl.DataFrame], first: date | None, last: date | None
) -> None:
    """Refuse an export if no order belongs to the period according to its payments.

    Only the payments show this: an order of 31 October may be captured in November.
    """
    has_period = first is not None or last is not None
    days = _find_order_days(files)
    if has_period and days is not None and not _has_order_in_period(result):
        raise InputError(_describe_wrong_month(files, days, first, last))


def _has_order_in_period(result: Reconciliation) -> bool:
    is_outside = pl.col("kind").eq_missing("outside_period")
    belongs = (pl.col("side") == "orders") & ~is_outside
    return not result.polars_frame("buckets").filter(belongs).is_empty()


def refuse_early_as_of(files: OrderFiles[pl.DataFrame], as_of: datetime | None) -> None:
    """Refuse a cut-off time that is earlier than every order."""
    ordered = files.orders["ordered_at"]
    if as_of is None or as_of.tzinfo is None or not len(ordered) or ordered.null_count():
        return
    earliest = ordered.sort()[0]
    if as_of < earliest:
        raise InputError(
            f"--as-of {as_of:%Y-%m-%d %H:%M} is earlier than every order (the first is from "
            f"{earliest:%Y-%m-%d %H:%M} UTC). Omit --as-of to use the current time."
        )
