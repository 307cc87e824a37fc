"""Arrange the VAT of captured money: what the shop states, and what the rates give."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from vippsrecon.texts import format_percent, list_section, say


def build_vat_rows(vat_tie_out: pl.DataFrame) -> pl.DataFrame:
    """Return `schemas.VAT_TIE_OUT` with `result`.

    agrees: within what rounding explains. differs: by more. several_rates: an order has several rates,
    or one that its country does not know, so nothing is expected. no_vat: the export states none.
    """
    result = (
        pl.when(pl.col("rate_basis_points").is_null(), pl.col("orders") == 0)
        .then(pl.lit("no_vat"))
        .when(pl.col("rate_basis_points").is_null())
        .then(pl.lit("several_rates"))
        .when(pl.col("difference_minor").abs() > pl.col("rounding_bound_minor"))
        .then(pl.lit("differs"))
        .otherwise(pl.lit("agrees"))
    )
    # What the export does not state is not zero.
    is_stated = pl.col("orders") > 0
    return vat_tie_out.with_columns(
        pl.when(is_stated).then(pl.col("captured_vat_minor", "captured_minor")),
        result=result,
    )


def name_vat_rates(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with their rate and their result in words."""
    names = [
        say("vat.no_rate") if rate is None else format_percent(Decimal(rate).scaleb(-4))
        for rate in rows["rate_basis_points"]
    ]
    results = dict(list_section("vat.results"))
    return rows.with_columns(
        rate_name=pl.Series(names, dtype=pl.String),
        result_name=pl.col("result").replace_strict(results),
    )


def describe_vat(rows: pl.DataFrame, *, only_differences: bool = False) -> tuple[str, ...]:
    """Return for each currency whether the VAT agrees, or that the export has none.

    Args:
        rows: Result of `build_vat_rows`.
        only_differences: Leave out a currency in which nothing differs.
    """
    sentences = []
    for currency in rows["currency"].unique().sort():
        results = set(rows.filter(pl.col("currency") == currency)["result"])
        found = next(
            name for name in ("differs", "several_rates", "agrees", "no_vat") if name in results
        )
        if only_differences and found != "differs":
            continue
        names = {"currency": currency, "sheet": say("sheets.vouchers")}
        sentences.append(say(f"vat.sentences.{found}", **names))
    return tuple(sentences)
