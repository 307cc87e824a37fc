"""Is this the export of the month asked for? Refused where nothing in it is, or can be read."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from vippsrecon.errors import InputError
from vippsrecon.money import format_count
from vippsrecon.sources.rejects import Reject

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.sources import OrderFiles

MAX_DAYS_AFTER_ORDER = 366
"""Longer after its order no payment can be refunded, so nothing of it can move."""


def refuse_unreadable_exports(files: OrderFiles) -> None:
    """Refuse exports of which every row was rejected: nothing would be compared with anything."""
    if len(files.orders) or not len(files.rejects):
        return
    rows = files.rejects.head(1).astype(object)
    first = Reject(*rows.where(rows.notna(), None).iloc[0])
    raise InputError(
        f"{first.source_file}: not a row of it can be read, so there is nothing to compare "
        f"({format_count(len(files.rejects), 'row')} rejected). The first one, {first.describe()}"
    )


def refuse_wrong_month(files: OrderFiles, first: date | None, last: date | None) -> None:
    """Refuse, before anything is asked, exports whose orders cannot be of the period.

    An order is captured or refunded after it was placed, and within a year: an export of later
    orders, or of much earlier ones, is the wrong file.
    """
    if first is not None and last is not None and last < first:
        raise InputError(f"the period ends ({last}) before it begins ({first})")
    days = files.orders["ordered_day"].dropna()
    if not len(days):
        return
    zero = date(1970, 1, 1)
    earliest, latest = (zero + timedelta(days=int(day)) for day in (days.min(), days.max()))
    too_late = last is not None and earliest > last
    too_early = first is not None and latest < first - timedelta(days=MAX_DAYS_AFTER_ORDER)
    if too_late or too_early:
        raise InputError(_describe_wrong_month(files, first, last))


def _describe_wrong_month(files: OrderFiles, first: date | None, last: date | None) -> str:
    names = ", ".join(file.name for file in files.files)
    days = files.orders["ordered_day"].dropna()
    zero = date(1970, 1, 1)
    earliest, latest = (zero + timedelta(days=int(day)) for day in (days.min(), days.max()))
    return (
        f"{names}: the orders are of {earliest} to {latest}, and none of them was captured or "
        f"refunded in the period asked for, {first or '…'} to {last or '…'}; take the export of "
        "that month"
    )


def refuse_empty_period(
    result: Reconciliation, files: OrderFiles, first: date | None, last: date | None
) -> None:
    """Refuse an export of which no order turned out to be of the period.

    Only the payments can tell: an order of the last of October may be captured in November.
    """
    asked = first is not None or last is not None
    if (
        asked
        and len(files.orders["ordered_day"].dropna())
        and not (result.buckets["side"] == "orders").any()
    ):
        raise InputError(_describe_wrong_month(files, first, last))


def refuse_early_as_of(files: OrderFiles, as_of: datetime | None) -> None:
    """Refuse to compare as of a moment before every order: nothing would have happened yet."""
    ordered = files.orders["ordered_at"]
    if as_of is None or not len(ordered) or ordered.isna().any():
        return
    if as_of.tzinfo is not None and as_of < ordered.min():
        raise InputError(
            f"--as-of {as_of:%Y-%m-%d %H:%M} is before every order (the first is of "
            f"{ordered.min():%Y-%m-%d %H:%M} UTC); leave it away to compare as of now"
        )
