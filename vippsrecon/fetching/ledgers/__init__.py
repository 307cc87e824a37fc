"""Ledgers of a period become frames and a folder, with a proof that no entry is missing."""

from vippsrecon.fetching.ledgers.folder import load_ledger_folder, read_ledger_folder
from vippsrecon.fetching.ledgers.result import FetchedLedger
from vippsrecon.fetching.ledgers.run import fetch_ledger, fetch_ledger_frames

__all__ = [
    "FetchedLedger",
    "fetch_ledger",
    "fetch_ledger_frames",
    "load_ledger_folder",
    "read_ledger_folder",
]
