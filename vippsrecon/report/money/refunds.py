"""List the refunds that are not deducted from a payout yet, the late ones first."""

from __future__ import annotations

import polars as pl

from vippsrecon.texts import list_section

MAX_REFUNDS = 1_000
"""Refunds listed below the cut-off pack; the frame `refund_ageing` has all."""


def build_refund_rows(refund_ageing: pl.DataFrame) -> pl.DataFrame:
    """Return the open refunds of `schemas.REFUND_AGEING`: overdue first, then by age and amount."""
    return refund_ageing.filter(pl.col("stage") != "deducted").sort(
        "overdue",
        "age_days",
        "amount_minor",
        "msn",
        "currency",
        "reference",
        "psp_reference",
        descending=[True, True, True, False, False, False, False],
        nulls_last=True,
    )


def name_refund_stages(refunds: pl.DataFrame) -> pl.DataFrame:
    """Return the first of the open refunds, with their stage in words."""
    stages = dict(list_section("refund_ageing.stages"))
    return refunds.head(MAX_REFUNDS).with_columns(stage_name=pl.col("stage").replace_strict(stages))
