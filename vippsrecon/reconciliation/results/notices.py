"""Find what a report must say in a sentence: money that was not compared, columns read as unknown."""

from __future__ import annotations

from collections.abc import Mapping

import narwhals.stable.v2 as nw

from vippsrecon.money import DECIMALS
from vippsrecon.reconciliation.engines.backends import LazyFrame, collect_rows
from vippsrecon.texts import format_money, format_number, say


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
        say("notices.uncompared", amount=_format_amount(minor, currency), count=payments)
        for currency, (minor, payments) in uncompared.items()
    )


def find_unpaid_files(answered: LazyFrame) -> LazyFrame:
    """Return the source_file of the orders whose column `paid` was read as unknown."""
    return answered.filter(nw.col("paid_means_captured")).select("source_file").unique()


def describe_unpaid_columns(files: LazyFrame) -> tuple[str, ...]:
    """Return one sentence per result of `find_unpaid_files`."""
    return tuple(
        say("notices.paid_column", file=name)
        for name in sorted(str(row["source_file"]) for row in collect_rows(files))
    )


def _format_amount(minor: int, currency: str) -> str:
    if currency in DECIMALS:
        return format_money(minor, currency)
    return say("notices.minor_units", amount=format_number(minor), currency=currency)
