"""Compare ledgers with their payouts."""

from vippsrecon.reconciliation.ledger_payouts.bridge import build_payout_bridge
from vippsrecon.reconciliation.ledger_payouts.compare import (
    KINDS,
    LedgerPayouts,
    compare_ledger_payouts,
)
from vippsrecon.reconciliation.ledger_payouts.explain import PayoutExplanation, explain_payout

__all__ = [
    "KINDS",
    "LedgerPayouts",
    "PayoutExplanation",
    "build_payout_bridge",
    "compare_ledger_payouts",
    "explain_payout",
]
