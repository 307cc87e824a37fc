"""Read the files that show money on its way to the bank, and check what they cover.

    settlement files or a ledger folder ──► entries, payouts ──┐
    bank statements ──────────────────────► bank lines ────────┴──► MoneyFiles

What is missing makes the run incomplete (a `Gap`), because nothing can be said about it. What only
has to be checked is a notice. A row that several files show is one row; the readers see to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.config.settings import Settings
from vippsrecon.errors import InputError
from vippsrecon.sources.bank import BankFiles, read_bank_files
from vippsrecon.sources.bank.csv.profiles import read_bank_mapping
from vippsrecon.sources.input_paths import Named, list_paths, refuse_repeated_names
from vippsrecon.workflow.coverage import Gap
from vippsrecon.workflow.inputs.ledger_source import (
    LedgerSource,
    Period,
    describe_coverage,
    read_ledger_source,
    read_settlement_source,
    refuse_unreadable,
)
from vippsrecon.workflow.inputs.statement_checks import check_statements
from vippsrecon.workflow.references import stack_frames


class MoneyPaths(NamedTuple):
    """The files of money that a run is given.

    Attributes:
        ledger: Folder written by `vippsrecon ledger`.
        settlement: Settlement files, in place of the ledger.
        bank: Bank statements.
        bank_mapping: The user's own columns of a bank's CSV.
    """

    ledger: Path | str | None = None
    settlement: Sequence[Path | str] = ()
    bank: Sequence[Path | str] = ()
    bank_mapping: Path | str | None = None


class MoneyFiles(NamedTuple):
    """What the files of a run show of money on its way to the bank.

    Attributes:
        ledger: Entries and payouts; None: neither settlement files nor a ledger folder were given.
        bank: The statements; None: none were given.
        gaps: Why the run is incomplete.
        notices: Sentences for the report's cover.
    """

    ledger: LedgerSource | None = None
    bank: BankFiles[pl.DataFrame] | None = None
    gaps: tuple[Gap, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def entries(self) -> pl.DataFrame | None:
        """`schemas.LEDGER_ENTRIES`; None where there is no ledger."""
        return None if self.ledger is None else self.ledger.entries

    @property
    def rejects(self) -> pl.DataFrame:
        """`schemas.REJECTS` of all files."""
        parts = [part.rejects for part in (self.ledger, self.bank) if part is not None]
        return stack_frames(parts, schemas.REJECTS)

    @property
    def inputs(self) -> dict[str, str]:
        """SHA-256 by file name."""
        statements = () if self.bank is None else self.bank.files
        own = {} if self.ledger is None else self.ledger.inputs
        return own | {file.name: file.sha256 for file in statements}

    @property
    def notes(self) -> list[str]:
        """What the readers say of each file, and of rows that several files show."""
        notes = [] if self.ledger is None else list(self.ledger.notes)
        if self.bank is not None:
            notes += [f"{file.name}: {note}" for file in self.bank.files for note in file.notes]
            notes += [note for note in self.bank.notes if "counted once" in note]
        return notes

    def list_arguments(self) -> dict[str, Any]:
        """Return the arguments of `reconcile` that are about money on its way to the bank."""
        bank = self.bank
        return {
            "ledger_entries": self.entries,
            "ledger_days": None if self.ledger is None else self.ledger.days,
            "payouts": None if self.ledger is None else self.ledger.payouts,
            "bank_lines": None if bank is None else bank.lines,
            "statement_days": None if bank is None else bank.days,
        }

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says of these files; nothing where there are none."""
        coverage = {} if self.ledger is None else dict(self.ledger.coverage)
        for file in () if self.bank is None else self.bank.files:
            if file.period is not None:
                coverage[file.name] = describe_coverage("bank", *file.period)
        facts: dict[str, Any] = {"money_files": coverage} if coverage else {}
        if self.ledger is not None:
            facts["ledger_completeness"] = [
                {
                    name: str(value) if isinstance(value, date) else value
                    for name, value in row.items()
                }
                for row in self.ledger.completeness.iter_rows(named=True)
            ]
        return facts


def read_money_files(
    paths: MoneyPaths,
    settings: Settings,
    *,
    period: Period = (None, None),
    msns: frozenset[str] = frozenset(),
    others: Sequence[Named] = (),
    cutoff: date | None = None,
) -> MoneyFiles:
    """Read ledger and bank statements, and say what they do not cover.

    Args:
        paths: The files.
        settings: Sales units, for the days on which their banks are open.
        period: First and last day that is reconciled; None: no limit.
        msns: Sales units that have orders.
        others: Other files of the run, whose names must differ.
        cutoff: The day of a cut-off pack, which needs a ledger.

    Raises:
        SourceError: A file cannot be used.
        InputError: Of a kind of file, no row could be read; a ledger is given twice, or is missing for
            the cut-off.
    """
    settlement = list_paths(paths.settlement, "settlement files") if paths.settlement else []
    statements = list_paths(paths.bank, "bank statements") if paths.bank else []
    refuse_repeated_names([*settlement, *statements])
    if settlement and paths.ledger is not None:
        raise InputError(
            "--ledger contradicts --settlement: each has the ledger's entries, which would count "
            "twice. Use either."
        )
    if cutoff is not None and not settlement and paths.ledger is None:
        raise InputError(
            "--cutoff needs the ledger: give --ledger, the folder that vippsrecon ledger wrote, or "
            "--settlement, the settlement files."
        )
    ledger = None
    if paths.ledger is not None:
        ledger = read_ledger_source(Path(paths.ledger), settings, period, msns)
    elif settlement:
        ledger = read_settlement_source(settlement, settings, period, msns)
    bank = None
    problems: list[Gap | str] = []
    if statements:
        mapping = None if paths.bank_mapping is None else Path(paths.bank_mapping)
        profile = None if mapping is None else read_bank_mapping(mapping)
        bank = read_bank_files(statements, profile=profile)
        refuse_unreadable(bank.lines, bank.rejects)
        problems += check_statements(bank, None if ledger is None else ledger.payouts, period)
    elif paths.bank_mapping is not None:
        raise InputError("--bank-mapping names columns of --bank, and no statement is given.")
    refuse_repeated_names([*others, *settlement, *statements])
    own_gaps, own_notices = ((), ()) if ledger is None else (ledger.gaps, ledger.notices)
    return MoneyFiles(
        ledger,
        bank,
        (*own_gaps, *(problem for problem in problems if isinstance(problem, Gap))),
        (*own_notices, *(problem for problem in problems if isinstance(problem, str))),
    )
