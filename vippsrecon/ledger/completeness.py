"""Prove that no entry of a ledger is missing, for each ledger and topic.

Three things prove it: each entry begins with the balance that the one before ends with, the numbers of
the payouts follow one another, and the Report API states of each date that no more entries follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.ledger.payouts import list_payout_numbers
from vippsrecon.texts import format_money, say
from vippsrecon.vipps_rules import PAYOUT_TYPES

COMPLETE, INCOMPLETE, OPEN_DATES, NOT_PROVEN = "complete", "incomplete", "open_dates", "not_proven"

MAX_NUMBERS_LISTED = 10
_TOPIC_KEY = ["ledger_id", "topic"]


class ReadTopic(NamedTuple):
    """One topic of a ledger that was read.

    Attributes:
        ledger_id: The ledger.
        msn: Its sales unit.
        topic: funds or fees.
        currency: Its currency.
        open_dates: Dates to which entries may still be added, in order.
    """

    ledger_id: str
    msn: str
    topic: str
    currency: str
    open_dates: Sequence[date] = ()


def check_completeness(
    ledger_entries: Any, topics: Iterable[ReadTopic], first: date, last: date
) -> pl.DataFrame:
    """Check whether entries of a period are all that the ledgers have.

    Args:
        ledger_entries: `schemas.LEDGER_ENTRIES` in the order in which they were read. Not changed.
        topics: What was read, also where it has no entries.
        first: First ledger date that was read.
        last: Last ledger date, included.

    Returns:
        `schemas.LEDGER_COMPLETENESS`, one row per topic, in order of ledger.
    """
    entries = schemas.to_polars(ledger_entries, schemas.LEDGER_ENTRIES)
    # Stable: within a date the order of reading is that of the ledger.
    by_topic = entries.sort("ledger_date", maintain_order=True).partition_by(
        _TOPIC_KEY, as_dict=True, maintain_order=True
    )
    rows = [
        _check_topic(by_topic.get((topic.ledger_id, topic.topic), entries.clear()), topic)
        for topic in sorted(topics, key=lambda topic: (topic.ledger_id, topic.topic != "funds"))
    ]
    period = {"first_date": first, "last_date": last}
    types = schemas.polars_schema(schemas.LEDGER_COMPLETENESS)
    frame = pl.DataFrame([row | period for row in rows], schema=types)
    return schemas.cast_to_schema(frame, schemas.LEDGER_COMPLETENESS)


def is_complete(completeness: pl.DataFrame) -> bool:
    """Return whether every ledger and topic is complete. Nothing read is not complete."""
    return bool(len(completeness)) and bool((completeness["verdict"] == COMPLETE).all())


def describe_completeness(completeness: pl.DataFrame) -> list[str]:
    """Return sentences on each ledger and topic, in the language of the report.

    One sentence each, but two where both the balance and the numbers of payouts have a gap.
    """
    rows = completeness.iter_rows(named=True)
    return [sentence for row in rows for sentence in _describe_topic(row)]


def _check_topic(entries: pl.DataFrame, topic: ReadTopic) -> dict[str, Any]:
    chain = _check_chain(entries)
    payouts = _check_numbers(entries) if topic.topic == "funds" else {}
    is_broken = chain["broken_entry"] is not None or payouts.get("missing_payouts")
    if is_broken:
        verdict = INCOMPLETE
    elif topic.open_dates:
        verdict = OPEN_DATES
    elif chain["entries_without_balance"]:
        verdict = NOT_PROVEN
    else:
        verdict = COMPLETE
    return {
        "ledger_id": topic.ledger_id,
        "msn": topic.msn,
        "topic": topic.topic,
        "currency": topic.currency,
        "verdict": verdict,
        "entries": len(entries),
        **chain,
        **({"payouts": 0} | payouts),
        "open_dates": len(topic.open_dates),
        "first_open_date": min(topic.open_dates, default=None),
        "last_open_date": max(topic.open_dates, default=None),
    }


def _check_chain(entries: pl.DataFrame) -> dict[str, Any]:
    """Find the first entry that does not begin where the one before ended, or does not foot."""
    before, after = pl.col("balance_before_minor"), pl.col("balance_after_minor")
    expected = after.shift(1)
    foots = before + pl.col("amount_minor")
    checked = entries.with_row_index("entry", offset=1).select(
        pl.col("entry").cast(pl.Int64),
        "ledger_date",
        is_unknown=before.is_null() | after.is_null(),
        # An entry whose own balances do not foot breaks the chain at its end.
        expected=pl.when(expected != before).then(expected).otherwise(foots),
        actual=pl.when(expected != before).then(before).otherwise(after),
        is_broken=((expected != before).fill_null(value=False))
        | ((foots != after).fill_null(value=False)),
    )
    broken = checked.filter("is_broken").head(1).rows(named=True)
    first = broken[0] if broken else {}
    balances = entries.select(before, after).rows()
    return {
        "entries_without_balance": int(checked["is_unknown"].sum()),
        "broken_entry": first.get("entry"),
        "broken_date": first.get("ledger_date"),
        "expected_balance_minor": first.get("expected"),
        "actual_balance_minor": first.get("actual"),
        "opening_balance_minor": balances[0][0] if balances else None,
        "closing_balance_minor": balances[-1][1] if balances else None,
    }


def _check_numbers(entries: pl.DataFrame) -> dict[str, Any]:
    """Find the numbers that are missing between the first and the last payout."""
    texts = list_payout_numbers(entries.filter(pl.col("entry_type").is_in(PAYOUT_TYPES)))
    numbers = sorted({int(text) for text in texts if text.isdecimal()})
    # The gaps are listed from pair to pair: two numbers may be far apart.
    gaps = [(one + 1, other - 1) for one, other in pairwise(numbers) if other > one + 1]
    return {
        "payouts": len(texts),
        "first_payout_number": str(numbers[0]) if numbers else None,
        "last_payout_number": str(numbers[-1]) if numbers else None,
        "missing_payouts": _format_gaps(gaps) or None,
    }


def _format_gaps(gaps: Sequence[tuple[int, int]]) -> str:
    """Return numbers that are missing, as text.

    >>> _format_gaps([(2000003, 2000003), (2000007, 2000009)])
    '2000003, 2000007-2000009'
    """
    listed = [
        str(first) if first == last else f"{first}-{last}"
        for first, last in gaps[:MAX_NUMBERS_LISTED]
    ]
    return ", ".join([*listed, *(["…"] if len(gaps) > MAX_NUMBERS_LISTED else [])])


def _describe_topic(row: dict[str, Any]) -> list[str]:
    names = {
        "ledger": row["ledger_id"],
        "topic": say(f"ledger_proof.topic_{row['topic']}"),
        "first": row["first_date"],
        "last": row["last_date"],
        "entries": say("ledger_proof.entries", count=row["entries"]),
    }
    sentences = []
    if row["broken_entry"] is not None:
        sentences.append(
            say(
                "ledger_proof.broken",
                **names,
                number=row["broken_entry"],
                day=row["broken_date"],
                expected=format_money(row["expected_balance_minor"], row["currency"]),
                actual=format_money(row["actual_balance_minor"], row["currency"]),
            )
        )
    if row["missing_payouts"]:
        sentences.append(
            say("ledger_proof.payouts_missing", **names, numbers=row["missing_payouts"])
        )
    if row["verdict"] == OPEN_DATES:
        sentences.append(
            say(
                "ledger_proof.open",
                **names,
                count=row["open_dates"],
                from_day=row["first_open_date"],
                to_day=row["last_open_date"],
            )
        )
    if row["verdict"] == NOT_PROVEN:
        sentences.append(
            say("ledger_proof.not_proven", **names, count=row["entries_without_balance"])
        )
    return sentences or [say(f"ledger_proof.complete_{row['topic']}", **names)]
