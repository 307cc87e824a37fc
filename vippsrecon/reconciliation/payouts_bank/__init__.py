"""Compare payouts with bank statements."""

from vippsrecon.reconciliation.payouts_bank.bridge import build_bank_bridge
from vippsrecon.reconciliation.payouts_bank.compare import KINDS, PayoutsBank, compare_payouts_bank

__all__ = ["KINDS", "PayoutsBank", "build_bank_bridge", "compare_payouts_bank"]
