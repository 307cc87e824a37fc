"""Reconciling orders with payments: pure, on any engine, one discrepancy a row."""

from vippsrecon.reconciliation.orders_payments.checks import (
    DISCREPANCY_KINDS,
    IGNORED_KINDS,
    TIMING_KINDS,
)
from vippsrecon.reconciliation.result import Reconciliation
from vippsrecon.reconciliation.run import reconcile

__all__ = ["DISCREPANCY_KINDS", "IGNORED_KINDS", "TIMING_KINDS", "Reconciliation", "reconcile"]
