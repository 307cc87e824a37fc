"""Write reference.md: every public name with the first sentence of its docstring."""

from __future__ import annotations

import inspect

MADE = "<!-- Made by docs/generate.py; change the code, then run it. -->"

GROUPS: dict[str, tuple[str, ...]] = {
    "Reconcile": (
        "reconcile_month",
        "reconcile",
        "preview",
        "read_orders",
        "read_settlements",
        "read_bank_statements",
        "Reconciliation",
    ),
    "Write a report": ("write_workbook", "write_html"),
    "Settings": ("load_settings", "Settings", "SalesUnit", "Rules", "FeeContract"),
    "Fetch payments": (
        "Client",
        "fetch",
        "Fetched",
        "read_fetched",
        "read_references",
        "ledger_references",
        "fetch_ledger",
        "FetchedLedger",
        "read_ledger_folder",
    ),
    "Look at a result in a notebook": (
        "open_month",
        "Month",
        "show_frame",
        "search_frame",
        "set_language",
        "plots",
        "in_major",
        "local_time",
        "for_excel",
        "link_discrepancies",
    ),
    "Plan, approve and carry out": (
        "plan_refunds",
        "plan_cancels",
        "plan_captures",
        "write_plan",
        "read_plan",
        "approve",
        "carry_out",
        "settle",
        "refund_desk",
        "write_outcomes",
        "closed_by_receipts",
        "open_store",
        "verify_journal",
    ),
    "Errors": ("VippsReconError", "InputError", "ConfigurationError", "ApiError", "NoAnswerError"),
    "Try it": ("run_demo",),
}
"""Every public name but `__version__`, by what a user wants to do."""


def reference_page() -> str:
    """Every public name: its first sentence here, its whole docstring on the site."""
    import vippsrecon

    lines = [
        "# Python reference",
        "",
        MADE,
        "",
        "All names are imported from `vippsrecon`. This page has the first sentence of each "
        "docstring. The documentation site shows the whole docstring, and so does `help()`. The "
        "columns of each frame are in [frames.md](frames.md). `vippsrecon.__version__` is the "
        "installed version.",
    ]
    for title, names in GROUPS.items():
        lines += ["", f"## {title}"]
        for name in names:
            value = getattr(vippsrecon, name)
            path = (
                value.__name__
                if inspect.ismodule(value)
                else f"{value.__module__}.{value.__qualname__}"
            )
            summary = " ".join((inspect.getdoc(value) or "").split("\n\n", 1)[0].split())
            lines += ["", f"### {name}", "", f"<!-- id: {name} from: {path} -->", summary]
    return "\n".join(lines) + "\n"
