"""Say what is unusual in a report of the portal: unknown types, broken balances, late fees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from vippsrecon.money import format_amount, format_count
from vippsrecon.sources.orders.fields.references import SCIENTIFIC_NOTATION

_MAX_TYPES_NAMED = 5


def build_portal_notes(rows: pl.DataFrame, entries: pl.DataFrame) -> list[str]:
    """Return the notes on readable rows and their entries."""
    return [
        *_describe_unknown_types(rows),
        *_describe_positive_refunds(rows),
        *_describe_broken_balances(entries),
        *_describe_fee_differences(entries),
        *_describe_mixed_currencies(rows),
        *describe_shortened_ids([rows["reference"], rows["psp_reference"]]),
    ]


def describe_shortened_ids(columns: Sequence[pl.Series]) -> list[str]:
    """Return a note on ids that a spreadsheet wrote as 2.00123E+19; their digits are lost."""
    ids = pl.concat(columns).drop_nulls()
    shortened = ids.filter(ids.str.contains(SCIENTIFIC_NOTATION))
    if shortened.is_empty():
        return []
    return [
        f"{format_count(shortened.len(), 'reference was', 'references were')} shortened by a "
        f"spreadsheet ({shortened[0]}), so the payment cannot be found by it. Download the file again, "
        "and do not save it in Excel."
    ]


def _describe_unknown_types(rows: pl.DataFrame) -> Iterator[str]:
    unknown = rows.filter(pl.col("known_type").is_null())
    if unknown.height:
        named = ", ".join(repr(text) for text in sorted(set(unknown["type"]))[:_MAX_TYPES_NAMED])
        yield (
            f"{format_count(unknown.height, 'row has', 'rows have')} a type that is not known "
            f"({named}). They are kept, and their sign decides how they are booked."
        )


def _describe_positive_refunds(rows: pl.DataFrame) -> Iterator[str]:
    is_positive = (pl.col("known_type") == "refund") & (pl.col("amount_minor") > 0)
    count = rows.filter(is_positive).height
    if count:
        yield (
            f"{format_count(count, 'refund has', 'refunds have')} no minus sign. A refund is read as "
            "money out."
        )


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
            yield (
                f"The balance of ledger {ledger} in {currency} breaks in "
                f"{format_count(breaks, 'place')}: rows are missing, rejected or sorted otherwise."
            )


def _describe_fee_differences(entries: pl.DataFrame) -> Iterator[str]:
    fees = entries.filter(pl.col("topic") == "fees")
    sums = fees.group_by("msn", "currency").agg(
        retained=pl.col("amount_minor").filter(pl.col("entry_type") == "fees-retained").sum(),
        charged=-pl.col("amount_minor").filter(pl.col("entry_type") == "capture-fee").sum(),
    )
    different = sums.filter((pl.col("retained") != 0) & (pl.col("retained") != pl.col("charged")))
    for msn, currency, retained, charged in different.sort("msn", "currency").iter_rows():
        yield (
            f"Sales unit {msn}: {format_amount(retained, currency)} of fees were retained, and the "
            f"captures have {format_amount(charged, currency)}. The retained fees count; a fee may be "
            "retained on another day than its capture."
        )


def _describe_mixed_currencies(rows: pl.DataFrame) -> Iterator[str]:
    counts = rows.group_by("msn").agg(pl.col("currency").unique().sort())
    for msn, currencies in counts.sort("msn").iter_rows():
        if len(currencies) > 1:
            yield f"Sales unit {msn} has entries in {', '.join(currencies)}; each is summed apart."
