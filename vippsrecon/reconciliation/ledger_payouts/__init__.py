"""Compare ledgers with their payouts."""

from vippsrecon.reconciliation.ledger_payouts.bridge import build_payout_bridge
from vippsrecon.reconciliation.ledger_payouts.compare import (
    LedgerPayouts,
    compare_ledger_payouts,
)

__all__ = ["LedgerPayouts", "build_payout_bridge", "compare_ledger_payouts"]
