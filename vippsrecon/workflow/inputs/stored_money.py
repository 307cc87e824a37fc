"""Read what an earlier run stored of money on its way to the bank, so that it can be repeated.

    ledger_entries.parquet, payouts.parquet,            where a ledger was given
    ledger_completeness.parquet
    bank_lines.parquet, payout_matches.parquet          where bank statements were given
    money_rejects.parquet                               rows of these files that could not be used
    money_facts.json                                    what the files cover, and what was said of them
    money.json                                          the SHA-256 of these, written last

`month_end.saved_money` writes them. The payments of the run are beside them, or are those of the
entries where a run had no keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.errors import InputError, SourceError
from vippsrecon.fetching.ledgers.folder import LEDGER_FILE
from vippsrecon.fetching.stored_files.parquet_file import MAX_PARQUET_ROWS, read_parquet_file
from vippsrecon.fetching.stored_files.recorded_hashes import RecordedHashes
from vippsrecon.input_files import is_present, read_small_json
from vippsrecon.sources.bank import BankFiles, BankFileSummary, Statement
from vippsrecon.workflow.inputs.ledger_source import LedgerSource
from vippsrecon.workflow.saved_run import hash_payments

if TYPE_CHECKING:
    from vippsrecon.config.fee_contracts import FeeContract

MONEY_FILE, FACTS_FILE = "money.json", "money_facts.json"
ENTRIES_FILE, PAYOUTS_FILE = "ledger_entries.parquet", "payouts.parquet"
COMPLETENESS_FILE = "ledger_completeness.parquet"
LINES_FILE, MATCHES_FILE = "bank_lines.parquet", "payout_matches.parquet"
REJECTS_FILE = "money_rejects.parquet"

FRAME_FILES = {
    ENTRIES_FILE: schemas.LEDGER_ENTRIES,
    PAYOUTS_FILE: schemas.PAYOUTS,
    COMPLETENESS_FILE: schemas.LEDGER_COMPLETENESS,
    LINES_FILE: schemas.BANK_LINES,
    MATCHES_FILE: schemas.PAYOUT_MATCHES,
    REJECTS_FILE: schemas.REJECTS,
}
"""File name to what its rows are."""

FORMAT_VERSION = 1
"""Format of the facts: increased when an older version would misread them."""

_ADVICE = (
    "Repeat the run that wrote it, or give the files again: --settlement or --ledger, and --bank."
)


@dataclass(frozen=True)
class StoredLedger:
    """What `LedgerSource` has besides its frames."""

    notes: tuple[str, ...]
    inputs: dict[str, str]
    coverage: dict[str, dict[str, str]]
    environment: str
    days: dict[str, tuple[date, date]] | None
    short_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredBank:
    """What `BankFiles` has besides its frames, and the SHA-256 of a mapping by its name."""

    statements: tuple[Statement, ...]
    files: tuple[BankFileSummary, ...]
    notes: tuple[str, ...]
    mapping: dict[str, str]


@dataclass(frozen=True)
class MoneyFacts:
    """What a run knew of money besides the frames.

    Attributes:
        version: `FORMAT_VERSION`.
        payments: File name to SHA-256 of the fetch that was compared; empty where the payments are those
            of the entries.
        ledger: None where no ledger was given.
        bank: None where no statement was given.
        contracts: The fee contracts of the settings.
        rejects: Number of rejected rows of the ledger's files; the others are of the statements.
    """

    version: int
    payments: dict[str, str]
    ledger: StoredLedger | None
    bank: StoredBank | None
    contracts: list[dict[str, Any]]
    rejects: int = 0

    @property
    def has_own_payments(self) -> bool:
        """Whether the payments are those of the entries, because the run had no keys."""
        return self.ledger is not None and not self.payments


class StoredMoney:
    """The money that one run stored in its `report.data/`.

    Args:
        folder: The folder.
        facts: What it says of the frames.
        hashes: The SHA-256 of its files.
    """

    def __init__(self, folder: Path, facts: MoneyFacts, hashes: RecordedHashes) -> None:
        self.folder = folder
        self.facts = facts
        self._hashes = hashes

    def read_ledger(self) -> LedgerSource | None:
        """Return entries, payouts and the proof of completeness; None where the run had no ledger.

        Raises:
            InputError: A file is missing, damaged or was changed.
        """
        about = self.facts.ledger
        if about is None:
            return None
        return LedgerSource(
            self._read(ENTRIES_FILE),
            self._read(PAYOUTS_FILE),
            self._read(COMPLETENESS_FILE),
            self._read(REJECTS_FILE).head(self.facts.rejects),
            about.notes,
            about.inputs,
            about.coverage,
            about.environment,
            about.days,
            about.short_files,
        )

    def read_bank(self) -> BankFiles[pl.DataFrame] | None:
        """Return the bank lines; None where the run had no statements.

        Raises:
            InputError: A file is missing, damaged or was changed.
        """
        about = self.facts.bank
        if about is None:
            return None
        lines = self._read(LINES_FILE)
        rejects = self._read(REJECTS_FILE).slice(self.facts.rejects)
        return BankFiles(lines, lines.clear(), rejects, about.statements, about.files, about.notes)

    def _read(self, name: str) -> pl.DataFrame:
        try:
            return read_parquet_file(self.folder / name, FRAME_FILES[name], self._hashes)
        except SourceError as error:
            raise InputError(f"{self.folder}: {error}") from error


def open_stored_money(folder: Path) -> StoredMoney | None:
    """Return what the folder holds of money; None where its run had no such files.

    Raises:
        InputError: A file is missing, damaged or was changed, or the payments beside it are of another
            run.
    """
    hashes = _read_hashes(folder)
    if hashes is None:
        return None
    for name in hashes.list_names():
        if not is_present(folder / name):
            raise InputError(f"{folder} holds no {name}, which {MONEY_FILE} mentions. {_ADVICE}")
    facts = _read_facts(folder, hashes)
    if facts.payments and facts.payments != hash_payments(folder):
        raise InputError(
            f"{folder} does not hold the payments that its ledger and bank lines were compared with. "
            "Name the folder of the fetch with --payments, and give the files again: --settlement or "
            "--ledger, and --bank."
        )
    return StoredMoney(folder, facts, hashes)


def build_facts(
    ledger: LedgerSource | None,
    bank: BankFiles[pl.DataFrame] | None,
    *,
    mapping: Mapping[str, str],
    payments: Mapping[str, str],
    contracts: Iterable[FeeContract],
) -> MoneyFacts:
    """Return the facts of a run.

    Args:
        ledger: Its entries and payouts.
        bank: Its statements.
        mapping: SHA-256 by name of the mapping of statements.
        payments: SHA-256 by file name of the fetch that was compared; empty without one.
        contracts: The fee contracts of the settings.
    """
    return MoneyFacts(
        FORMAT_VERSION,
        dict(payments),
        None
        if ledger is None
        else StoredLedger(
            ledger.notes,
            ledger.inputs,
            ledger.coverage,
            ledger.environment,
            ledger.days,
            ledger.short_files,
        ),
        None
        if bank is None
        else StoredBank(bank.statements, bank.files, bank.notes, dict(mapping)),
        list_contracts(contracts),
        0 if ledger is None else ledger.rejects.height,
    )


def list_contracts(contracts: Iterable[FeeContract]) -> list[dict[str, Any]]:
    """Return fee contracts as JSON has them, to see whether they were changed."""
    return [
        {
            name: value if isinstance(value, int | str | None) else str(value)
            for name, value in vars(contract).items()
        }
        for contract in contracts
    ]


def format_facts(facts: MoneyFacts) -> str:
    """Return the facts as JSON."""
    content = asdict(facts)
    if facts.bank is not None:
        content["bank"]["statements"] = [row._asdict() for row in facts.bank.statements]
    return json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"


def parse_facts(content: object) -> MoneyFacts:
    """Return the facts that a file states.

    Raises:
        ValueError: They are not what a run writes.
    """
    from pydantic import TypeAdapter

    facts = TypeAdapter(MoneyFacts).validate_python(content)
    ledger = facts.ledger
    for about in () if ledger is None else ledger.coverage.values():
        for name in ("first_day", "last_day"):
            date.fromisoformat(about.get(name, ""))
    if not 0 <= facts.rejects <= MAX_PARQUET_ROWS:
        raise ValueError("the number of rejected rows is impossible")
    if ledger is not None and ledger.environment and ENTRIES_FILE not in ledger.coverage:
        raise ValueError("it does not say which days were read")
    return facts


def _read_hashes(folder: Path) -> RecordedHashes | None:
    if not is_present(folder / MONEY_FILE):
        left = [name for name in (FACTS_FILE, *FRAME_FILES) if is_present(folder / name)]
        # A folder may be one of `vippsrecon ledger` and of `vippsrecon fetch`.
        if left and not is_present(folder / LEDGER_FILE):
            raise InputError(f"{folder} holds {left[0]} and no {MONEY_FILE}. {_ADVICE}")
        return None
    content = _read_json(folder, MONEY_FILE)
    by_name = content.get("sha256") if isinstance(content, dict) else None
    if not isinstance(by_name, dict) or FACTS_FILE not in by_name:
        raise InputError(
            f"{folder}: {MONEY_FILE} does not state the SHA-256 of {FACTS_FILE}, so it is damaged or of "
            f"another version of vippsrecon. {_ADVICE}"
        )
    return RecordedHashes(MONEY_FILE, by_name, _ADVICE)


def _read_facts(folder: Path, hashes: RecordedHashes) -> MoneyFacts:
    try:
        hashes.check(folder / FACTS_FILE)
        content = read_small_json(folder / FACTS_FILE)
    except SourceError as error:
        raise InputError(f"{folder}: {error}") from error
    version = content.get("version") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise InputError(
            f"{folder} was written by another version of vippsrecon (format {version!r}, this version "
            f"reads {FORMAT_VERSION}). {_ADVICE}"
        )
    try:
        return parse_facts(content)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{folder}: {FACTS_FILE} is damaged ({type(error).__name__}). {_ADVICE}"
        ) from None


def _read_json(folder: Path, name: str) -> object:
    try:
        return read_small_json(folder / name)
    except SourceError as error:
        raise InputError(f"{folder}: {error}. {_ADVICE}") from error
