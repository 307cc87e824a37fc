"""Read the files that show money on its way to the bank, and check what they cover.

    settlement files ──► entries, payouts ──┐
    bank statements ───► bank lines ────────┴──► MoneyFiles: frames, hashes, what is missing

What is missing makes the run incomplete (a `Gap`), because nothing can be said about it. What only
has to be checked is a notice. A row that several files show is one row; the readers see to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.errors import InputError
from vippsrecon.money import format_count
from vippsrecon.sources.bank import BankFiles, read_bank_files
from vippsrecon.sources.bank.csv.profiles import read_bank_mapping
from vippsrecon.sources.input_paths import list_paths, refuse_repeated_names
from vippsrecon.sources.rejects import Reject
from vippsrecon.sources.settlement import SettlementFiles, read_settlement_files
from vippsrecon.texts import say
from vippsrecon.workflow.coverage import MAX_QUIET_START, Gap
from vippsrecon.workflow.inputs.statement_checks import (
    check_statements,
    collect_statement_days,
    format_days,
)
from vippsrecon.workflow.references import stack_frames

if TYPE_CHECKING:
    from vippsrecon.sources.bank import BankFileSummary
    from vippsrecon.sources.settlement import SettlementFileSummary

Period = tuple[date | None, date | None]


class MoneyFiles(NamedTuple):
    """What the files of a run show of money on its way to the bank. None: no such file was given.

    Attributes:
        entries: `schemas.LEDGER_ENTRIES`.
        payouts: `schemas.PAYOUTS`.
        lines: `schemas.BANK_LINES`.
        statement_days: Account to the first and last day that its statements cover; "" for an
            account that no file names.
        rejects: `schemas.REJECTS`.
        gaps: Why the run is incomplete.
        notices: Sentences for the report's cover.
        notes: What the readers say of each file.
        files: One summary per file.
    """

    entries: pl.DataFrame | None
    payouts: pl.DataFrame | None
    lines: pl.DataFrame | None
    statement_days: dict[str, tuple[date, date]] | None
    rejects: pl.DataFrame
    gaps: tuple[Gap, ...] = ()
    notices: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[SettlementFileSummary | BankFileSummary, ...] = ()

    @property
    def inputs(self) -> dict[str, str]:
        """SHA-256 by file name."""
        return {file.name: file.sha256 for file in self.files}

    @property
    def coverage(self) -> dict[str, dict[str, str]]:
        """Kind, first and last day by file name."""
        return {file.name: _describe_coverage(file) for file in self.files if file.period}


def read_money_files(
    settlement: Sequence[Path | str] = (),
    bank: Sequence[Path | str] = (),
    *,
    bank_mapping: Path | str | None = None,
    period: Period = (None, None),
    msns: frozenset[str] = frozenset(),
) -> MoneyFiles:
    """Read settlement files and bank statements, and say what they do not cover.

    Args:
        settlement: Settlement files of Vipps MobilePay, in any of their forms.
        bank: Bank statements.
        bank_mapping: The user's own columns of a bank's CSV.
        period: First and last day that is reconciled; None: no limit.
        msns: Sales units that have orders.

    Raises:
        SourceError: A file cannot be used.
        InputError: Of a kind of file, no row could be read.
    """
    paths = [
        *(list_paths(settlement, "settlement files") if settlement else []),
        *(list_paths(bank, "bank statements") if bank else []),
    ]
    refuse_repeated_names(paths)
    settled = read_settlement_files([Path(path) for path in settlement]) if settlement else None
    profile = None if bank_mapping is None else read_bank_mapping(Path(bank_mapping))
    stated = read_bank_files([Path(path) for path in bank], profile=profile) if bank else None
    if settled is not None:
        _refuse_unreadable(settled.entries, settled.rejects)
    if stated is not None:
        _refuse_unreadable(stated.lines, stated.rejects)
    payouts = None if settled is None else settled.payouts
    problems: list[Gap | str] = [
        *(check_entries(settled, period, msns) if settled else ()),
        *(check_statements(stated, payouts, period) if stated else ()),
    ]
    return MoneyFiles(
        None if settled is None else settled.entries,
        payouts,
        None if stated is None else stated.lines,
        None if stated is None else collect_statement_days(stated.statements),
        stack_frames([file.rejects for file in (settled, stated) if file], schemas.REJECTS),
        tuple(problem for problem in problems if isinstance(problem, Gap)),
        tuple(problem for problem in problems if isinstance(problem, str)),
        _list_notes(settled, stated),
        (*(settled.files if settled else ()), *(stated.files if stated else ())),
    )


def check_entries(
    settled: SettlementFiles[pl.DataFrame], period: Period, msns: frozenset[str]
) -> Iterator[Gap | str]:
    """Yield what the settlement files do not cover, and what is unusual about them."""
    entries = settled.entries
    if entries.is_empty():
        names = ", ".join(file.name for file in settled.files)
        yield Gap(
            say("money_files.no_entries"), say("money_files.no_entries_explained", files=names)
        )
        return
    days = entries["ledger_date"].unique().sort().to_list()
    covered = format_days(days[0], days[-1])
    if _is_outside(days[0], days[-1], period):
        yield Gap(
            say("money_files.settlement_month"),
            say(
                "money_files.settlement_month_explained",
                covered=covered,
                period=format_days(*period),
            ),
        )
    else:
        yield from _find_missing_entry_days(entries, period)
    for msn in sorted(set(entries["msn"]) - msns) if msns else ():
        yield say("money_files.other_unit", msn=msn)
    currencies = entries.group_by("ledger_id").agg(pl.col("currency").unique().sort())
    for ledger, found in currencies.sort("ledger_id").rows():
        if len(found) > 1:
            yield say("money_files.two_currencies", ledger=ledger, currencies=", ".join(found))


def _find_missing_entry_days(entries: pl.DataFrame, period: Period) -> Iterator[Gap]:
    """Find days at the start and end of the period that a ledger's entries do not reach.

    A shop may sell nothing on some days, so days are missing only if they are more than the longest
    run of days without an entry inside the files, and more than `MAX_QUIET_START`.
    """
    first, last = period
    for (ledger,), own in entries.group_by("ledger_id", maintain_order=True):
        days = own["ledger_date"].unique().sort().to_list()
        quiet = max(((b - a).days - 1 for a, b in pairwise(days)), default=0)
        limit = max(quiet, MAX_QUIET_START)
        ends = []
        if first is not None and (days[0] - first).days > limit:
            ends.append((first, days[0] - timedelta(days=1)))
        if last is not None and (last - days[-1]).days > limit:
            ends.append((days[-1] + timedelta(days=1), last))
        for start, end in ends:
            missing = format_days(start, end)
            yield Gap(
                say("money_files.entries_missing", days=missing, ledger=ledger),
                say("money_files.entries_missing_explained", days=missing, ledger=ledger),
            )


def _is_outside(first: date, last: date, period: Period) -> bool:
    start, end = period
    return (start is not None and last < start) or (end is not None and first > end)


def _refuse_unreadable(rows: pl.DataFrame, rejects: pl.DataFrame) -> None:
    if rows.height or not rejects.height:
        return
    reject = Reject(*rejects.row(0))
    raise InputError(
        f"{reject.source_file}: none of the {format_count(rejects.height, 'row')} could be read. "
        f"First problem: {reject.describe()}"
    )


def _list_notes(
    settled: SettlementFiles[pl.DataFrame] | None, stated: BankFiles[pl.DataFrame] | None
) -> tuple[str, ...]:
    """Return the readers' notes on single files, and on rows that several files show."""
    notes: list[str] = []
    for read in (settled, stated):
        if read is not None:
            notes += [f"{file.name}: {note}" for file in read.files for note in file.notes]
            notes += [note for note in read.notes if "counted once" in note]
    return tuple(notes)


def _describe_coverage(file: SettlementFileSummary | BankFileSummary) -> dict[str, str]:
    assert file.period is not None
    first, last = file.period
    return {"kind": file.kind, "first_day": first.isoformat(), "last_day": last.isoformat()}
