"""Reconcile orders with payments, on any engine, without network or disk access.

`reconcile` and `Reconciliation` are loaded when first used: the outcomes of plans need `codes`,
and a command that moves money must not load a frame library to read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vippsrecon.reconciliation.codes import DISCREPANCY_KINDS, IGNORED_KINDS, TIMING_KINDS

if TYPE_CHECKING:
    from vippsrecon.reconciliation.result import Reconciliation
    from vippsrecon.reconciliation.run import reconcile

__all__ = ["DISCREPANCY_KINDS", "IGNORED_KINDS", "TIMING_KINDS", "Reconciliation", "reconcile"]


def __getattr__(name: str) -> Any:
    """Load `Reconciliation` or `reconcile` from the module that defines it."""
    if name == "Reconciliation":
        from vippsrecon.reconciliation.result import Reconciliation

        return Reconciliation
    if name == "reconcile":
        from vippsrecon.reconciliation.run import reconcile

        return reconcile
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
