"""The journal writer checks its plan lock before a request is sent."""

from __future__ import annotations

import asyncio
import os
import sqlite3

import pytest

from vippsrecon.bulk.execution.journal_writer import JournalWriter
from vippsrecon.errors import PlanLockLostError
from vippsrecon.store import acquire, identify_process


def tamper(here, *statements: str) -> None:
    """Change the journal without the package."""
    with sqlite3.connect(here.folder / "work.db") as database:
        for statement in statements:
            database.execute(statement)


def test_lock_is_checked_after_sleep_before_the_first_row(world):
    """The machine slept until another process took the plan.

    The first process must not send anything based on its old row states.
    """
    here = world(1)
    plan = here.approved("refund", 100)
    mine = acquire(
        here.store,
        plan.plan_id,
        holder="ola",
        host="here",
        pid=os.getpid(),
        started=identify_process(),
    )
    tamper(here, "UPDATE carriers SET heartbeat_at = '2026-01-01T00:00:00.000Z'")
    acquire(here.store, plan.plan_id, holder="eva", host="there", pid=1, started="x")

    async def wake() -> None:
        async with JournalWriter(here.store, mine) as writer:
            await writer.check_held()

    with pytest.raises(PlanLockLostError):
        asyncio.run(wake())
