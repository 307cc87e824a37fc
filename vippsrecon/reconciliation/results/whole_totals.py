"""Recognise order files without decimals: their totals differ from the payments by a few øre."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.money import COMMON_DECIMALS
from vippsrecon.reconciliation.check import C, E, O
from vippsrecon.reconciliation.engines.backends import LazyFrame, collect_rows

MAJOR_UNIT_MINOR: int = 10**COMMON_DECIMALS
"""One unit of a currency in minor units."""

MANY_ROWS = 20
"""A file with more such differences than this leaves its decimals out; fewer may be chance."""


def count_whole_totals(answered: LazyFrame) -> LazyFrame:
    """Count, per file, the pairs whose whole total differs by less than one unit."""
    difference = (C - E).abs()
    differs = nw.col("compared") & _is_whole(O) & (difference > 0) & (difference < MAJOR_UNIT_MINOR)
    return (
        answered.filter(differs.fill_null(value=False))
        .select("source_file", row_count=nw.lit(1))
        .group_by("source_file")
        .agg(rows=nw.col("row_count").sum())
    )


def mark_whole_totals(
    answered: LazyFrame, exact_matches: LazyFrame, counts: LazyFrame
) -> LazyFrame:
    """Add `whole_totals`: the file's totals have no decimals, and many payments differ for that.

    Args:
        answered: Pairs with the kind of each question.
        exact_matches: Exact matches, whose totals count too.
        counts: Result of `count_whole_totals`.
    """
    suspects = collect_rows(counts)
    files = sorted(row["source_file"] for row in suspects if row["rows"] > MANY_ROWS)
    if not files:
        return answered.with_columns(whole_totals=nw.lit(value=False))
    in_files = nw.col("source_file").is_in(files)
    with_decimals = {
        row["source_file"]
        for rows in (answered, exact_matches)
        for row in collect_rows(
            rows.filter(in_files & ~_is_whole(O)).select("source_file").unique()
        )
    }
    whole_files = sorted(set(files) - with_decimals)
    if not whole_files:
        return answered.with_columns(whole_totals=nw.lit(value=False))
    return answered.with_columns(
        whole_totals=nw.col("source_file").is_in(whole_files).fill_null(value=False)
    )


def is_explained_by_whole_totals(expected: nw.Expr, actual: nw.Expr) -> nw.Expr:
    """Test whether missing decimals explain a row's difference: it is below one unit."""
    difference = (actual - expected).abs()
    return (nw.col("whole_totals") & (difference > 0) & (difference < MAJOR_UNIT_MINOR)).fill_null(
        value=False
    )


def _is_whole(amount: nw.Expr) -> nw.Expr:
    return (amount // MAJOR_UNIT_MINOR) * MAJOR_UNIT_MINOR == amount
