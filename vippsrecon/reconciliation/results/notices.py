"""Find what a report must say in a sentence: money that was not compared, columns read as unknown."""

from __future__ import annotations

from collections.abc import Mapping

import narwhals.stable.v2 as nw

from vippsrecon.money import DECIMALS, format_amount, format_count
from vippsrecon.reconciliation.engines.backends import LazyFrame, collect_rows


def sum_uncompared(answered: LazyFrame) -> LazyFrame:
    """Sum, per currency, what was captured and has its order outside the export.

    Returns:
        currency, minor (minor units) and payments (count).
    """
    outside = (nw.col("there_kind") == "timing_outside_export") & (nw.col("C") > 0)
    return (
        answered.filter(outside.fill_null(value=False))
        .select("currency", "C", payment=nw.lit(1, nw.Int64))
        .group_by("currency")
        .agg(
            minor=nw.col("C").sum().cast(nw.Int64), payments=nw.col("payment").sum().cast(nw.Int64)
        )
        .sort("currency")
    )


def collect_uncompared(sums: LazyFrame) -> dict[str, tuple[int, int]]:
    """Return the result of `sum_uncompared` as currency to (minor units, payments)."""
    return {row["currency"]: (row["minor"], row["payments"]) for row in collect_rows(sums)}


def describe_uncompared(uncompared: Mapping[str, tuple[int, int]]) -> tuple[str, ...]:
    """Say how much captured money no run has compared, because its orders are outside the export."""
    return tuple(
        f"{_format_amount(minor, currency)} captured in {format_count(payments, 'payment')} was not "
        "compared: the orders are outside this export, and no earlier run has them. Export the orders "
        "of those days too. If a sales unit has no orders here (a point of sale, donations), set "
        "compared = false for it in vippsrecon.toml."
        for currency, (minor, payments) in uncompared.items()
    )


def find_unpaid_files(answered: LazyFrame) -> LazyFrame:
    """Return the source_file of the orders whose column `paid` was read as unknown."""
    return answered.filter(nw.col("paid_means_captured")).select("source_file").unique()


def describe_unpaid_columns(files: LazyFrame) -> tuple[str, ...]:
    """Return one sentence per result of `find_unpaid_files`."""
    return tuple(
        f"{name} says of most open orders with a reservation that they are unpaid. "
        "Its column for that seems to mean captured, so it was read as unknown."
        for name in sorted(str(row["source_file"]) for row in collect_rows(files))
    )


def _format_amount(minor: int, currency: str) -> str:
    if currency in DECIMALS:
        return format_amount(minor, currency)
    return f"{minor} minor units of {currency}"
