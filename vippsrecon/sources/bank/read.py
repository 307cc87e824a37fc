"""Read bank statements: the lines of all files, each once, and a summary of each file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.errors import SourceError
from vippsrecon.sources.bank.balances import check_balances
from vippsrecon.sources.bank.camt053 import read_camt053
from vippsrecon.sources.bank.coverage import (
    describe_gaps,
    describe_other_accounts,
    describe_other_days,
)
from vippsrecon.sources.bank.csv.profiles import (
    BankProfile,
    load_bank_profiles,
    read_bank_mapping,
)
from vippsrecon.sources.bank.csv.statement import read_bank_table
from vippsrecon.sources.bank.repeated_lines import drop_duplicates, merge_files
from vippsrecon.sources.bank.statement import BankFiles, BankFileSummary, ParsedFile
from vippsrecon.sources.bank.totals import sum_statements
from vippsrecon.sources.files.detect import (
    FILE_KIND_NAMES,
    compute_file_sha256,
    detect_file_type,
    recognize_headings,
)
from vippsrecon.sources.files.table import Table
from vippsrecon.sources.input_paths import list_paths, refuse_repeated_names
from vippsrecon.sources.orders.open import open_table
from vippsrecon.texts import say_number

if TYPE_CHECKING:
    import pandas as pd


def read_bank_statements(
    paths: Any,
    *,
    mapping: str | Path | None = None,
    accounts: Collection[str] = (),
    period: tuple[date, date] | None = None,
) -> BankFiles[pd.DataFrame]:
    """Read bank statements: camt.053 files, or a bank's CSV or workbook.

    A line that several files show is one line. A line that is not booked yet is in `provisional`,
    and in no sum. Rows that cannot be used become rejects.

    Args:
        paths: One or several files.
        mapping: A TOML file that maps the columns of CSV files (docs/bank-statements.md).
        accounts: The accounts that payouts go to; a note names any other, and any that is missing.
        period: First and last day that is reconciled; a note says what is not covered.

    Raises:
        SourceError: A file cannot be used; the sentence says why and what to do.
        ConfigurationError: The mapping cannot be used.
    """
    profile = read_bank_mapping(Path(mapping)) if mapping is not None else None
    read = read_bank_files(
        list_paths(paths, "bank statements"), profile=profile, accounts=accounts, period=period
    )
    return BankFiles(
        schemas.to_pandas(read.lines),
        schemas.to_pandas(read.provisional),
        schemas.to_pandas(read.rejects),
        read.statements,
        read.files,
        read.notes,
    )


def read_bank_files(
    files: Sequence[Path],
    *,
    profile: BankProfile | None = None,
    accounts: Collection[str] = (),
    period: tuple[date, date] | None = None,
) -> BankFiles[pl.DataFrame]:
    """Read files as `read_bank_statements` does, into Polars."""
    refuse_repeated_names(files)
    parsed = [read_bank_file(path, profile) for path in files]
    lines, provisional, notes = merge_files(parsed)
    statements = tuple(statement for file in parsed for statement in file.statements)
    rejects = pl.concat([file.rejects for file in parsed]).sort("source_file", "source_row")
    return BankFiles(
        lines=schemas.cast_to_schema(lines, schemas.BANK_LINES),
        provisional=provisional,
        rejects=schemas.cast_to_schema(rejects, schemas.REJECTS),
        statements=statements,
        files=tuple(summarize_file(path, file) for path, file in zip(files, parsed, strict=True)),
        notes=(
            *notes,
            *describe_gaps(statements),
            *describe_other_accounts(statements, accounts),
            *describe_other_days(statements, period),
        ),
    )


def read_bank_file(path: Path, profile: BankProfile | None = None) -> ParsedFile:
    """Read one file: its lines, without duplicates within it, and whether its balances foot.

    Args:
        path: The file.
        profile: The form of a CSV file or workbook; None to recognise it.

    Raises:
        SourceError: It is no bank statement, or cannot be used.
    """
    if detect_file_type(path) == "xml":
        parsed = read_camt053(path)
    else:
        table = open_table(path)
        parsed = read_bank_table(path, table, profile or _choose_profile(table))
    return check_balances(drop_duplicates(parsed))


def _choose_profile(table: Table) -> BankProfile:
    known = recognize_headings(table.headings)
    if known is not None and known.kind != "bank":
        problem = f"this is {FILE_KIND_NAMES[known.kind]}, not a bank statement"
        raise SourceError(problem, file=table.name)
    if known is None:
        raise SourceError(
            "this is not a bank statement in a form that is known; ask the bank for camt.053, or "
            "name its columns in a --mapping with kind = 'bank'",
            file=table.name,
        )
    return load_bank_profiles()[known.format]


def summarize_file(path: Path, file: ParsedFile) -> BankFileSummary:
    """Return the summary of a file."""
    days = [
        day for statement in file.statements for day in (statement.first_date, statement.last_date)
    ]
    dated = sorted(day for day in days if day is not None)
    accounts = {statement.account for statement in file.statements if statement.account}
    return BankFileSummary(
        name=file.name,
        sha256=compute_file_sha256(path),
        kind="bank",
        format=file.format,
        encoding=file.encoding,
        rows=file.rows,
        entries=file.lines.height,
        provisional=file.provisional.height,
        rejected=file.rejects.height,
        period=(dated[0], dated[-1]) if dated else None,
        totals=sum_statements(file),
        accounts=tuple(sorted(accounts)),
        notes=(*file.notes, *_describe_provisional(file)),
    )


def _describe_provisional(file: ParsedFile) -> list[str]:
    if not file.provisional.height:
        return []
    return [say_number("bank_notes.not_booked_in_file", file.provisional.height)]
