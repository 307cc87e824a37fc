"""Explain one payout: the entries that it pays, to the minor unit, or what is left and why.

balance carried from the payout before
+ captures − refunds − fees retained − disputes … since then
− balance kept back after it                                   = payout + what is left
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import polars as pl

from vippsrecon.errors import InputError
from vippsrecon.reconciliation.engines.backends import LazyFrame, collect_rows, prepare_frame
from vippsrecon.reconciliation.ledger_payouts.bridge import LINE_BY_TYPE, UNKNOWN_TYPES
from vippsrecon.reconciliation.ledger_payouts.spans import (
    PayoutEntry,
    Span,
    collect_spans,
    find_closing,
)
from vippsrecon.schemas import LEDGER_ENTRIES
from vippsrecon.vipps_rules import PAYOUT_TYPES

CARRIED, KEPT_BACK, OTHER_PAYOUTS = "carried", "kept_back", "other_payouts"

PART_BY_TYPE = LINE_BY_TYPE | {"capture": "captures", "refund": "refunds"}
"""Type of an entry to its part of a payout: as in the bridge, with captures and refunds apart."""

ENTRY_TYPES = {
    "part": pl.String,
    "topic": pl.String,
    "ledger_date": pl.Date,
    "entry_type": pl.String,
    "psp_reference": pl.String,
    "reference": pl.String,
    "msn": pl.String,
    "currency": pl.String,
    "amount_minor": pl.Int64,
    "balance_after_minor": pl.Int64,
}
PART_TYPES = {"part": pl.String, "rows": pl.Int64, "amount_minor": pl.Int64}

_ENTRY_COLUMNS = ("ledger_id", *(name for name in ENTRY_TYPES if name != "part"))
_SPAN_COLUMNS = ("balance_before_minor", "source_file", "source_row")


class PayoutExplanation(NamedTuple):
    """What a payout is made of.

    Attributes:
        ledger_id, msn, payout_number, currency: Which payout.
        paid_minor: Its amount, as the ledger has it.
        first_date: First ledger date that it covers.
        last_date: Last one.
        parts: One row per part: part, rows, amount_minor. Their sum and `left_minor` are the payout.
            `carried` is the balance before, `kept_back` the balance after it, as a negative amount.
        entries: One row per entry of these dates, with its part; those on the topic fees say what is in
            `fees_retained` and have the part "".
        left_minor: What the parts do not explain; 0 where they explain all.
        reason: Why something is left: entries_before (the ledger was read from a later date on),
            balance_chain_break (entries are missing), entries_missing (a file whose transactions do
            not add up); "" where nothing is left.
    """

    ledger_id: str
    msn: str
    payout_number: str
    currency: str
    paid_minor: int
    first_date: date
    last_date: date
    parts: pl.DataFrame
    entries: pl.DataFrame
    left_minor: int
    reason: str


def explain_payout(
    ledger_entries: Any, payouts: pl.DataFrame | None, ledger_id: str, payout_number: str
) -> PayoutExplanation:
    """Return the exact entries that make up a payout, across days, or what is left and why.

    Args:
        ledger_entries: `schemas.LEDGER_ENTRIES` on any engine.
        payouts: `schemas.PAYOUTS`, to tell a payout that is not on the ledger from one that does not
            exist; may be None.
        ledger_id: The ledger.
        payout_number: The number of the payout within it.

    Raises:
        InputError: The ledger has no entry of this payout.
    """
    columns = (*_ENTRY_COLUMNS, *_SPAN_COLUMNS)
    prepared = (
        ledger_entries
        if isinstance(ledger_entries, nw.LazyFrame)
        else prepare_frame(ledger_entries, LEDGER_ENTRIES, columns)
    )
    own = prepared.filter(nw.col("ledger_id") == ledger_id)
    previous: Span | None = None
    for span in collect_spans(own).spans:
        if previous is not None and previous.currency != span.currency:
            previous = None
        for payout in span.payouts:
            if payout.number == payout_number:
                return _explain(own, span, payout, previous)
        previous = span
    listed = (
        payouts is not None
        and not payouts.filter(
            (pl.col("ledger_id") == ledger_id) & (pl.col("payout_number") == payout_number)
        ).is_empty()
    )
    raise InputError(
        f"Payout {payout_number} is listed, but its entry is not among the entries of ledger {ledger_id}. "
        "Read the ledger on the date of the payout."
        if listed
        else f"Ledger {ledger_id} has no payout {payout_number} on the dates that were read."
    )


def _explain(
    entries: LazyFrame, span: Span, payout: PayoutEntry, previous: Span | None
) -> PayoutExplanation:
    after = None if previous is None else previous.payouts[-1].day
    rows = _collect_entries(entries, span.currency, after, payout.day)
    parts = _sum_parts(rows, payout)
    carried, left, reason = 0, 0, ""
    kept = find_closing(span.payouts)
    if span.carried is not None and not span.is_first:
        carried, reason = span.carried, "balance_chain_break"
    elif span.carried is not None:
        # Only the entries before the data tell what this balance is.
        reason = "entries_before"
    else:
        reason = "entries_missing"
    if carried:
        parts.insert(0, (CARRIED, 1, carried))
    if kept:
        parts.append((KEPT_BACK, 1, -kept))
    left = payout.amount - sum(amount for _, _, amount in parts)
    days = [row["ledger_date"] for row in rows]
    return PayoutExplanation(
        span.ledger_id,
        payout.msn,
        payout.number,
        span.currency,
        payout.amount,
        min(days) if after is None else min(days[0], after + timedelta(days=1)),
        payout.day,
        pl.DataFrame(parts, schema=PART_TYPES, orient="row"),
        pl.DataFrame(rows, schema=ENTRY_TYPES),
        left,
        reason if left else "",
    )


def _collect_entries(
    entries: LazyFrame, currency: str, after: date | None, last: date
) -> list[dict[str, Any]]:
    """Return the entries of the dates of a payout, both topics, oldest first."""
    day = nw.col("ledger_date")
    chosen = entries.filter((nw.col("currency") == currency) & (day <= nw.lit(last)))
    if after is not None:
        chosen = chosen.filter(day > nw.lit(after))
    rows = collect_rows(chosen.select(*_ENTRY_COLUMNS, "source_row"))
    rows.sort(
        key=lambda row: (
            row["ledger_date"],
            row["topic"] != "funds",
            row["entry_type"] in PAYOUT_TYPES,
            row["source_row"] or 0,
            row["psp_reference"] or "",
            row["entry_type"],
            row["amount_minor"],
        )
    )
    return [
        {name: _find_part(row) if name == "part" else row[name] for name in ENTRY_TYPES}
        for row in rows
    ]


def _find_part(row: dict[str, Any]) -> str:
    if row["topic"] != "funds":
        return ""
    if row["entry_type"] in PAYOUT_TYPES:
        return OTHER_PAYOUTS
    return PART_BY_TYPE.get(row["entry_type"], UNKNOWN_TYPES)


def _sum_parts(rows: list[dict[str, Any]], payout: PayoutEntry) -> list[tuple[str, int, int]]:
    """Return part, rows and amount, in the order of the bridge; the payout itself is left out."""
    order = (*dict.fromkeys(PART_BY_TYPE.values()), UNKNOWN_TYPES, OTHER_PAYOUTS)
    sums = dict.fromkeys(order, (0, 0))
    for row in rows:
        if row["part"]:
            count, amount = sums[row["part"]]
            sums[row["part"]] = (count + 1, amount + row["amount_minor"])
    count, amount = sums[OTHER_PAYOUTS]
    sums[OTHER_PAYOUTS] = (count - 1, amount + payout.amount)
    return [(part, *found) for part, found in sums.items() if found[0]]
