"""Reconciling orders with payments: pure, on any engine, one discrepancy a row."""

from vippsrecon.reconciliation.orders_payments.checks import DISCREPANCIES, IGNORED, TIMING
from vippsrecon.reconciliation.result import Reconciliation
from vippsrecon.reconciliation.run import reconcile

__all__ = ["DISCREPANCIES", "IGNORED", "TIMING", "Reconciliation", "reconcile"]
