"""Options that name the entries of a ledger, for every command that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

LedgerOption = Annotated[
    Path | None,
    typer.Option("--ledger", metavar="DIR", help="Folder written by ledger: entries and payouts."),
]

SettlementOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--settlement",
        metavar="FILE...",
        help="Settlement files of Vipps MobilePay, in place of --ledger.",
    ),
]
