"""Count the entries and payouts of several files once: they overlap, or are one report in two forms."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import polars as pl

from vippsrecon.errors import SourceError
from vippsrecon.sources.settlement.portal import FORMAT as PORTAL_FORMAT
from vippsrecon.sources.settlement.result import ParsedSettlement

_ENTRY_KEY = [
    "ledger_id", "msn", "topic", "psp_reference", "reference", "entry_type", "entry_at",
    "ledger_date", "currency", "amount_minor",
]  # fmt: skip
_PAYOUT_KEY = ["ledger_id", "msn", "payout_number", "currency", "amount_minor", "status"]
_SETTLEMENT = ["msn", "payout_number", "currency", "amount_minor"]


def merge_entries(files: Sequence[ParsedSettlement]) -> pl.DataFrame:
    """Return the entries of all files, each once."""
    return _keep_once(pl.concat(file.entries for file in files), _ENTRY_KEY)


def merge_payouts(files: Sequence[ParsedSettlement]) -> pl.DataFrame:
    """Return the payouts of all files, each once for each status."""
    return _keep_once(pl.concat(file.payouts for file in files), _PAYOUT_KEY)


def share_ledgers(files: Sequence[ParsedSettlement]) -> list[ParsedSettlement]:
    """Return the files with the ledger of each sales unit that any of the portal's reports names.

    A report without a payout does not name its ledger, and its entries must be the same as in the
    report of the next day, which does.
    """
    portal = [file.entries for file in files if file.format == PORTAL_FORMAT]
    if not portal:
        return list(files)
    named = (
        pl.concat(portal)
        .select("msn", shared="ledger_id")
        .filter(pl.col("shared") != pl.col("msn"))
        .unique()
        .filter(pl.len().over("msn") == 1)
    )

    def name_ledger(rows: pl.DataFrame) -> pl.DataFrame:
        shared = rows.join(named, on="msn", how="left", maintain_order="left")
        is_unnamed = pl.col("ledger_id") == pl.col("msn")
        ledger = pl.when(is_unnamed).then(pl.coalesce("shared", "msn")).otherwise("ledger_id")
        return shared.with_columns(ledger_id=ledger).drop("shared")

    return [
        file._replace(entries=name_ledger(file.entries), payouts=name_ledger(file.payouts))
        if file.format == PORTAL_FORMAT
        else file
        for file in files
    ]


def refuse_two_forms(files: Sequence[ParsedSettlement]) -> None:
    """Refuse a settlement in two forms: they name its entries differently, so each would be two.

    Raises:
        SourceError: Two files of different forms show the same payout.
    """
    for one, other in combinations(files, 2):
        if one.format == other.format:
            continue
        both = one.payouts.join(other.payouts, on=_SETTLEMENT, how="semi")
        if not both.is_empty():
            raise SourceError(
                f"payout {both['payout_number'][0]} is in {other.name} too, and in another form, so "
                "each of its entries would count twice; omit one of the two files",
                file=one.name,
            )


def _keep_once(frame: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Keep of equal rows as many as the file with most of them."""
    rows = frame.sort("source_file", "source_row", maintain_order=True)
    ranked = rows.with_columns(ordinal=pl.int_range(pl.len()).over([*key, "source_file"]))
    once = ranked.unique([*key, "ordinal"], keep="first", maintain_order=True)
    return once.drop("ordinal")
