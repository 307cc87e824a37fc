"""Keep the ledgers of the month's sales units, with their payouts and what is planted in them."""

from __future__ import annotations

from vippsrecon.scenario.ledgers.books import ScenarioLedgers
from vippsrecon.scenario.ledgers.entries import Payout, ScenarioLedgerEntry
from vippsrecon.scenario.ledgers.fees import FEE_TERMS, FeeTerms
from vippsrecon.scenario.ledgers.payout_texts import compute_check_digit, format_payout_text

__all__ = [
    "FEE_TERMS",
    "FeeTerms",
    "Payout",
    "ScenarioLedgerEntry",
    "ScenarioLedgers",
    "compute_check_digit",
    "format_payout_text",
]
