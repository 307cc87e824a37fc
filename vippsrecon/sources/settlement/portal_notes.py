"""Say what is unusual in a report of the portal: unknown types, broken balances, late fees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from vippsrecon.sources.files.table import MARKS, NATIVE_MARK
from vippsrecon.sources.orders.fields.references import SCIENTIFIC_NOTATION
from vippsrecon.texts import format_spaced_money, say, say_number

_MAX_TYPES_NAMED = 5


def build_portal_notes(rows: pl.DataFrame, entries: pl.DataFrame) -> list[str]:
    """Return the notes on readable rows and their entries."""
    return [
        *_describe_unknown_types(rows),
        *_describe_positive_refunds(rows),
        *_describe_broken_balances(entries),
        *_describe_fee_differences(entries),
        *_describe_mixed_currencies(rows),
    ]


def describe_shortened_ids(columns: Sequence[pl.Series]) -> list[str]:
    """Return a note on ids whose digits a spreadsheet lost.

    It writes 2.00123E+19, or has a number of more digits than the 15 that it keeps.

    Args:
        columns: Cells as the table gives them, numbers of a workbook with their mark.
    """
    ids = pl.concat(columns)
    is_shortened = ids.str.strip_chars_start(MARKS).str.contains(SCIENTIFIC_NOTATION)
    is_rounded = ids.str.contains(rf"^{NATIVE_MARK}[0-9]{{16,}}$")
    shortened = ids.filter(is_shortened | is_rounded).str.strip_chars_start(MARKS)
    if shortened.is_empty():
        return []
    return [say_number("settlement_notes.shortened", shortened.len(), example=shortened[0])]


def _describe_unknown_types(rows: pl.DataFrame) -> Iterator[str]:
    unknown = rows.filter(pl.col("known_type").is_null())
    if unknown.height:
        named = ", ".join(repr(text) for text in sorted(set(unknown["type"]))[:_MAX_TYPES_NAMED])
        yield say_number("settlement_notes.unknown_types", unknown.height, types=named)


def _describe_positive_refunds(rows: pl.DataFrame) -> Iterator[str]:
    is_positive = (pl.col("known_type") == "refund") & (pl.col("amount_minor") > 0)
    count = rows.filter(is_positive).height
    if count:
        yield say_number("settlement_notes.positive_refunds", count)


def _describe_broken_balances(entries: pl.DataFrame) -> Iterator[str]:
    """Say where the balance after a row is not the balance before the next.

    A file may be sorted with the newest row first.
    """
    funds = entries.filter(
        (pl.col("topic") == "funds") & pl.col("balance_after_minor").is_not_null()
    )
    for (ledger, currency), own in funds.group_by("ledger_id", "currency", maintain_order=True):
        after, before = own["balance_after_minor"], own["balance_before_minor"]
        oldest_first = (before.slice(1) != after.slice(0, own.height - 1)).sum()
        newest_first = (before.slice(0, own.height - 1) != after.slice(1)).sum()
        breaks = int(min(oldest_first, newest_first))
        if breaks:
            facts = {"ledger": str(ledger), "currency": str(currency)}
            yield say_number("settlement_notes.balance_breaks", breaks, **facts)


def _describe_fee_differences(entries: pl.DataFrame) -> Iterator[str]:
    fees = entries.filter(pl.col("topic") == "fees")
    sums = fees.group_by("msn", "currency").agg(
        retained=pl.col("amount_minor").filter(pl.col("entry_type") == "fees-retained").sum(),
        charged=-pl.col("amount_minor").filter(pl.col("entry_type") == "capture-fee").sum(),
    )
    different = sums.filter((pl.col("retained") != 0) & (pl.col("retained") != pl.col("charged")))
    for msn, currency, retained, charged in different.sort("msn", "currency").iter_rows():
        yield say(
            "settlement_notes.fees_apart",
            msn=msn,
            retained=format_spaced_money(retained, currency),
            charged=format_spaced_money(charged, currency),
        )


def _describe_mixed_currencies(rows: pl.DataFrame) -> Iterator[str]:
    counts = rows.group_by("msn").agg(pl.col("currency").unique().sort())
    for msn, currencies in counts.sort("msn").iter_rows():
        if len(currencies) > 1:
            codes = ", ".join(currencies)
            yield say("settlement_notes.several_currencies", msn=msn, currencies=codes)
