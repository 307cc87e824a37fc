"""Give vouchers their numbers for good, and reverse those whose facts changed.

A voucher that was written is never changed. If its facts are different now, it is reversed under its
own number with `-R`, and the new facts get the next number: `-2`, `-3`, …
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.errors import ClosedPeriodError, InputError
from vippsrecon.money import format_count
from vippsrecon.texts import say

_REVERSAL = "-R"


def number_vouchers(
    proposed: Any,
    written: Any = None,
    *,
    closed_months: Collection[str] = (),
    first: date | None = None,
    last: date | None = None,
) -> pl.DataFrame:
    """Compare proposed vouchers with those that were written before.

    Args:
        proposed: What `build_vouchers` proposes for the period.
        written: `schemas.VOUCHERS` as written so far, reversals included; None: none.
        closed_months: Closed months such as "2026-10". A voucher that would be written into one of them
            has the status `blocked`.
        first: First day that `proposed` covers; None: no limit. Written vouchers outside are left alone.
        last: Last day that it covers.

    Returns:
        `schemas.VOUCHERS` of the period: those written before, unchanged; reversals; and new ones.

    Raises:
        InputError: Two proposed vouchers have one number: a ledger has entries in two currencies.
    """
    new = schemas.to_polars(proposed, schemas.VOUCHERS)
    old = schemas.to_polars(written, schemas.VOUCHERS)
    _check_numbers(new)
    reversed_numbers = set(old["reverses"].drop_nulls())
    in_period = old.filter(
        pl.lit(True) if first is None else pl.col("voucher_date") >= first,
        pl.lit(True) if last is None else pl.col("voucher_date") <= last,
    )
    live = in_period.filter(
        pl.col("reverses").is_null(), ~pl.col("voucher_number").is_in(list(reversed_numbers))
    )
    same = live.filter(pl.col("facts").is_in(new["facts"].implode()))
    changed = live.filter(~pl.col("facts").is_in(new["facts"].implode()))
    added = new.filter(~pl.col("facts").is_in(same["facts"].implode()))
    parts = [
        in_period.with_columns(status=pl.lit("unchanged")),
        _reverse(changed),
        _renumber(added, set(old["voucher_number"])),
    ]
    frame = pl.concat(parts).with_columns(
        status=pl.when(
            pl.col("status").is_in(["new", "reversal"]),
            pl.col("voucher_date").dt.strftime("%Y-%m").is_in(list(closed_months)),
        )
        .then(pl.lit("blocked"))
        .otherwise("status")
    )
    return schemas.cast_to_schema(
        frame.sort("voucher_date", "voucher_number", "line"), schemas.VOUCHERS
    )


def select_unwritten(vouchers: pl.DataFrame) -> pl.DataFrame:
    """Return the new vouchers and reversals: those that go into a file.

    Raises:
        ClosedPeriodError: One of them would be written into a closed period.
    """
    blocked = vouchers.filter(pl.col("status") == "blocked")
    if blocked.height:
        months = blocked["voucher_date"].dt.strftime("%Y-%m").unique().sort().to_list()
        numbers: list[str] = blocked["voucher_number"].unique().sort().to_list()
        raise ClosedPeriodError(
            f"{format_count(len(numbers), 'voucher')}, the first of them {numbers[0]}, would be written "
            f"into the closed period {', '.join(months)}. Nothing was written. Look at what changed, "
            "and reopen the period if it must be booked there: "
            f"vippsrecon close-period --period {months[0]} --reopen --by NAME --reason TEXT"
        )
    return vouchers.filter(pl.col("status").is_in(["new", "reversal"]))


def _check_numbers(proposed: pl.DataFrame) -> None:
    several = (
        proposed.group_by("voucher_number")
        .agg(pl.col("currency", "facts").n_unique())
        .filter((pl.col("currency") > 1) | (pl.col("facts") > 1))
    )
    if several.height:
        raise InputError(
            f"Two different vouchers have the number {several.row(0)[0]}: its ledger has "
            "entries in two currencies. Check which files were given."
        )


def _reverse(changed: pl.DataFrame) -> pl.DataFrame:
    return changed.with_columns(
        status=pl.lit("reversal"),
        reverses=pl.col("voucher_number"),
        voucher_number=pl.col("voucher_number") + _REVERSAL,
        amount_minor=-pl.col("amount_minor"),
        text=pl.col("voucher_number").map_elements(
            lambda number: say("vouchers.reversal_text", number=number), return_dtype=pl.String
        ),
    )


def _renumber(added: pl.DataFrame, taken: set[str]) -> pl.DataFrame:
    numbers = {}
    for number in added["voucher_number"].unique().sort():
        free, revision = number, 1
        while free in taken:
            revision += 1
            free = f"{number}-{revision}"
        numbers[number] = free
    return added.with_columns(
        voucher_number=pl.col("voucher_number").replace(numbers), status=pl.lit("new")
    )
