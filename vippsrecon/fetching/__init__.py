"""Read the payments and event logs of many references."""

from vippsrecon.fetching.follow_ups import FollowUp
from vippsrecon.fetching.results import Fetched, load_fetched, read_fetched
from vippsrecon.fetching.run import fetch, fetch_frames, fetch_into
from vippsrecon.ledger.references import (
    LedgerWalk,
    build_unread_walk,
    ledger_references,
    walk_ledgers,
)

__all__ = [
    "Fetched",
    "FollowUp",
    "LedgerWalk",
    "build_unread_walk",
    "fetch",
    "fetch_frames",
    "fetch_into",
    "ledger_references",
    "load_fetched",
    "read_fetched",
    "walk_ledgers",
]
