"""Sum discrepancies by age, and by whether a decision was made, per currency."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

AGE_BANDS = ((0, 7), (8, 30), (31, 90), (91, 180), (181, None))
"""Ages of discrepancies that are shown together: first and last day, None without an end."""


@dataclass(frozen=True)
class AgeTotals:
    """The discrepancies of one currency and age band. Minor units.

    Attributes:
        from_days: First day of the band, counted from the first run that reported the row; None
            for rows of unknown age.
        to_days: Last day of the band; None without an end.
    """

    currency: str
    from_days: int | None
    to_days: int | None
    rows: int
    at_risk_minor: int


@dataclass(frozen=True)
class DecisionTotals:
    """The discrepancies of one currency with a decision, or without one. Minor units."""

    currency: str
    decided: bool
    rows: int
    at_risk_minor: int


def compute_age_totals(discrepancies: pl.DataFrame) -> tuple[AgeTotals, ...]:
    """Return each age band of each currency with discrepancies, youngest first, unknown ages last."""
    totals = []
    age = pl.col("age_days")
    for currency, rows in _split_by_currency(discrepancies):
        for first, last in AGE_BANDS:
            band = rows.filter(age >= first, pl.lit(True) if last is None else age <= last)
            totals.append(AgeTotals(currency, first, last, *_count_and_sum(band)))
        unknown = rows.filter(age.is_null())
        if unknown.height:
            totals.append(AgeTotals(currency, None, None, *_count_and_sum(unknown)))
    return tuple(totals)


def compute_decision_totals(
    discrepancies: pl.DataFrame, entries: pl.DataFrame | None
) -> tuple[DecisionTotals, ...]:
    """Return what is undecided, then what is decided, of each currency with discrepancies.

    Args:
        discrepancies: `schemas.DISCREPANCIES`.
        entries: Decisions carried over from an earlier report, by `discrepancy_id`; None: there is
            no earlier report, so nothing is decided.
    """
    if entries is None:
        rows = discrepancies.with_columns(decision=pl.lit(""))
    else:
        rows = discrepancies.join(
            entries.select("discrepancy_id", "decision"), on="discrepancy_id", how="left"
        )
    is_decided = pl.col("decision").fill_null("").ne("")
    return tuple(
        DecisionTotals(currency, decided, *_count_and_sum(of_currency.filter(chosen)))
        for currency, of_currency in _split_by_currency(rows)
        for decided, chosen in ((False, ~is_decided), (True, is_decided))
    )


def _split_by_currency(rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    return [
        (currency, rows.filter(pl.col("currency") == currency))
        for currency in sorted(rows["currency"].unique().drop_nulls())
    ]


def _count_and_sum(rows: pl.DataFrame) -> tuple[int, int]:
    return rows.height, int(rows["at_risk_minor"].sum())
