"""Read the files that show money on its way to the bank, and check what they cover.

    settlement files or a ledger folder ──► entries, payouts ──┐
    bank statements ──────────────────────► bank lines ────────┤
    what an earlier run stored of both ────────────────────────┴──► MoneyFiles

What is missing makes the run incomplete (a `Gap`), because nothing can be said about it. What only
has to be checked is a notice. A row that several files show is one row; the readers see to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.config.settings import Settings
from vippsrecon.errors import InputError
from vippsrecon.sources.bank import BankFiles, read_bank_files
from vippsrecon.sources.bank.csv.profiles import read_bank_mapping
from vippsrecon.sources.files.detect import compute_file_sha256
from vippsrecon.sources.input_paths import Named, list_paths, refuse_repeated_names
from vippsrecon.texts import say
from vippsrecon.workflow.coverage import Gap
from vippsrecon.workflow.inputs.ledger_source import (
    LedgerSource,
    Period,
    check_coverage,
    describe_coverage,
    read_ledger_source,
    read_settlement_source,
    refuse_unreadable,
)
from vippsrecon.workflow.inputs.statement_checks import check_statements
from vippsrecon.workflow.inputs.stored_money import (
    StoredMoney,
    list_contracts,
    open_stored_money,
)
from vippsrecon.workflow.references import stack_frames


class MoneyPaths(NamedTuple):
    """The files of money that a run is given.

    Attributes:
        ledger: Folder written by `vippsrecon ledger`.
        settlement: Settlement files, in place of the ledger.
        bank: Bank statements.
        bank_mapping: The user's own columns of a bank's CSV.
        stored: The `report.data/` of the run that is repeated, which may hold all of it.
    """

    ledger: Path | str | None = None
    settlement: Sequence[Path | str] = ()
    bank: Sequence[Path | str] = ()
    bank_mapping: Path | str | None = None
    stored: Path | str | None = None

    @property
    def has_ledger(self) -> bool:
        """Whether a ledger folder or settlement files are given."""
        return self.ledger is not None or bool(self.settlement)


class MoneyFiles(NamedTuple):
    """What the files of a run show of money on its way to the bank.

    Attributes:
        ledger: Entries and payouts; None: neither settlement files nor a ledger folder were given.
        bank: The statements; None: none were given.
        gaps: Why the run is incomplete.
        notices: Sentences for the report's cover.
        mapping: SHA-256 by name of the mapping of statements.
        has_own_payments: Whether the payments of the run that is repeated were those of the entries.
    """

    ledger: LedgerSource | None = None
    bank: BankFiles[pl.DataFrame] | None = None
    gaps: tuple[Gap, ...] = ()
    notices: tuple[str, ...] = ()
    mapping: Mapping[str, str] = MappingProxyType({})
    has_own_payments: bool = False

    @property
    def entries(self) -> pl.DataFrame | None:
        """`schemas.LEDGER_ENTRIES`; None where there is no ledger."""
        return None if self.ledger is None else self.ledger.entries

    @property
    def payouts(self) -> pl.DataFrame | None:
        """`schemas.PAYOUTS`; None where there is no ledger."""
        return None if self.ledger is None else self.ledger.payouts

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
        return own | {file.name: file.sha256 for file in statements} | dict(self.mapping)

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
            "payouts": self.payouts,
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
        paths: The files. Those that are given are used in place of what is stored.
        settings: Sales units, for the days on which their banks are open; fee contracts.
        period: First and last day that is reconciled; None: no limit.
        msns: Sales units that have orders.
        others: Other files of the run, whose names must differ.
        cutoff: The day of a cut-off pack, which needs a ledger.

    Raises:
        SourceError: A file cannot be used.
        InputError: Of a kind of file, no row could be read; a ledger is given twice, or is missing for
            the cut-off; what is stored was changed.
    """
    if paths.settlement and paths.ledger is not None:
        raise InputError(
            "--ledger contradicts --settlement: each has the ledger's entries, which would count "
            "twice. Use either."
        )
    stored = _open_stored(paths)
    money = _read_given_files(paths, settings)
    if stored is not None:
        money = _add_stored(money, stored, settings)
    if cutoff is not None and money.ledger is None:
        raise InputError(
            "--cutoff needs the ledger: give --ledger, the folder that vippsrecon ledger wrote, or "
            "--settlement, the settlement files."
        )
    statements = () if money.bank is None else money.bank.files
    ledger_names = () if money.ledger is None else money.ledger.inputs
    refuse_repeated_names([*others, *statements, *map(Path, ledger_names)])
    problems: list[Gap | str] = []
    if money.ledger is not None:
        problems += check_coverage(money.ledger, period, msns)
    if money.bank is not None:
        payouts = None if money.ledger is None else money.ledger.payouts
        problems += check_statements(money.bank, payouts, period)
    return money._replace(
        gaps=tuple(problem for problem in problems if isinstance(problem, Gap)),
        notices=(
            *money.notices,
            *(problem for problem in problems if isinstance(problem, str)),
        ),
    )


def _read_given_files(paths: MoneyPaths, settings: Settings) -> MoneyFiles:
    settlement = list_paths(paths.settlement, "settlement files") if paths.settlement else []
    statements = list_paths(paths.bank, "bank statements") if paths.bank else []
    refuse_repeated_names([*settlement, *statements])
    ledger = None
    if paths.ledger is not None:
        ledger = read_ledger_source(Path(paths.ledger), settings)
    elif settlement:
        ledger = read_settlement_source(settlement, settings)
    if not statements:
        if paths.bank_mapping is not None:
            raise InputError("--bank-mapping names columns of --bank, and no statement is given.")
        return MoneyFiles(ledger)
    mapping = None if paths.bank_mapping is None else Path(paths.bank_mapping)
    profile = None if mapping is None else read_bank_mapping(mapping)
    bank = read_bank_files(statements, profile=profile)
    refuse_unreadable(bank.lines, bank.rejects)
    hashes = {} if mapping is None else {mapping.name: compute_file_sha256(mapping)}
    return MoneyFiles(ledger, bank, mapping=hashes)


def _open_stored(paths: MoneyPaths) -> StoredMoney | None:
    if paths.stored is None:
        return None
    try:
        return open_stored_money(Path(paths.stored))
    except InputError:
        # With a ledger given, nothing of it is used.
        if paths.has_ledger:
            return None
        raise


def _add_stored(given: MoneyFiles, stored: StoredMoney, settings: Settings) -> MoneyFiles:
    """Take from the run that is repeated what is not given, and say what is not used of it.

    Its bank lines are used with its own ledger only: a line whose text names none of its payouts has no
    text, and another ledger may have that payout.
    """
    facts, folder = stored.facts, stored.folder.name
    notices = []
    money = given._replace(has_own_payments=facts.has_own_payments)
    if given.ledger is None:
        money = money._replace(ledger=stored.read_ledger())
        if given.bank is not None and money.ledger is not None:
            files = ", ".join(money.ledger.inputs)
            notices.append(say("money_files.stored_ledger", folder=folder, files=files))
    elif facts.ledger is not None and not _are_same(facts.ledger.inputs, given.ledger.inputs):
        notices.append(say("money_files.stored_ledger_replaced", folder=folder))
    if facts.bank is not None:
        own = {file.name: file.sha256 for file in facts.bank.files}
        if given.bank is None and given.ledger is None:
            money = money._replace(bank=stored.read_bank(), mapping=facts.bank.mapping)
        elif given.bank is None:
            notices.append(say("money_files.stored_bank_unused", folder=folder))
        elif not _are_same(own, {file.name: file.sha256 for file in given.bank.files}):
            notices.append(say("money_files.stored_bank_replaced", folder=folder))
    if money.ledger is not None and facts.contracts != list_contracts(settings.fee_contracts):
        notices.append(say("money_files.contracts_changed", folder=folder))
    return money._replace(notices=tuple(notices))


def _are_same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether files have the same content, whatever their names."""
    return sorted(one.values()) == sorted(other.values())
