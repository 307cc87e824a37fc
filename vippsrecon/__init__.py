"""Reconciliation for merchants paid through Vipps MobilePay.

The public names live here and are loaded when first used: `import vippsrecon` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vippsrecon.api import Client
    from vippsrecon.bulk.approval import approve
    from vippsrecon.bulk.outcomes_book import write_outcomes
    from vippsrecon.bulk.plan import read_plan, write_plan
    from vippsrecon.bulk.planning import plan_cancels, plan_captures, plan_refunds
    from vippsrecon.bulk.run import carry_out
    from vippsrecon.config.settings import Rules, SalesUnit, Settings, load_settings
    from vippsrecon.demo import run_demo
    from vippsrecon.errors import VippsReconError
    from vippsrecon.fetching import Fetched, fetch, ledger_references, read_fetched
    from vippsrecon.month import closed_by_receipts, reconcile_month
    from vippsrecon.notebook.session import Month, open_month
    from vippsrecon.reconcile import Reconciliation, reconcile
    from vippsrecon.report import write_workbook
    from vippsrecon.sources import preview, read_orders, read_references
    from vippsrecon.store import open_store

__version__ = "0.1.0"

__all__ = [
    "Client",
    "Fetched",
    "Month",
    "Reconciliation",
    "Rules",
    "SalesUnit",
    "Settings",
    "VippsReconError",
    "approve",
    "carry_out",
    "closed_by_receipts",
    "fetch",
    "ledger_references",
    "load_settings",
    "open_month",
    "open_store",
    "plan_cancels",
    "plan_captures",
    "plan_refunds",
    "preview",
    "read_fetched",
    "read_orders",
    "read_plan",
    "read_references",
    "reconcile",
    "reconcile_month",
    "run_demo",
    "write_outcomes",
    "write_plan",
    "write_workbook",
]

_HOME = {
    "Client": "api",
    "Fetched": "fetch",
    "Month": "notebook.session",
    "Reconciliation": "reconcile",
    "Rules": "config.settings",
    "SalesUnit": "config.settings",
    "Settings": "config.settings",
    "VippsReconError": "errors",
    "approve": "bulk.approval",
    "carry_out": "bulk.run",
    "closed_by_receipts": "month",
    "fetch": "fetch",
    "ledger_references": "fetch",
    "load_settings": "config.settings",
    "open_month": "notebook.session",
    "open_store": "store",
    "plan_cancels": "bulk.planning",
    "plan_captures": "bulk.planning",
    "plan_refunds": "bulk.planning",
    "preview": "sources",
    "read_fetched": "fetch",
    "read_orders": "sources",
    "read_plan": "bulk.plan",
    "read_references": "sources",
    "reconcile": "reconcile",
    "reconcile_month": "month",
    "run_demo": "demo",
    "write_outcomes": "bulk.outcomes_book",
    "write_plan": "bulk.plan",
    "write_workbook": "report",
}


class _Package(ModuleType):
    """The package, which keeps `fetch` and `reconcile` the functions.

    Importing the submodule `vippsrecon.fetch` would set the attribute `fetch` to the module,
    so that `from vippsrecon import fetch` meant one thing or the other by what was imported
    before. Here it is the function always; `from vippsrecon.fetch import …` works as ever.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, ModuleType) and _HOME.get(name) == name:
            value = getattr(value, name)
        super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    """Load a public name from where it lives."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})


sys.modules[__name__].__class__ = _Package
