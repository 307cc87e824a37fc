"""Sum the lines from the payments' totals to the captures and refunds on the ledger."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import LazyFrame, collect_rows
from vippsrecon.reconciliation.results.bridge import BridgeSums

LEDGER_LINES = (
    "captured_as_fetched",
    "refunded_as_fetched",
    "aggregate_mismatch",
    "without_events",
    "moved_in_another_period",
    "other_days",
    "waived",
    "not_checked",
    "timing_after_cut",
    "timing_not_on_ledger",
    "capture_not_on_ledger",
    "refund_not_on_ledger",
    "ledger_without_event",
    "ledger_amount_difference",
)
"""The lines of the leg `ledger`, in order; then comes its total."""


def sum_ledger_lines(pairs: LazyFrame) -> LazyFrame:
    """Sum what pairs with one code add to each line, per sales unit and currency.

    Args:
        pairs: Captures and refunds with `entry_kind`.
    """
    event, entry = nw.col("event_minor"), nw.col("entry_minor")
    has_event, has_entry = ~event.is_null(), ~entry.is_null()
    event_in, entry_in = nw.col("event_in"), nw.col("entry_in")
    lines = {
        "moved": (has_event & ~event_in, -event),
        "left": (has_event & has_entry & event_in & ~entry_in, -event),
        "came": (has_event & has_entry & ~event_in & entry_in, event),
        "different": (has_event & has_entry & entry_in & (entry != event), entry - event),
        "lone_event": (has_event & ~has_entry & event_in, -event),
        "lone_entry": (~has_event & has_entry & entry_in, entry),
        "total": (has_entry & entry_in, entry),
    }
    zero, one = nw.lit(0, nw.Int64), nw.lit(1, nw.Int64)
    columns: dict[str, nw.Expr] = {}
    for name, (where, amount) in lines.items():
        known = where.fill_null(value=False)
        columns[name] = nw.when(known).then(amount).otherwise(zero)
        columns[f"{name}_rows"] = nw.when(known).then(one).otherwise(zero)
    return (
        pairs.select("msn", "currency", kind=nw.col("entry_kind").fill_null(""), **columns)
        .group_by("msn", "currency", "kind")
        .agg(*(nw.col(name).sum().cast(nw.Int64).alias(name) for name in columns))
    )


def sum_events_in_time(pair_sums: LazyFrame) -> LazyFrame:
    """Return the summary's row of captures and refunds that the ledger may not have yet.

    They are no input row of the ledger, so no bucket counts them.
    """
    return (
        pair_sums.filter(nw.col("kind") == "timing_not_on_ledger")
        .group_by("currency", "kind")
        .agg(
            rows=nw.col("lone_event_rows").sum().cast(nw.Int64),
            left_out=nw.col("lone_event").sum().cast(nw.Int64),
        )
        .select(
            "currency",
            "kind",
            "rows",
            leg=nw.lit("payment_ledger"),
            bucket=nw.lit("timing"),
            total_minor=-nw.col("left_out"),
        )
    )


def build_ledger_sums(
    first_legs: list[dict[str, Any]],
    pair_sums: LazyFrame,
    without_events: LazyFrame,
    msns: set[str],
) -> BridgeSums:
    """Return the lines of the leg `ledger` of each sales unit and currency, with its total.

    Args:
        first_legs: Rows of the bridge's first legs.
        pair_sums: Result of `sum_ledger_lines`.
        without_events: Result of `movements.sum_payments_without_events`.
        msns: Sales units whose ledger is known.
    """
    sums: BridgeSums = defaultdict(dict)

    def add(key: tuple[str, str], line: str, amount: int, rows: int) -> None:
        before, count = sums[key].get(line, (0, 0))
        sums[key][line] = (before + amount, count + rows)

    for row in first_legs:
        leg, line, key = row["leg"], row["line"], (row["msn"], row["currency"])
        sign = -1 if leg == "refunded_as_fetched" else 1
        if row["msn"] not in msns or not leg.endswith("_as_fetched"):
            continue
        if line == leg:
            add(key, leg, sign * row["amount_minor"], row["rows"])
        elif line == "aggregate_mismatch":
            add(key, line, -sign * row["amount_minor"], row["rows"])
    for row in collect_rows(without_events):
        if row["msn"] in msns:
            add((row["msn"], row["currency"]), "without_events", -row["amount"], row["rows"])
    for row in collect_rows(pair_sums):
        key, kind = (row["msn"], row["currency"]), row["kind"]
        line_of = {
            "moved": "moved_in_another_period",
            "left": "other_days",
            "came": "other_days",
            "different": "waived" if kind == "waived" else "ledger_amount_difference",
            "lone_event": kind,
            "lone_entry": kind,
            "total": "total",
        }
        for name, line in line_of.items():
            if row[f"{name}_rows"]:
                add(key, line, row[name], row[f"{name}_rows"])
    for lines in sums.values():
        lines.setdefault("captured_as_fetched", (0, 0))
    return sums
