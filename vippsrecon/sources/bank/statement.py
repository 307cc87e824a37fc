"""What the readers of bank statements give: the lines of each file, its statements, a summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.sources.files_view import Tile, describe_files, render_files
from vippsrecon.texts import format_spaced_money, format_spaced_number, say

LINE_COLUMNS = schemas.polars_schema(schemas.BANK_LINES)
"""Columns and types of `schemas.BANK_LINES`."""

PARSED_COLUMNS = LINE_COLUMNS | {"statement": pl.Int64, "reversal": pl.Boolean}
"""The same, with the number of the statement in its file, and whether the line is a reversal."""


class Statement(NamedTuple):
    """One statement: one account in one currency, over some days.

    Attributes:
        source_file: Name of the file.
        number: Its position in the file, from 1.
        identification: The bank's name of it; None where the file has none.
        sequence: The bank's number of it; a gap means that a statement is missing.
        account: The account, as in `bank_lines`.
        currency: Currency of its lines and balances.
        opening_minor: Booked balance before its first line; None where the file does not state it.
        closing_minor: Booked balance after its last line; None where the file does not state it.
        first_date: First day it covers, else the day of its first line.
        last_date: Last day it covers, else the day of its last line.
        moved_minor: Sum of its booked lines.
    """

    source_file: str
    number: int
    identification: str | None
    sequence: int | None
    account: str | None
    currency: str
    opening_minor: int | None
    closing_minor: int | None
    first_date: date | None
    last_date: date | None
    moved_minor: int

    @property
    def unexplained_minor(self) -> int | None:
        """Closing balance less opening balance and lines; 0 if it foots, None if not stated."""
        if self.opening_minor is None or self.closing_minor is None:
            return None
        return self.closing_minor - self.opening_minor - self.moved_minor


@dataclass(frozen=True)
class ParsedFile:
    """One file of statements, before it is compared with others.

    Attributes:
        name: Name of the file.
        format: "camt.053", or the name of a profile.
        encoding: Encoding of a text file; "" for a workbook and for XML.
        rows: Entries or rows of the file.
        lines: Booked lines, with `PARSED_COLUMNS`.
        provisional: Lines that are not booked yet, with the same columns; the day may be null.
        rejects: `schemas.REJECTS`.
        statements: In the order of the file.
        notes: Sentences on the file.
    """

    name: str
    format: str
    encoding: str
    rows: int
    lines: pl.DataFrame
    provisional: pl.DataFrame
    rejects: pl.DataFrame
    statements: tuple[Statement, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class BankFileSummary:
    """Summary of one file, as it was read.

    Attributes:
        name: Name of the file, without its folder.
        sha256: SHA-256 of its bytes.
        kind: "bank".
        format: "camt.053", or the name of a profile.
        encoding: Encoding of a text file; "" for a workbook and for XML.
        rows: Entries or rows of the file.
        entries: Booked lines.
        provisional: Lines that are not booked yet.
        rejected: Rows that became rejects.
        period: First and last day of its statements; None where it has neither days nor lines.
        totals: Currency to `entries`, `credits_minor`, `debits_minor` (both positive),
            `opening_minor`, `closing_minor` (None where not stated), and a list of the same under
            `accounts` if there are several.
        accounts: The accounts it names.
        notes: Sentences on what is missing, repeated or unusual.
    """

    name: str
    sha256: str
    kind: str
    format: str
    encoding: str
    rows: int
    entries: int
    provisional: int
    rejected: int
    period: tuple[date, date] | None
    totals: dict[str, dict[str, Any]]
    accounts: tuple[str, ...]
    notes: tuple[str, ...]


class BankFiles(NamedTuple, Generic[schemas.FrameT]):
    """Bank statements read.

    Attributes:
        lines: `schemas.BANK_LINES`: each booked line once, whatever number of files show it.
        provisional: Lines that no file shows as booked yet, with the same columns.
        rejects: `schemas.REJECTS`.
        statements: The statements of all files.
        files: One summary per file.
        notes: Sentences on the files together: gaps, repeated lines, other accounts.
    """

    lines: schemas.FrameT
    provisional: schemas.FrameT
    rejects: schemas.FrameT
    statements: tuple[Statement, ...]
    files: tuple[BankFileSummary, ...]
    notes: tuple[str, ...]

    @property
    def days(self) -> dict[str, tuple[date, date]]:
        """First and last day that the statements of each account cover.

        An account that a file does not name is "". This is the `statement_days` of `reconcile`.
        """
        days: dict[str, tuple[date, date]] = {}
        for statement in self.statements:
            if statement.first_date is None or statement.last_date is None:
                continue
            account = statement.account or ""
            first, last = days.get(account, (statement.first_date, statement.last_date))
            days[account] = min(first, statement.first_date), max(last, statement.last_date)
        return days

    def __repr__(self) -> str:
        """Describe the files in one line, without the frames."""
        entries = sum(file.entries for file in self.files)
        return describe_files("BankFiles", self.files, entries, "line")

    def _repr_html_(self) -> str:
        files = [(file, file.entries) for file in self.files]
        return render_files("lines_read", files, _list_tiles, self.notes)


def _list_tiles(sums: Mapping[str, Any], currency: str) -> list[Tile]:
    names = ("credits_minor", "debits_minor", "opening_minor", "closing_minor")
    return [
        (say("files.lines"), format_spaced_number(sums["entries"]), currency),
        *(
            (say(f"files.{name}"), say("files.unknown"), say("files.not_in_file"))
            if sums[name] is None
            else (say(f"files.{name}"), format_spaced_money(sums[name], currency), "")
            for name in names
        ),
    ]
