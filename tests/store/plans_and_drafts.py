"""Plans, drafts and processes for the store's tests."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import text

from vippsrecon.store import Draft, append_entries, open_store, record_plan

PLAN = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
DIGEST = "d" * 64
AT = "2026-01-31T10:00:00.000Z"
ROOT = Path(__file__).parents[2]


def register_approved_plan(
    store, plan_id=PLAN, *, planner="kari", totals=None, at=AT, verb="refund"
):
    """Register a plan and approve it."""
    detail = {"planner": planner, "totals": totals or {"NOK": 1000}, "count": 1}
    record_plan(store, plan_id, DIGEST, "simulator", verb, at, detail)
    append_entries(store, plan_id, [Draft("approved", detail={"approver": "liv"})], at=at)


def make_draft(kind, row, *, reference=None, amount=100, caps=(), at="", known=None, **detail):
    """Return a draft about the payment of a row. Without a reference, each row has its own."""
    return Draft(
        kind,
        row,
        "123456",
        reference or f"order-{row}",
        "NOK",
        amount,
        f"key-{row}",
        detail,
        caps,
        at,
        known,
    )


@contextmanager
def change_as_owner(store):
    """Change rows as the database's owner can: the triggers against accidents are removed."""
    sqlite = store._engine.dialect.name == "sqlite"
    drops = (
        ["DROP TRIGGER journal_no_update", "DROP TRIGGER journal_no_delete"]
        if sqlite
        else ["DROP TRIGGER journal_append_only ON journal"]
    )
    with closing(store._engine.connect()) as connection, connection.begin():
        for drop in drops:
            connection.execute(text(drop))
        yield lambda statement, **values: connection.execute(text(statement), values)


def start_process(code, *arguments, **options):
    """Start a Python process that runs a piece of code with arguments."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def open_test_store(url, **options):
    """Open a database that waits only briefly for locks."""
    return open_store(url, **{"wait_seconds": 5, **options})
