"""Compare ledgers with their payouts."""

from vippsrecon.reconciliation.ledger_payouts.bridge import build_payout_bridge
from vippsrecon.reconciliation.ledger_payouts.compare import (
    KINDS,
    LedgerPayouts,
    compare_ledger_payouts,
)

__all__ = ["KINDS", "LedgerPayouts", "build_payout_bridge", "compare_ledger_payouts"]
