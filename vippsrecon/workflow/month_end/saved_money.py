"""Store what a run read of money on its way to the bank in `report.data/`: for closing the month.

ledger_entries.parquet, payouts.parquet      where a ledger was given
bank_lines.parquet, payout_matches.parquet   where bank statements were given
money.json                                   the SHA-256 of these, written last
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon import schemas
from vippsrecon.fetching.run_folder import translate_os_errors
from vippsrecon.fetching.stored_files.recorded_hashes import hash_files
from vippsrecon.output_files import atomic_private_file, make_private_folder
from vippsrecon.sources.bank.texts import mentions_vipps

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.workflow.inputs.money_files import MoneyFiles

MONEY_FILE = "money.json"
ENTRIES_FILE, PAYOUTS_FILE = "ledger_entries.parquet", "payouts.parquet"
LINES_FILE, MATCHES_FILE = "bank_lines.parquet", "payout_matches.parquet"

_LINE_KEY = ("source_file", "source_row")


def save_money(result: Reconciliation, money: MoneyFiles, folder: Path | str | None) -> None:
    """Write the frames of a run into its `report.data/`; those of an earlier run are replaced.

    Args:
        result: What was compared.
        money: The files that were read.
        folder: Created if missing; None: nothing is stored.

    Raises:
        OutputError: The folder cannot be written.
    """
    if folder is None:
        return
    folder = Path(folder)
    read = result.polars_frame
    frames: dict[str, pl.DataFrame] = {}
    if money.ledger is not None:
        frames |= {ENTRIES_FILE: read("ledger_entries"), PAYOUTS_FILE: read("payouts")}
    if money.bank is not None:
        matches = schemas.to_polars(read("payout_matches"), schemas.PAYOUT_MATCHES)
        frames |= {
            LINES_FILE: hide_other_texts(read("bank_lines"), matches),
            MATCHES_FILE: matches,
        }
    with translate_os_errors(folder):
        make_private_folder(folder)
        # Without money.json nobody takes files of two runs for those of one.
        for name in (MONEY_FILE, ENTRIES_FILE, PAYOUTS_FILE, LINES_FILE, MATCHES_FILE):
            (folder / name).unlink(missing_ok=True)
        if not frames:
            return
        for name, frame in frames.items():
            with atomic_private_file(folder / name) as temporary:
                frame.write_parquet(temporary, compression="zstd")
        content = {"complete": result.complete, "sha256": hash_files(folder, tuple(frames))}
        with atomic_private_file(folder / MONEY_FILE) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def hide_other_texts(lines: pl.DataFrame, matches: pl.DataFrame) -> pl.DataFrame:
    """Return bank lines without the text of those that are not of Vipps MobilePay.

    The account of a shop has lines of its customers and employees, whose texts are nobody's business.
    """
    named = {text: mentions_vipps(text) for text in lines["text"].unique()}
    of_payouts = matches.filter(~pl.col("proposed")).select(_LINE_KEY).unique()
    marked = lines.join(
        of_payouts.with_columns(is_payout=pl.lit(value=True)),
        on=_LINE_KEY,
        how="left",
        maintain_order="left",
    )
    is_own = pl.col("is_payout").fill_null(value=False) | pl.col("text").replace_strict(
        named, default=False, return_dtype=pl.Boolean
    )
    text = pl.when(is_own).then("text").otherwise(pl.lit(""))
    return marked.with_columns(text=text).drop("is_payout")
