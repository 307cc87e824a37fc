"""Read the payments and event logs of many references."""

from vippsrecon.fetching.daily_run import ChangedFetch, fetch_changes
from vippsrecon.fetching.follow_ups import FollowUp
from vippsrecon.fetching.ledgers import FetchedLedger, fetch_ledger, read_ledger_folder
from vippsrecon.fetching.results import Fetched, load_fetched, read_fetched
from vippsrecon.fetching.run import fetch, fetch_frames, fetch_into
from vippsrecon.ledger.references import (
    LedgerWalk,
    build_unread_walk,
    ledger_references,
    walk_ledgers,
)

__all__ = [
    "ChangedFetch",
    "Fetched",
    "FetchedLedger",
    "FollowUp",
    "LedgerWalk",
    "build_unread_walk",
    "fetch",
    "fetch_changes",
    "fetch_frames",
    "fetch_into",
    "fetch_ledger",
    "ledger_references",
    "load_fetched",
    "read_fetched",
    "read_ledger_folder",
    "walk_ledgers",
]
