"""Describe what is different in closed months, by month and by where the facts are from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from vippsrecon.texts import format_money, list_section, say

MAX_SENTENCE = 240
"""A sentence that is a link is a text in a formula, of 255 characters at most."""


def name_restated_facts(restatement: pl.DataFrame) -> pl.DataFrame:
    """Return `schemas.RESTATEMENT` with side and change in words, the latest month first."""
    return restatement.with_columns(
        side_name=pl.col("side").replace_strict(dict(list_section("restatement.sides"))),
        change_name=pl.col("change").replace_strict(dict(list_section("restatement.changes"))),
    ).sort("period", "side", "fact_key", descending=[True, False, False])


def describe_restatement(restatement: pl.DataFrame) -> tuple[str, ...]:
    """Return a sentence per closed month that is different: how many facts of each side, and their sum.

    The sums are those of one side and currency: the same money is an event, an entry and a payout.

    Args:
        restatement: `schemas.RESTATEMENT`.
    """
    return tuple(
        _describe_month(month)
        for month in restatement.sort("period", descending=True).partition_by(
            "period", maintain_order=True
        )
    )


def _describe_month(month: pl.DataFrame) -> str:
    names: Mapping[str, Any] = {
        "period": month["period"][0],
        "sheet": say("sheets.restatement"),
    }
    sides = [
        say(
            "restatement.sums.of_side",
            side=say(f"restatement.sides.{side}"),
            count=count,
            amount=format_money(difference, currency),
        )
        for side, currency, count, difference in month.group_by("side", "currency")
        .agg(pl.len(), pl.col("difference_minor").sum())
        .sort("side", "currency")
        .iter_rows()
    ]
    sentence = say("restatement.sums.list", sides="; ".join(sides), **names)
    if len(sentence) <= MAX_SENTENCE:
        return sentence
    return say("restatement.sums.count", count=month.height, **names)
