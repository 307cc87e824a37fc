"""Tie the shop's VAT to the captured money, per sales unit, currency and rate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.closing.accounts import find_market
from vippsrecon.dates import to_day_number

VAT_RATES = {
    "NO": (2500, 1500, 1200, 0),
    "SE": (2500, 1200, 600, 0),
    "DK": (2500, 0),
    "FI": (2550, 1400, 1350, 1000, 0),
}
"""Country to its VAT rates in hundredths of a percent.
Sources: https://mindlink.lv/useful/vat-rates-in-eu, Norway https://scopulus.co.uk/taxsheets/european_vat_rates.html,
Finland since 2026
https://vatapi.com/news/article/finland-lowers-reduced-vat-rate-to-13-5-effective-1-january-2026"""

ROUNDING_MINOR = 1
"""The VAT of an order may differ from its rate by so much: it was rounded once."""


class _Total(NamedTuple):
    orders: int = 0
    gross: int = 0
    vat: int = 0
    captured: int = 0
    captured_vat: int = 0


def tie_out_vat(
    orders: Any,
    events: Any,
    *,
    first: date | None = None,
    last: date | None = None,
    markets: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Compare the VAT of captured minus refunded money with the orders' rates.

    A payment belongs to its order by the exact reference. A part of an order that was captured or
    refunded has the same share of the order's VAT.

    Args:
        orders: `schemas.ORDERS`. An order whose `vat_minor` is empty is counted and left out.
        events: `schemas.EVENTS`.
        first: First local day whose captures and refunds count; None: no limit.
        last: Last of these days.
        markets: Sales unit to country; one that is missing has the country of its currency.

    Returns:
        `schemas.VAT_TIE_OUT`. Orders whose VAT is of no one rate have a row without a rate.
    """
    key = ["msn", "currency", "reference"]
    shop = (
        schemas.to_polars(orders, schemas.ORDERS)
        .filter(pl.col("reference").is_not_null(), pl.col("status") != "cancelled")
        .sort("exported_at", "source_file", "source_row")
        .unique(key, keep="last", maintain_order=True)
    )
    moved = _sum_moved(schemas.to_polars(events, schemas.EVENTS), first, last)
    rows = shop.join(moved, on=key, how="left").select(
        "msn", "currency", "total_minor", "vat_minor", pl.col("moved").fill_null(0)
    )
    is_unknown = pl.col("vat_minor").is_null()
    without = {
        (msn, currency): count
        for msn, currency, count in rows.filter(is_unknown)
        .group_by("msn", "currency")
        .len()
        .iter_rows()
    }
    totals: dict[tuple[str, str, int | None], _Total] = defaultdict(_Total)
    for msn, currency, total, vat, net in rows.filter(~is_unknown).iter_rows():
        rate = find_rate(total, vat, find_market(msn, currency, markets or {}))
        share = _divide(vat * net, total) if total else 0
        sums = totals[msn, currency, rate]
        totals[msn, currency, rate] = _Total(
            sums.orders + 1,
            sums.gross + total,
            sums.vat + vat,
            sums.captured + net,
            sums.captured_vat + share,
        )
    return _write_rows(totals, without)


def find_rate(total_minor: int, vat_minor: int, market: str) -> int | None:
    """Return the rate of an order in hundredths of a percent; None if no rate of the country fits.

    >>> find_rate(12500, 2500, "NO")
    2500
    >>> find_rate(12550, 2550, "FI")
    2550
    >>> find_rate(12500, 2000, "NO") is None
    True
    """
    nearest = min(
        VAT_RATES.get(market, (0,)),
        key=lambda rate: (abs(vat_minor - _vat_of(total_minor, rate)), rate),
    )
    fits = abs(vat_minor - _vat_of(total_minor, nearest)) <= ROUNDING_MINOR
    return nearest if fits and (nearest or not vat_minor) else None


def _vat_of(gross_minor: int, rate: int) -> int:
    return _divide(gross_minor * rate, 10_000 + rate)


def _divide(numerator: int, denominator: int) -> int:
    """Divide whole numbers and round half to even."""
    quotient, rest = divmod(numerator, denominator)
    half = 2 * rest - denominator
    return quotient + (half > 0 or (half == 0 and quotient % 2 == 1))


def _sum_moved(events: pl.DataFrame, first: date | None, last: date | None) -> pl.DataFrame:
    moved = events.filter(pl.col("success"), pl.col("name").is_in(["CAPTURED", "REFUNDED"]))
    if first is not None:
        moved = moved.filter(pl.col("event_day") >= to_day_number(first))
    if last is not None:
        moved = moved.filter(pl.col("event_day") <= to_day_number(last))
    return (
        moved.unique(["msn", "reference", "psp_reference", "name", "amount_minor", "event_at"])
        .group_by("msn", "currency", "reference")
        .agg(
            moved=pl.when(pl.col("name") == "CAPTURED")
            .then(pl.col("amount_minor"))
            .otherwise(-pl.col("amount_minor"))
            .sum()
        )
    )


def _write_rows(
    totals: Mapping[tuple[str, str, int | None], _Total],
    without: Mapping[tuple[str, str], int],
) -> pl.DataFrame:
    units = {(msn, currency) for msn, currency, _ in totals} | set(without)
    keys = set(totals) | {
        (*unit, None) for unit in units if without.get(unit) and (*unit, None) not in totals
    }
    rows = []
    for msn, currency, rate in sorted(
        keys, key=lambda key: (*key[:2], -1 if key[2] is None else key[2])
    ):
        sums = totals.get((msn, currency, rate), _Total())
        expected = None if rate is None else _vat_of(sums.captured, rate)
        rows.append(
            (
                *(msn, currency, rate, *sums),
                expected,
                None if expected is None else sums.captured_vat - expected,
                None if expected is None else 2 * ROUNDING_MINOR * max(sums.orders, 1),
                without.get((msn, currency), 0) if rate is None else 0,
            )
        )
    schema = schemas.polars_schema(schemas.VAT_TIE_OUT)
    return schemas.cast_to_schema(
        pl.DataFrame(rows, schema=schema, orient="row"), schemas.VAT_TIE_OUT
    )
