"""Take the payouts, and the bank lines that may be payouts, out of their frames."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from vippsrecon.reconciliation.payouts_bank.accounts import normalize_account
from vippsrecon.reconciliation.payouts_bank.texts import LineText, normalize_text, read_line_text

_POSSIBLE_TEXT = (
    r"(?i)vipps|mobile\s?pay|utb|udb|tility|maksuer|settlement|payout|oppgj|afregn|\d[\d\s]{17,}\d"
)
"""Words and numbers that a line has if its text can be a payout's, besides the payouts' own numbers."""


CHECKSUM_LENGTH = 12


class PayoutRow(NamedTuple):
    """One payout; `copy` counts rows with one ledger and number, from 0."""

    ledger_id: str
    number: str
    msn: str
    ledger_date: date
    currency: str
    amount: int
    expected_date: date | None
    status: str
    account: str
    bank_text: str
    copy: int = 0

    @property
    def row_key(self) -> str:
        """The key of its row in buckets."""
        return f"{self.ledger_id}:{self.number}"

    @property
    def is_sent(self) -> bool:
        """Whether money is to arrive: it was not aborted, and nothing is owed to Vipps MobilePay."""
        return self.status != "aborted" and self.amount > 0


class BankLine(NamedTuple):
    """One line of a bank account whose text may be a payout's.

    `identity` tells it from all others, and is the same in every file that shows the line: a statement
    that is downloaded again has another name, more lines and other rows, and decisions must stay.
    """

    source_file: str
    source_row: int
    booked_date: date
    account: str
    currency: str
    amount: int
    text: LineText
    identity: str = ""

    @property
    def row_key(self) -> str:
        """The key of its row in buckets."""
        return f"{self.source_file}:{self.source_row}"


def list_payouts(payouts: pl.DataFrame) -> list[PayoutRow]:
    """Return the payouts of a frame, oldest first, in the same order for any order of rows."""
    rows = [
        PayoutRow(
            row["ledger_id"],
            row["payout_number"],
            row["msn"],
            row["ledger_date"],
            row["currency"],
            row["amount_minor"],
            row["expected_bank_date"],
            row["status"],
            normalize_account(row["account"]),
            normalize_text(row["bank_text"] or ""),
        )
        for row in payouts.iter_rows(named=True)
    ]
    rows.sort(key=lambda row: (row.ledger_date, row.ledger_id, *map(str, row)))
    copies: Counter[str] = Counter()
    numbered = []
    for row in rows:
        numbered.append(row._replace(copy=copies[row.row_key]))
        copies[row.row_key] += 1
    return numbered


def list_possible_lines(
    bank_lines: pl.DataFrame, payouts: Sequence[PayoutRow]
) -> tuple[list[BankLine], pl.DataFrame]:
    """Return the lines whose text may be a payout's, oldest first, and all other lines."""
    text = pl.col("text")
    possible = text.str.contains(_POSSIBLE_TEXT)
    written = sorted({value for row in payouts for value in (row.number, row.bank_text) if value})
    if written:
        plain = text.str.to_lowercase().str.replace_all(r"\s+", " ")
        possible = possible | plain.str.contains_any(written)
    marked = bank_lines.with_columns(possible=possible)
    rows = marked.filter("possible").sort(
        "booked_date", "source_file", "source_row", "amount_minor"
    )
    lines = [
        BankLine(
            row["source_file"],
            row["source_row"],
            row["booked_date"],
            normalize_account(row["account"]),
            row["currency"],
            row["amount_minor"],
            read_line_text(row["text"]),
            identity,
        )
        for row, identity in zip(
            rows.iter_rows(named=True),
            _identify(rows, Counter(bank_lines["bank_reference"].to_list())),
            strict=True,
        )
    ]
    return lines, marked.filter(~pl.col("possible")).drop("possible")


def _identify(rows: pl.DataFrame, references: Counter[str]) -> list[str]:
    """Return the bank's reference of each line, or else a checksum with a number among equal lines.

    `references` counts those of all lines: which of the others may be a payout depends on the payouts.
    """
    copies: Counter[str] = Counter()
    identities = []
    for row in rows.iter_rows(named=True):
        reference = row["bank_reference"]
        if not reference or references[reference] > 1:
            facts = (
                normalize_account(row["account"]),
                row["booked_date"],
                row["currency"],
                row["amount_minor"],
                normalize_text(row["text"]),
            )
            joined = "\n".join(map(str, facts))
            checksum = hashlib.sha256(joined.encode("utf-8")).hexdigest()[:CHECKSUM_LENGTH]
            copies[checksum] += 1
            reference = f"{row['booked_date']}:{checksum}:{copies[checksum]}"
        identities.append(reference)
    return identities


def list_known_numbers(payouts: Iterable[PayoutRow]) -> dict[str, list[int]]:
    """Return the positions of the payouts with each number."""
    positions: dict[str, list[int]] = {}
    for position, payout in enumerate(payouts):
        positions.setdefault(payout.number, []).append(position)
    return positions
