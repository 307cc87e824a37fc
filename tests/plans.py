"""Build valid plans and plan rows; a test changes the fields that it is about."""

from __future__ import annotations

import uuid
from typing import Any

from vippsrecon.bulk.plan.model import Plan, PlanRow, Source
from vippsrecon.bulk.plan.rules import PLAN_FORMAT

MSN = "123456"
MADE_AT = "2026-01-31T12:00:00Z"
EXPIRES_AT = "2026-02-03T12:00:00Z"


def make_plan_row(number: int = 1, **changed: Any) -> PlanRow:
    """Return a row that refunds 250.00 NOK of 1000.00 captured."""
    defaults = {
        "row": number,
        "msn": MSN,
        "reference": f"order-{number:06d}",
        "order_number": f"{number}",
        "currency": "NOK",
        "amount_minor": 25_000,
        "reason": "return",
        "note": "",
        "document_ref": "",
        "vat_minor": None,
        "discrepancy_id": None,
        "authorized_minor": 100_000,
        "captured_minor": 100_000,
        "refunded_minor": 0,
        "cancelled_minor": 0,
        "duplicate": False,
    }
    return PlanRow(**(defaults | changed))


def make_plan(*rows: PlanRow, **changed: Any) -> Plan:
    """Return a plan of these rows that expires after three days."""
    rows = rows or (make_plan_row(),)
    defaults: dict[str, Any] = {
        "format": PLAN_FORMAT,
        "plan_id": str(uuid.UUID(int=7, version=4)),
        "verb": "refund",
        "environment": "simulator",
        "host": "127.0.0.1:8800",
        "msns": tuple(sorted({row.msn for row in rows})),
        "planner": "kari",
        "made_at": MADE_AT,
        "expires_at": EXPIRES_AT,
        "source": Source("list", "refunds.csv", "0" * 64, "2026-01-31T11:00:00Z"),
        "cancel_created": False,
        "rows": rows,
    }
    return Plan(**(defaults | changed))
