"""Find what the rows of a code have in common that all orders have less often."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

PROPERTIES = ("store", "week", "payment_method", "msn")
"""Properties of an order that are compared, in the order of preference."""

MIN_ROWS = 5
"""A code with fewer rows is read row by row; what two rows share may be chance."""

MIN_LIFT = 2
"""How many times as frequent as among all orders a value must be among the rows of a code."""


@dataclass(frozen=True)
class Concentration:
    """A value that more than half of the rows of a code share, in one currency.

    Attributes:
        rows: Rows of the code; those without an order count too.
        value_rows: Those with the value.
        orders: All orders of the currency.
        value_orders: Those with the value.
    """

    currency: str
    kind: str
    name: str
    value: str
    rows: int
    value_rows: int
    orders: int
    value_orders: int

    @property
    def share(self) -> Decimal:
        """Share of the rows of the code that have the value, from 0 to 1."""
        return Decimal(self.value_rows) / self.rows

    @property
    def of_orders(self) -> Decimal:
        """Share of all orders of the currency that have it, from 0 to 1."""
        return Decimal(self.value_orders) / self.orders if self.orders else Decimal(0)


MAX_DRAWN = 12
"""Concentrations of a currency that a figure shows; those of the codes with the most rows."""


def find_concentrations(
    discrepancies: pl.DataFrame, orders: pl.DataFrame
) -> tuple[Concentration, ...]:
    """Return where each code of each currency is concentrated: one value per property at most.

    A value counts if more than half of the rows of the code have it, and if it is at least twice as
    frequent among them as among all orders. The week is that of the order, as ISO 8601 numbers it.

    Args:
        discrepancies: `schemas.DISCREPANCIES`.
        orders: `schemas.ORDERS`.
    """
    day = pl.from_epoch("ordered_day", time_unit="d")
    described = orders.select(
        "currency",
        "msn",
        "reference",
        pl.col("store", "payment_method"),
        week=pl.format("{}-W{}", day.dt.iso_year(), day.dt.week().cast(pl.String).str.zfill(2)),
    )
    of_order = described.drop("currency").unique(
        ["msn", "reference"], keep="first", maintain_order=True
    )
    joined = discrepancies.select("currency", "kind", "msn", "reference").join(
        of_order.filter(pl.col("reference").is_not_null()), on=["msn", "reference"], how="left"
    )
    found = []
    for (currency, kind), rows in joined.partition_by(
        "currency", "kind", as_dict=True, maintain_order=True
    ).items():
        if rows.height < MIN_ROWS or currency is None:
            continue
        alike = described.filter(pl.col("currency") == currency)
        for name in PROPERTIES:
            value, value_rows = _find_most_frequent(rows[name])
            value_orders = alike.filter(pl.col(name) == value).height
            concentration = Concentration(
                currency, kind, name, value, rows.height, value_rows, alike.height, value_orders
            )
            if _stands_out(concentration):
                found.append(concentration)
    return tuple(sorted(found, key=_sort_key))


def select_concentrations(
    found: tuple[Concentration, ...], currency: str
) -> tuple[Concentration, ...]:
    """Return the concentrations of one currency that a figure shows."""
    return tuple(each for each in found if each.currency == currency)[:MAX_DRAWN]


def _find_most_frequent(values: pl.Series) -> tuple[str, int]:
    """Return the value that most rows have, and their number; of two, the first by name."""
    known = values.drop_nulls()
    counted = (
        known.filter(known != "")
        .value_counts()
        .sort("count", values.name, descending=[True, False])
    )
    return (counted[values.name][0], counted["count"][0]) if counted.height else ("", 0)


def _stands_out(found: Concentration) -> bool:
    return (
        found.value_rows * 2 > found.rows
        and found.value_rows * found.orders >= MIN_LIFT * found.value_orders * found.rows
    )


def _sort_key(found: Concentration) -> tuple[str, int, str, int]:
    return (found.currency, -found.rows, found.kind, PROPERTIES.index(found.name))
