"""Compare what the exports cover with what was requested: days of the period, and sales units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from vippsrecon.config.settings import SalesUnit
from vippsrecon.dates import to_date, to_day_number
from vippsrecon.money import format_count
from vippsrecon.schemas.inputs import PAYMENT_KEY

if TYPE_CHECKING:
    from vippsrecon.fetching import Fetched, LedgerWalk
    from vippsrecon.sources import OrderFiles
    from vippsrecon.workflow.references import ReferenceSet


MIN_DAYS = 5
"""An export with orders of fewer days does not show how often the shop sells."""

MAX_QUIET_START = 3
"""A shop may be closed for this many days at the start of a period; few exports are cut off there."""


class Gap(NamedTuple):
    """Why a month is incomplete although every reference was answered.

    Attributes:
        clause: The reason in a few words, for the verdict.
        sentence: What it means and what to do, for the cover; "" where another notice says it.
    """

    clause: str
    sentence: str = ""


class MissingDays(NamedTuple):
    """Days of the period of which a sales unit's exports have no order.

    Attributes:
        msn: The sales unit.
        first, last: The missing days, included.
        at_start: Whether they are at the start of the period; else they are at its end.
        only_unit: Whether the exports have no other sales unit.
    """

    msn: str
    first: date
    last: date
    at_start: bool
    only_unit: bool

    def describe(self) -> str:
        """Return the missing days as a clause."""
        days = f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"
        unit = "" if self.only_unit else f" for sales unit {self.msn}"
        return f"the export does not cover {days}{unit}"

    def explain(self, files: OrderFiles[pl.DataFrame]) -> str:
        """Return what is missing and what to do, in sentences."""
        names = ", ".join(file.name for file in files.files)
        shorter = (
            f"begin the period with --from {self.last + timedelta(days=1)}"
            if self.at_start
            else f"end the period with --to {self.first - timedelta(days=1)}"
        )
        return (
            f"Orders are missing: {self.describe()} ({names}), so there is no verdict. Export those "
            f"days too, or {shorter}."
        )


def find_missing_days(
    orders: pl.DataFrame,
    payments: pl.DataFrame,
    period: tuple[date | None, date | None],
    cutoff: datetime,
    units: Sequence[SalesUnit],
) -> Iterator[MissingDays]:
    """Find the days at the start and end of the period that the exports do not cover.

    A shop may sell nothing on some days, so days after the last order are missing only if

    - the export was made before they were over, or
    - a payment without an order was authorized on one of them, or
    - they are more than the longest run of days without an order inside the export. This needs an
      export with orders of `MIN_DAYS` days: fewer say nothing about how often the shop sells.

    Only this last condition applies to days before the first order, and only to more than
    `MAX_QUIET_START` of them.

    Args:
        orders: `schemas.ORDERS` of this run's own exports.
        payments: `schemas.PAYMENTS`.
        period: First and last day; None: no day before, or after, can be missing.
        cutoff: The cut-off time; days that are not over by then cannot be missing.
        units: The configured sales units, for their time zones.
    """
    first, last = period
    zones = {unit.msn: ZoneInfo(unit.zone) for unit in units}
    dated = orders.filter(pl.col("ordered_day").is_not_null())
    unmatched = _select_unmatched(orders, payments)
    msns = dated["msn"].unique().sort().to_list()
    is_only = len(msns) == 1
    for msn in msns:
        zone = zones.get(msn, ZoneInfo(SalesUnit(msn).zone))
        own = dated.filter(pl.col("msn") == msn)
        days = own["ordered_day"].unique().sort().to_list()
        quiet_days = max((b - a - 1 for a, b in pairwise(days)), default=0)
        if first is not None and len(days) >= MIN_DAYS:
            start = to_day_number(first)
            if days[0] - start > max(quiet_days, MAX_QUIET_START):
                yield MissingDays(msn, first, to_date(days[0] - 1), True, is_only)
        if last is None:
            continue
        exported_at: datetime = own.select(pl.col("exported_at").max()).item()
        exported_day = to_day_number(exported_at.astimezone(zone).date())
        yesterday = to_day_number(cutoff.astimezone(zone).date()) - 1
        end = min(to_day_number(last), yesterday)
        is_long = len(days) >= MIN_DAYS and end - days[-1] > quiet_days
        paid_days = unmatched.filter(pl.col("msn") == msn)["authorized_day"]
        is_paid = bool(((paid_days > days[-1]) & (paid_days <= end)).any())
        first_missing = days[-1] + 1 if is_long or is_paid else max(days[-1] + 1, exported_day)
        if first_missing <= end:
            yield MissingDays(msn, to_date(first_missing), to_date(end), False, is_only)


def _select_unmatched(orders: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """Return msn and authorized_day of the payments whose reference no order has."""
    return (
        payments.filter(pl.col("authorized_day").is_not_null())
        .join(orders, on=PAYMENT_KEY, how="anti")
        .select("msn", "authorized_day")
    )


def leave_out_orders(
    files: OrderFiles[pl.DataFrame], units: Sequence[SalesUnit]
) -> tuple[OrderFiles[pl.DataFrame], tuple[str, ...]]:
    """Leave out the orders of sales units that are not compared, and list them in sentences."""
    orders, notes = _leave_out_rows(files.orders, units, "order", "the exports")
    return files._replace(orders=orders), notes


def leave_out_references(reference_set: ReferenceSet, units: Sequence[SalesUnit]) -> ReferenceSet:
    """Leave out the references of sales units that are not compared, and note how many."""
    references, notes = _leave_out_rows(reference_set.references, units, "reference", "the lists")
    return reference_set._replace(references=references, notes=(*reference_set.notes, *notes))


def leave_out_payments(
    fetched: Fetched[pl.DataFrame], units: Sequence[SalesUnit]
) -> Fetched[pl.DataFrame]:
    """Leave out the payments, events and failures of sales units that are not compared."""
    is_left_out = pl.col("msn").is_in(_list_left_out(units))
    payments, events, failures = (frame.filter(~is_left_out) for frame in fetched)
    return fetched._replace(payments=payments, events=events, failures=failures)


def leave_out_ledger_references(
    walk: LedgerWalk[pl.DataFrame], units: Sequence[SalesUnit]
) -> LedgerWalk[pl.DataFrame]:
    """Leave out the ledger's references of sales units that are not compared, and note how many."""
    references, notes = _leave_out_rows(walk.references, units, "payment", "the funds ledger")
    return walk._replace(references=references, notes=(*walk.notes, *notes))


def _leave_out_rows(
    frame: pl.DataFrame, units: Sequence[SalesUnit], noun: str, place: str
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the rows of the sales units that are compared, and a sentence for each other one."""
    is_left_out = pl.col("msn").is_in(_list_left_out(units))
    counts = frame.filter(is_left_out).group_by("msn").len().sort("msn")
    return frame.filter(~is_left_out), tuple(
        f"Sales unit {msn} is left out (compared = false): {format_count(count, noun)} in {place}."
        for msn, count in counts.rows()
    )


def _list_left_out(units: Sequence[SalesUnit]) -> list[str]:
    return sorted(unit.msn for unit in units if not unit.compared)
