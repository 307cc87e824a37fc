"""Read settlement files: the entries and payouts of all files, each once, and a summary of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.errors import SourceError
from vippsrecon.money import LARGEST_SUM
from vippsrecon.sources.files.detect import (
    FILE_KIND_NAMES,
    FileFormat,
    compute_file_sha256,
    detect_file_type,
    recognize_headings,
    recognize_xml,
)
from vippsrecon.sources.input_paths import list_paths, refuse_repeated_names
from vippsrecon.sources.orders.open import open_table
from vippsrecon.sources.settlement import flat_table, portal, report_xml, sectioned_csv
from vippsrecon.sources.settlement.aborted_payouts import mark_aborted
from vippsrecon.sources.settlement.result import (
    ParsedSettlement,
    SettlementFiles,
    SettlementFileSummary,
    sum_entries,
)
from vippsrecon.sources.settlement.several_files import (
    merge_entries,
    merge_payouts,
    refuse_two_forms,
    share_ledgers,
)
from vippsrecon.texts import say_number

if TYPE_CHECKING:
    import pandas as pd


def read_settlements(paths: Any) -> SettlementFiles[pd.DataFrame]:
    """Read settlement files: the portal's report, the older CSV and workbook, or XML.

    An entry that several files show is one entry. Rows that cannot be used become rejects.

    Args:
        paths: One or several files.

    Raises:
        SourceError: A file cannot be used; the sentence says why and what to do.
    """
    read = read_settlement_files(list_paths(paths, "settlement files"))
    return SettlementFiles(
        schemas.to_pandas(read.entries),
        schemas.to_pandas(read.payouts),
        schemas.to_pandas(read.rejects),
        read.files,
        read.notes,
    )


def read_settlement_files(files: Sequence[Path]) -> SettlementFiles[pl.DataFrame]:
    """Read files as `read_settlements` does, into Polars."""
    refuse_repeated_names(files)
    parsed = [read_settlement_file(path) for path in files]
    refuse_two_forms(parsed)
    parsed = share_ledgers(parsed)
    entries = merge_entries(parsed)
    payouts = mark_aborted(merge_payouts(parsed))
    repeated = sum(file.entries.height for file in parsed) - entries.height
    notes = (say_number("settlement_notes.in_several_files", repeated),) if repeated else ()
    rejects = pl.concat([file.rejects for file in parsed]).sort("source_file", "source_row")
    return SettlementFiles(
        schemas.cast_to_schema(entries, schemas.LEDGER_ENTRIES),
        schemas.cast_to_schema(payouts, schemas.PAYOUTS),
        schemas.cast_to_schema(rejects, schemas.REJECTS),
        tuple(summarize_settlement(path, file) for path, file in zip(files, parsed, strict=True)),
        notes,
    )


def read_settlement_file(path: Path) -> ParsedSettlement:
    """Read one file in whichever form it has.

    Raises:
        SourceError: It is no settlement file, or cannot be used.
    """
    if detect_file_type(path) == "xml":
        file_format = recognize_xml(path)
        _check_kind(file_format, path.name)
        parsed = report_xml.read_report_xml(path, file_format.format)
    else:
        table = open_table(path)
        found = recognize_headings(table.headings)
        if found is None:
            raise SourceError("this is not a settlement file of Vipps MobilePay", file=path.name)
        _check_kind(found, path.name)
        if found.format == portal.FORMAT:
            parsed = portal.read_portal_report(path, table)
        elif found.format == flat_table.FORMAT:
            parsed = flat_table.read_flat_table(path, table)
        elif found.format == sectioned_csv.FORMAT:
            parsed = sectioned_csv.read_sectioned_csv(path)
        else:
            raise SourceError(
                "this is a list of transfers without sales units; download the settlement report "
                "from the business portal",
                file=path.name,
            )
    _check_sums(parsed)
    return parsed


def summarize_settlement(path: Path, file: ParsedSettlement) -> SettlementFileSummary:
    """Return the summary of a file."""
    days = file.entries["ledger_date"].sort().to_list()
    return SettlementFileSummary(
        name=file.name,
        sha256=compute_file_sha256(path),
        kind="settlement",
        format=file.format,
        encoding=file.encoding,
        rows=file.rows,
        rejected=file.rejects.height,
        period=(days[0], days[-1]) if days else None,
        totals=sum_entries(file.entries),
        msns=tuple(file.entries["msn"].unique().sort()),
        notes=file.notes,
        is_short=file.is_short,
    )


def _check_kind(file_format: FileFormat, name: str) -> None:
    if file_format.kind != "settlement":
        raise SourceError(
            f"this is {FILE_KIND_NAMES[file_format.kind]}, not a settlement file", file=name
        )


def _check_sums(file: ParsedSettlement) -> None:
    # As floats, because a sum of whole numbers would wrap before it can be compared.
    if float(file.entries["amount_minor"].abs().cast(pl.Float64).sum()) > LARGEST_SUM:
        raise SourceError(
            "its amounts add up to more than eighteen digits, which cannot be right; check them",
            file=file.name,
        )
