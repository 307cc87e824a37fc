"""The API as values: requests built, answers decoded, refusals named. No I/O.

`requests` makes what is sent, `answers` reads what comes back into `records`, `problems`
turns a refusal into the one error it means. This module is their common name.
"""

from __future__ import annotations

from vippsrecon.api import answers, problems, requests
from vippsrecon.api.records import (
    Created,
    Event,
    FeedPage,
    Ledger,
    LedgerDay,
    LedgerEntry,
    LedgerPage,
    Modification,
    Payment,
    Reading,
    Token,
)
from vippsrecon.api.requests import Request

__all__ = [
    "Created",
    "Event",
    "FeedPage",
    "Ledger",
    "LedgerDay",
    "LedgerEntry",
    "LedgerPage",
    "Modification",
    "Payment",
    "Reading",
    "Request",
    "Token",
    "answers",
    "problems",
    "requests",
]
