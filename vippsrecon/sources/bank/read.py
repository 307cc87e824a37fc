"""Read bank statements: the lines of all files, each once, and a summary of each file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.errors import InputError, SourceError
from vippsrecon.sources.bank.balances import check_balances
from vippsrecon.sources.bank.camt053 import read_camt053
from vippsrecon.sources.bank.coverage import (
    describe_gaps,
    describe_other_accounts,
    describe_other_days,
)
from vippsrecon.sources.bank.repeated_lines import drop_duplicates, merge_files
from vippsrecon.sources.bank.statement import BankFiles, BankFileSummary, ParsedFile
from vippsrecon.sources.bank.totals import sum_statements
from vippsrecon.sources.files.detect import compute_file_sha256, detect_file_type

if TYPE_CHECKING:
    import pandas as pd


def read_bank_statements(
    paths: Any,
    *,
    accounts: Collection[str] = (),
    period: tuple[date, date] | None = None,
) -> BankFiles[pd.DataFrame]:
    """Read bank statements: camt.053 files.

    A line that several files show is one line. A line that is not booked yet is in `provisional`,
    and in no sum. Rows that cannot be used become rejects.

    Args:
        paths: One or several files.
        accounts: The accounts that payouts go to; a note names any other, and any that is missing.
        period: First and last day that is reconciled; a note says what is not covered.

    Raises:
        SourceError: A file cannot be used; the sentence says why and what to do.
    """
    read = read_bank_files(_list_paths(paths), accounts=accounts, period=period)
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
    accounts: Collection[str] = (),
    period: tuple[date, date] | None = None,
) -> BankFiles[pl.DataFrame]:
    """Read files as `read_bank_statements` does, into Polars."""
    names = [path.name for path in files]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise SourceError(
            "two input files have this name; rename one, since rows are identified by file name and row number",
            file=double,
        )
    parsed = [read_bank_file(path) for path in files]
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


def read_bank_file(path: Path) -> ParsedFile:
    """Read one file: its lines, without duplicates within it, and whether its balances foot.

    Raises:
        SourceError: It is no bank statement, or cannot be used.
    """
    form = detect_file_type(path)
    if form != "xml":
        raise SourceError("this is not a bank statement (camt.053)", file=path.name)
    return check_balances(drop_duplicates(read_camt053(path)))


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
    return [f"Lines that are not booked yet, and in no sum: {file.provisional.height}."]


def _list_paths(paths: Any) -> list[Path]:
    listed = (
        [paths] if isinstance(paths, str | Path) or not isinstance(paths, Iterable) else list(paths)
    )
    if not listed:
        raise InputError("no file was named")
    for path in listed:
        if not isinstance(path, str | Path):
            raise InputError(
                f"bank statements are read from files, and a {type(path).__name__} is none"
            )
    return [Path(path) for path in listed]
