"""Reconciling orders with payments: pure, on any engine, one discrepancy a row."""

from vippsrecon.reconcile.checks import DISCREPANCIES, IGNORED, TIMING
from vippsrecon.reconcile.result import Reconciliation
from vippsrecon.reconcile.run import reconcile

__all__ = ["DISCREPANCIES", "IGNORED", "TIMING", "Reconciliation", "reconcile"]
