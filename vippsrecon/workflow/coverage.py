"""Compare what the exports cover with what was requested: days of the period, and sales units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from vippsrecon.config.settings import SalesUnit
from vippsrecon.dates import to_date, to_day_number
from vippsrecon.money import format_count

if TYPE_CHECKING:
    from vippsrecon.fetching import Fetched, LedgerWalk
    from vippsrecon.sources import OrderFiles
    from vippsrecon.workflow.references import ReferenceSet


MIN_DAYS = 5
"""An export with orders of fewer days does not show how often the shop sells."""


class MissingDays(NamedTuple):
    """Days of the period of which a sales unit's exports have no order.

    Attributes:
        msn: The sales unit.
        first, last: The missing days, included.
        only_unit: Whether the exports have no other sales unit.
    """

    msn: str
    first: date
    last: date
    only_unit: bool

    def describe(self) -> str:
        """Return the missing days as a clause."""
        days = f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"
        unit = "" if self.only_unit else f" for sales unit {self.msn}"
        return f"the export does not cover {days}{unit}"

    def explain(self, files: OrderFiles) -> str:
        """Return what is missing and what to do, in sentences."""
        names = ", ".join(file.name for file in files.files)
        return (
            f"Orders are missing: {self.describe()} ({names}), so there is no verdict. Export those "
            f"days too, or end the period with --to {self.first - timedelta(days=1)}."
        )


def find_missing_days(
    orders: pd.DataFrame,
    payments: pd.DataFrame,
    last: date | None,
    cutoff: datetime,
    units: Sequence[SalesUnit],
) -> Iterator[MissingDays]:
    """Find the days at the end of the period that the exports do not cover, per sales unit.

    A shop may sell nothing on some days, so days after the last order are missing only if

    - the export was made before they were over, or
    - a payment without an order was authorized on one of them, or
    - they are more than the longest run of days without an order inside the export. This needs an
      export with orders of `MIN_DAYS` days: fewer say nothing about how often the shop sells.

    Args:
        orders: `schemas.ORDERS` of this run's own exports.
        payments: `schemas.PAYMENTS`.
        last: Last day of the period; None: no day can be missing.
        cutoff: The cut-off time; days that are not over by then cannot be missing.
        units: The configured sales units, for their time zones.
    """
    if last is None:
        return
    zones = {unit.msn: ZoneInfo(unit.zone) for unit in units}
    dated = orders[orders["ordered_day"].notna()]
    strays = _select_strays(orders, payments)
    msns = sorted(dated["msn"].unique())
    for msn in msns:
        zone = zones.get(msn, ZoneInfo(SalesUnit(msn).zone))
        own = dated[dated["msn"] == msn]
        days = sorted({int(day) for day in own["ordered_day"]})
        # pandas 2 returns a datetime here, pandas 3 a Timestamp.
        exported_at = pd.Timestamp(own["exported_at"].max()).to_pydatetime()
        exported_day = to_day_number(exported_at.astimezone(zone).date())
        yesterday = to_day_number(cutoff.astimezone(zone).date()) - 1
        end = min(to_day_number(last), yesterday)
        quiet_days = max((b - a - 1 for a, b in pairwise(days)), default=0)
        is_long = len(days) >= MIN_DAYS and end - days[-1] > quiet_days
        paid_days = strays.loc[strays["msn"] == msn, "authorized_day"]
        is_paid = bool(((paid_days > days[-1]) & (paid_days <= end)).any())
        first_missing = days[-1] + 1 if is_long or is_paid else max(days[-1] + 1, exported_day)
        if first_missing <= end:
            yield MissingDays(msn, to_date(first_missing), to_date(end), len(msns) == 1)


def _select_strays(orders: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """Return msn and authorized_day of the payments whose reference no order has."""
    authorized = payments.loc[
        payments["authorized_day"].notna(), ["msn", "reference", "authorized_day"]
    ]
    known = orders[["msn", "reference"]].dropna().drop_duplicates()
    joined = authorized.merge(known, on=["msn", "reference"], how="left", indicator=True)
    return joined[joined["_merge"] == "left_only"]


def leave_out_orders(
    files: OrderFiles, units: Sequence[SalesUnit]
) -> tuple[OrderFiles, tuple[str, ...]]:
    """Leave out the orders of sales units that are not compared, and list them in sentences."""
    orders = files.orders
    is_left_out = orders["msn"].isin(_list_left_out(units))
    counts = orders.loc[is_left_out, "msn"].value_counts().sort_index()
    return files._replace(orders=orders[~is_left_out].reset_index(drop=True)), tuple(
        f"Sales unit {msn} is left out (compared = false): {format_count(int(count), 'order')} in the "
        "exports."
        for msn, count in counts.items()
    )


def leave_out_references(reference_set: ReferenceSet, units: Sequence[SalesUnit]) -> ReferenceSet:
    """Leave out the references of sales units that are not compared, and note how many."""
    references = reference_set.references
    is_left_out = references["msn"].isin(_list_left_out(units))
    counts = references.loc[is_left_out, "msn"].value_counts().sort_index()
    notes = tuple(
        f"Sales unit {msn} is left out (compared = false): {format_count(int(count), 'reference')} in "
        "the lists."
        for msn, count in counts.items()
    )
    return reference_set._replace(
        references=references[~is_left_out].reset_index(drop=True),
        notes=(*reference_set.notes, *notes),
    )


def leave_out_payments(fetched: Fetched, units: Sequence[SalesUnit]) -> Fetched:
    """Leave out the payments, events and failures of sales units that are not compared."""
    left_out = _list_left_out(units)
    if not left_out:
        return fetched
    return fetched._replace(
        **{
            name: frame[~frame["msn"].isin(left_out)].reset_index(drop=True)
            for name, frame in fetched._asdict().items()
        }
    )


def leave_out_ledger_references(walk: LedgerWalk, units: Sequence[SalesUnit]) -> LedgerWalk:
    """Leave out the ledger's references of sales units that are not compared, and note how many."""
    references = walk.references
    is_left_out = references["msn"].isin(_list_left_out(units))
    counts = references.loc[is_left_out, "msn"].value_counts().sort_index()
    notes = tuple(
        f"Sales unit {msn} is left out (compared = false): {format_count(int(count), 'payment')} in "
        "the funds ledger."
        for msn, count in counts.items()
    )
    return walk._replace(references=references[~is_left_out], notes=(*walk.notes, *notes))


def _list_left_out(units: Sequence[SalesUnit]) -> list[str]:
    return sorted(unit.msn for unit in units if not unit.compared)
