"""Compare payments with the funds and fees ledgers of their sales units."""

from vippsrecon.reconciliation.payments_ledger.compare import compare_payments_with_ledger

__all__ = ["compare_payments_with_ledger"]
