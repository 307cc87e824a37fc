"""Make one example of everything that shows itself in a notebook."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd

from tests.plans import make_plan, make_plan_row
from tests.report.example_results import make_month
from vippsrecon import preview, read_orders
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.execution.run_result import RunResult
from vippsrecon.bulk.open_rows.settle import SettleResult
from vippsrecon.config.settings import SalesUnit
from vippsrecon.fetching import Fetched
from vippsrecon.reconciliation.example_rows import make_payment_rows
from vippsrecon.reconciliation.result import build_frame
from vippsrecon.report.html.tiles import render_reconciliation
from vippsrecon.schemas import EVENTS, FAILURES, PAYMENTS
from vippsrecon.sources.rejects import Reject
from vippsrecon.store.journal.entry import Entry
from vippsrecon.store.journal.verify import VerificationResult

EVIL = "<script>alert(1)</script>"
"""A text from outside that must never become HTML."""

UNITS = (SalesUnit("123456", market="NO"),)
ORDERS = pd.DataFrame(
    {
        "reference": ["order-0001", "order-0002", EVIL],
        "currency": ["NOK"] * 3,
        "total": ["1234.50", EVIL, "7.00"],
        "order_number": ["1", "2", EVIL],
    }
)
NAMES = (
    "preview", "order files", "fetched", "reconciliation", "plan", "run", "dry run", "stopped run",
    "settled", "approval", "verdict", "broken journal", "worst discrepancies",
)  # fmt: skip
"""The names of the displays, known without making them: each test process reads the list."""

OUTCOMES = ("done", "already_done", "would_do", "skipped", "refused", "unknown")


def make_displays() -> dict[str, Any]:
    """Return objects with a `_repr_html_`, by name; each contains texts from outside."""
    month = make_month()
    rows = [make_plan_row(n, note=EVIL, order_number=EVIL) for n in range(1, len(OUTCOMES) + 1)]
    plan = make_plan(
        *rows, planner=EVIL, refused=(Reject(EVIL, 7, "amount", EVIL, "is 0"),), notes=(EVIL,)
    )
    results = tuple(RowResult(n, name, EVIL) for n, name in enumerate(OUTCOMES, start=1))
    detail = '{"approver": "<script>alert(1)</script>", "count": 6, "totals": {"NOK": 150000}}'
    entry = Entry(
        plan.plan_id, 2, plan.made_at, "approved", 0, None, "simulator", "refund",
        None, None, None, None, None, detail, "0" * 64, "1" * 64,
    )  # fmt: skip
    at = datetime(2026, 11, 2, tzinfo=UTC)
    return {
        "preview": preview(ORDERS, units=UNITS),
        "order files": read_orders(ORDERS, units=UNITS, exported_at=at),
        "fetched": make_fetched(),
        "reconciliation": month.reconciliation(notices=(EVIL,)),
        "plan": plan,
        "run": RunResult(plan, True, results, approver=EVIL, head=(9, "a" * 64)),
        "dry run": RunResult(plan, False, results[2:5], unapproved="nobody"),
        "stopped run": RunResult(plan, True, results, stopped=EVIL),
        "settled": SettleResult(plan.plan_id, "refund", plan.rows, results, (9, "a" * 64)),
        "approval": entry,
        "verdict": VerificationResult(True, 9, "0" * 64, "a" * 64, None, None),
        "broken journal": VerificationResult(False, 3, "", "", EVIL, 4),
        "worst discrepancies": _Rendered(render_reconciliation(month.reconciliation(), 100)),
    }


def make_fetched() -> Fetched[pd.DataFrame]:
    """Return a payment, its events, and a reference that is not found."""
    payment, events = make_payment_rows(reference="order-0001", A=123_450, captures=(123_450,))
    failure = dict.fromkeys(FAILURES.names) | {
        "msn": "123456",
        "reference": EVIL,
        "operation": "getPayment",
        "status": 404,
        "title": "Not Found",
        "detail": EVIL,
    }
    return Fetched(
        build_frame([payment], PAYMENTS),
        build_frame(events, EVENTS),
        build_frame([failure], FAILURES),
    )


class _Rendered:
    """HTML that a function returned, as an object."""

    def __init__(self, html: str) -> None:
        self._html = html

    def _repr_html_(self) -> str:
        return self._html
