"""Reconciliation for merchants paid through Vipps MobilePay.

This table lists the public names and the module that defines each. A module is loaded when one
of its names is first used, so that `import vippsrecon` takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vippsrecon.api import Client
    from vippsrecon.bulk.approval.approve import approve
    from vippsrecon.bulk.execution.carry_out import carry_out
    from vippsrecon.bulk.open_rows.settle import settle
    from vippsrecon.bulk.outcomes.workbook import write_outcomes
    from vippsrecon.bulk.plan.file import read_plan, write_plan
    from vippsrecon.bulk.plan.make import plan_cancels, plan_captures, plan_refunds
    from vippsrecon.config.fee_contracts import FeeContract
    from vippsrecon.config.load import load_settings
    from vippsrecon.config.settings import Rules, SalesUnit, Settings
    from vippsrecon.demo import run_demo
    from vippsrecon.errors import (
        ApiError,
        ConfigurationError,
        InputError,
        NoAnswerError,
        VippsReconError,
    )
    from vippsrecon.fetching import (
        Fetched,
        FetchedLedger,
        fetch,
        fetch_ledger,
        ledger_references,
        read_fetched,
        read_ledger_folder,
    )
    from vippsrecon.notebook import plots
    from vippsrecon.notebook.desk.start import refund_desk
    from vippsrecon.notebook.frames import for_excel, in_major, local_time
    from vippsrecon.notebook.session import Month, open_month
    from vippsrecon.notebook.tables import search_frame, show_frame
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report import link_discrepancies, write_html, write_workbook
    from vippsrecon.sources import read_orders, read_references
    from vippsrecon.sources.bank import read_bank_statements
    from vippsrecon.sources.settlement import read_settlements
    from vippsrecon.store import open_store, verify_journal
    from vippsrecon.texts import set_language
    from vippsrecon.version import __version__
    from vippsrecon.workflow.compare_frames import reconcile
    from vippsrecon.workflow.history.closed_discrepancies import closed_by_receipts
    from vippsrecon.workflow.preview_files import preview
    from vippsrecon.workflow.reconcile_month import reconcile_month

__all__ = [
    "ApiError",
    "Client",
    "ConfigurationError",
    "FeeContract",
    "Fetched",
    "FetchedLedger",
    "InputError",
    "Month",
    "NoAnswerError",
    "Reconciliation",
    "Rules",
    "SalesUnit",
    "Settings",
    "VippsReconError",
    "__version__",
    "approve",
    "carry_out",
    "closed_by_receipts",
    "fetch",
    "fetch_ledger",
    "for_excel",
    "in_major",
    "ledger_references",
    "link_discrepancies",
    "load_settings",
    "local_time",
    "open_month",
    "open_store",
    "plan_cancels",
    "plan_captures",
    "plan_refunds",
    "plots",
    "preview",
    "read_bank_statements",
    "read_fetched",
    "read_ledger_folder",
    "read_orders",
    "read_plan",
    "read_references",
    "read_settlements",
    "reconcile",
    "reconcile_month",
    "refund_desk",
    "run_demo",
    "search_frame",
    "set_language",
    "settle",
    "show_frame",
    "verify_journal",
    "write_html",
    "write_outcomes",
    "write_plan",
    "write_workbook",
]

_HOME = {
    "ApiError": "errors",
    "Client": "api",
    "ConfigurationError": "errors",
    "FeeContract": "config.fee_contracts",
    "Fetched": "fetching",
    "FetchedLedger": "fetching",
    "InputError": "errors",
    "Month": "notebook.session",
    "NoAnswerError": "errors",
    "Reconciliation": "reconciliation",
    "Rules": "config.settings",
    "SalesUnit": "config.settings",
    "Settings": "config.settings",
    "VippsReconError": "errors",
    "__version__": "version",
    "approve": "bulk.approval.approve",
    "carry_out": "bulk.execution.carry_out",
    "closed_by_receipts": "workflow.history.closed_discrepancies",
    "fetch": "fetching",
    "fetch_ledger": "fetching",
    "for_excel": "notebook.frames",
    "in_major": "notebook.frames",
    "ledger_references": "fetching",
    "link_discrepancies": "report",
    "load_settings": "config.load",
    "local_time": "notebook.frames",
    "open_month": "notebook.session",
    "open_store": "store",
    "plan_cancels": "bulk.plan.make",
    "plan_captures": "bulk.plan.make",
    "plan_refunds": "bulk.plan.make",
    "plots": "notebook",
    "preview": "workflow.preview_files",
    "read_bank_statements": "sources.bank",
    "read_fetched": "fetching",
    "read_ledger_folder": "fetching",
    "read_orders": "sources",
    "read_plan": "bulk.plan.file",
    "read_references": "sources",
    "read_settlements": "sources.settlement",
    "reconcile": "workflow.compare_frames",
    "reconcile_month": "workflow.reconcile_month",
    "refund_desk": "notebook.desk.start",
    "run_demo": "demo",
    "search_frame": "notebook.tables",
    "set_language": "texts",
    "settle": "bulk.open_rows.settle",
    "show_frame": "notebook.tables",
    "verify_journal": "store",
    "write_html": "report",
    "write_outcomes": "bulk.outcomes.workbook",
    "write_plan": "bulk.plan.file",
    "write_workbook": "report",
}


def __getattr__(name: str) -> Any:
    """Load a public name from the module that defines it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
