"""Group discrepancies with the same cause and currency, and describe large groups in one sentence.

A cause belongs to one code. Only missing decimals are the one cause of several codes: the group then
has the code with the most rows.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.codes import get_code
from vippsrecon.reconciliation.engines.backends import LazyFrame, collect_rows
from vippsrecon.schemas import Column, Frame
from vippsrecon.texts import say

LARGE_GROUP_ROWS = 20
"""A group with more rows than this is shown as one line."""

LARGE_GROUP_SHARE = 0.05
"""A group with a larger share of the pairs is probably caused by a setting, an export or a plugin."""

GROUPS = Frame(
    "groups",
    "one row per cause and currency",
    "vippsrecon.reconciliation",
    (
        Column("kind", "text", "The code of most of its rows.", nullable=False),
        Column("currency", "text", "ISO 4217.", nullable=False),
        Column("cause", "text", "The cause that its rows share, in one sentence.", nullable=False),
        Column("rows", "count", "Number of discrepancies.", nullable=False),
        Column("difference_minor", "minor", "Sum of differences.", nullable=False),
        Column("at_risk_minor", "minor", "Sum of money at risk.", nullable=False),
        Column("share_permille", "count", "Share of all pairs, in thousandths.", nullable=False),
        Column(
            "concentrated_in",
            "text",
            "The store that has more than half of the rows; empty where none has.",
        ),
    ),
)


_GROUP_KEYS = ("currency", "cause")


def sum_by_store(discrepancies: LazyFrame) -> LazyFrame:
    """Sum discrepancies, which have store, by currency, cause, kind and store."""
    return (
        discrepancies.select(
            *_GROUP_KEYS,
            "kind",
            "difference_minor",
            "at_risk_minor",
            store=nw.col("store").fill_null(""),
            row_count=nw.lit(1),
        )
        .group_by(*_GROUP_KEYS, "kind", "store")
        .agg(
            rows=nw.col("row_count").sum().cast(nw.Int64),
            difference_minor=nw.col("difference_minor").sum().cast(nw.Int64),
            at_risk_minor=nw.col("at_risk_minor").sum().cast(nw.Int64),
        )
    )


def build_groups(by_store: LazyFrame, pairs: int) -> list[dict[str, Any]]:
    """Return the rows of GROUPS, largest first.

    Args:
        by_store: Result of `sum_by_store`.
        pairs: Number of pairs compared.
    """
    merged: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in collect_rows(by_store):
        key = tuple(row[name] for name in _GROUP_KEYS)
        group = merged.setdefault(
            key,
            dict(zip(_GROUP_KEYS, key, strict=True))
            | {
                "rows": 0,
                "difference_minor": 0,
                "at_risk_minor": 0,
                "stores": Counter(),
                "kinds": Counter(),
            },
        )
        for name in ("rows", "difference_minor", "at_risk_minor"):
            group[name] += row[name]
        group["stores"][row["store"]] += row["rows"]
        group["kinds"][row["kind"]] += row["rows"]
    groups = [_build_group(row, pairs) for row in merged.values()]
    return sorted(groups, key=_group_sort_key)


def _group_sort_key(row: dict[str, Any]) -> tuple[int, int, str, str, str]:
    return (-row["rows"], -row["at_risk_minor"], row["kind"], row["currency"], row["cause"])


def _build_group(row: dict[str, Any], pairs: int) -> dict[str, Any]:
    stores, kinds = row.pop("stores"), row.pop("kinds")
    kind, _ = min(kinds.items(), key=lambda item: (-item[1], item[0]))
    store, store_rows = max(stores.items(), key=lambda item: (item[1], item[0]))
    stands_out = len(stores) > 1 and store and store_rows * 2 > row["rows"]
    return row | {
        "kind": kind,
        "share_permille": row["rows"] * 1000 // pairs if pairs else 0,
        "concentrated_in": store if stands_out else None,
    }


def describe_large_groups(grouped: list[dict[str, Any]], pairs: int) -> tuple[str, ...]:
    """Return one sentence per large group, for the report's summary."""
    sentences = []
    for row in grouped:
        if row["rows"] > LARGE_GROUP_ROWS and row["rows"] > LARGE_GROUP_SHARE * pairs:
            likely_cause = get_code(row["kind"]).likely_cause
            if row["cause"] == say("sentences.whole_total.cause"):
                likely_cause = say("notices.no_decimals")
            sentences.append(
                say(
                    "notices.large_group",
                    kind=row["kind"],
                    rows=row["rows"],
                    pairs=pairs,
                    currency=row["currency"],
                    cause=likely_cause,
                )
            )
    return tuple(sentences)
