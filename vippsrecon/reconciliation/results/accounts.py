"""Build buckets, summary and bridge, which together account for every input row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import LazyFrame, materialize
from vippsrecon.reconciliation.engines.plans import planned
from vippsrecon.reconciliation.money_legs import MoneyLegs, build_money_bridge, sum_money_buckets
from vippsrecon.reconciliation.orders_payments.exact_matches import sum_exact_matches
from vippsrecon.reconciliation.orders_payments.pairs import PairSet
from vippsrecon.reconciliation.result import build_table, export_frame
from vippsrecon.reconciliation.results.bridge import LegSums, build_bridge, sum_bridge_lines
from vippsrecon.reconciliation.results.discrepancies import (
    SUMMARY_KEYS,
    KindsByQuestion,
    build_buckets,
    build_summary,
)
from vippsrecon.schemas import BRIDGE, BUCKETS, SUMMARY


@dataclass(frozen=True)
class _Accounts:
    buckets: LazyFrame
    summary: LazyFrame
    captured: LegSums
    refunded: LegSums


def build_accounting_frames(
    answered: LazyFrame,
    reported: LazyFrame,
    kinds: KindsByQuestion,
    paired: PairSet,
    *,
    legs: MoneyLegs,
    spark: bool,
) -> tuple[Any, Any, Any]:
    """Return buckets, summary and bridge of all legs."""
    accounts = _account(answered, reported, paired, tuple(kinds.items()))
    buckets, summary = accounts.buckets, accounts.summary
    if legs.buckets:
        sides = [
            rows.sort("row_key").select("side", "row_key", "bucket", "kind", "flags")
            for rows in legs.buckets
        ]
        buckets = nw.concat([buckets, *sides], how="vertical")
        names = list(SUMMARY.names)
        parts = [summary, *sum_money_buckets(legs)]
        summary = nw.concat([part.select(names) for part in parts], how="vertical")
        summary = summary.sort(*SUMMARY_KEYS)
    first_legs = build_bridge(accounts.captured, accounts.refunded)
    return (
        export_frame(buckets, BUCKETS, spark),
        export_frame(summary, SUMMARY, False),
        build_table([*first_legs, *build_money_bridge(legs, first_legs)], BRIDGE),
    )


@planned
def _account(
    answered: LazyFrame,
    reported: LazyFrame,
    paired: PairSet,
    kinds: tuple[tuple[str, frozenset[str]], ...],
) -> _Accounts:
    exact_matches = materialize(paired.exact_matches, large=True)
    exact_sums = sum_exact_matches(exact_matches)
    return _Accounts(
        build_buckets(answered, exact_matches, paired),
        build_summary(answered, reported, exact_sums),
        *sum_bridge_lines(answered, dict(kinds), exact_sums),
    )
