"""Store what a run read of money on its way to the bank in `report.data/`.

The files are those of `inputs.stored_money`: `--payments` repeats the run with them, and `close-period`
closes its month.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon import schemas
from vippsrecon.errors import OutputError
from vippsrecon.fetching.ledgers.folder import LEDGER_FILE
from vippsrecon.fetching.run_folder import translate_os_errors
from vippsrecon.fetching.stored_files.recorded_hashes import hash_files
from vippsrecon.input_files import is_present
from vippsrecon.output_files import atomic_private_file, make_private_folder
from vippsrecon.sources.bank.texts import mentions_vipps
from vippsrecon.workflow.inputs.stored_money import (
    COMPLETENESS_FILE,
    ENTRIES_FILE,
    FACTS_FILE,
    FRAME_FILES,
    LINES_FILE,
    MATCHES_FILE,
    MONEY_FILE,
    PAYOUTS_FILE,
    REJECTS_FILE,
    build_facts,
    format_facts,
)

if TYPE_CHECKING:
    from vippsrecon.config.fee_contracts import FeeContract
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.workflow.inputs.money_files import MoneyFiles

OTHER_LINE = "other_bank_line"
_LINE_KEY = ("source_file", "source_row")


def save_money(
    result: Reconciliation,
    money: MoneyFiles,
    folder: Path,
    payments: Mapping[str, str],
    contracts: Iterable[FeeContract],
) -> None:
    """Write what a run read into its `report.data/`; that of an earlier run is replaced.

    Args:
        result: What was compared, after `hide_other_texts`.
        money: The files that were read.
        folder: Created if missing.
        payments: SHA-256 by file name of the fetch that was compared; empty without one.
        contracts: The fee contracts of the settings.

    Raises:
        OutputError: The folder cannot be written.
    """
    frames = _collect_frames(result, money)
    facts = build_facts(
        money.ledger, money.bank, mapping=money.mapping, payments=payments, contracts=contracts
    )
    with translate_os_errors(folder):
        make_private_folder(folder)
        if not frames:
            for name in (*FRAME_FILES, FACTS_FILE, MONEY_FILE):
                (folder / name).unlink(missing_ok=True)
            return
        # Without money.json nobody takes files of two runs for those of one.
        (folder / MONEY_FILE).unlink(missing_ok=True)
        for name in FRAME_FILES:
            if name not in frames:
                (folder / name).unlink(missing_ok=True)
                continue
            with atomic_private_file(folder / name) as temporary:
                frames[name].write_parquet(temporary, compression="zstd")
        with atomic_private_file(folder / FACTS_FILE) as temporary:
            temporary.write_text(format_facts(facts), encoding="utf-8")
        content = {
            "complete": result.complete,
            "sha256": hash_files(folder, (*frames, FACTS_FILE)),
        }
        with atomic_private_file(folder / MONEY_FILE) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def refuse_ledger_folder(folder: Path | str | None) -> None:
    """Refuse to store a run in a folder that `vippsrecon ledger` wrote: it would replace the ledger.

    Raises:
        OutputError: It is such a folder.
    """
    if folder is not None and is_present(Path(folder) / LEDGER_FILE):
        raise OutputError(
            f"{folder} is a folder of vippsrecon ledger, which this run would replace. Give the workbook "
            "another name, or remove the folder."
        )


def hide_other_texts(result: Reconciliation) -> Reconciliation:
    """Return the result without the texts of bank lines that are not of Vipps MobilePay.

    The account of a shop has lines of its customers and employees, whose texts are nobody's business.
    A line that a payout is compared with, or that names Vipps or MobilePay, keeps its text.
    """
    lines = result.polars_frame("bank_lines")
    if lines.is_empty():
        return result
    buckets = result.polars_frame("buckets").filter(pl.col("side") == "bank_lines")
    # A reversed credit is no discrepancy, and its text says which payout it was.
    is_other = (pl.col("kind") == OTHER_LINE) & (pl.col("flags") == "")
    others = buckets.filter(is_other).select("row_key").with_columns(is_other=pl.lit(value=True))
    named = {text: mentions_vipps(text) for text in lines["text"].unique()}
    names_vipps = pl.col("text").replace_strict(named, default=False, return_dtype=pl.Boolean)
    is_hidden = pl.col("is_other").fill_null(value=False) & ~names_vipps
    hidden = (
        lines.with_columns(row_key=pl.format("{}:{}", *_LINE_KEY))
        .join(others.unique(), on="row_key", how="left", maintain_order="left")
        .with_columns(text=pl.when(is_hidden).then(pl.lit("")).otherwise("text"))
        .select(lines.columns)
    )
    return result.with_changes(bank_lines=hidden)


def _collect_frames(result: Reconciliation, money: MoneyFiles) -> dict[str, pl.DataFrame]:
    read = result.polars_frame
    frames: dict[str, pl.DataFrame] = {}
    if money.ledger is not None:
        frames |= {
            ENTRIES_FILE: read("ledger_entries"),
            PAYOUTS_FILE: read("payouts"),
            COMPLETENESS_FILE: money.ledger.completeness,
        }
    if money.bank is not None:
        frames |= {LINES_FILE: read("bank_lines"), MATCHES_FILE: read("payout_matches")}
    if not frames:
        return {}
    # The rejects of the ledger come first: `MoneyFacts.rejects` is their number.
    parts = [part.rejects for part in (money.ledger, money.bank) if part is not None]
    frames[REJECTS_FILE] = pl.concat([schemas.to_polars(part, schemas.REJECTS) for part in parts])
    return {name: schemas.to_polars(frame, FRAME_FILES[name]) for name, frame in frames.items()}
