"""The journal writer checks its plan lock before a request is sent."""

from __future__ import annotations

import asyncio
import os

import pytest

from vippsrecon.bulk.execution.journal_writer import JournalWriter
from vippsrecon.errors import PlanLockLostError
from vippsrecon.store import acquire, identify_process


def test_lock_is_checked_after_sleep_before_the_first_row(make_account):
    """The machine slept until another process took the plan.

    The first process must not send anything based on its old row states.
    """
    account = make_account(1)
    plan = account.make_approved_plan("refund", 100)
    mine = acquire(
        account.store,
        plan.plan_id,
        holder="ola",
        host="here",
        pid=os.getpid(),
        started=identify_process(),
    )
    account.change_database("UPDATE carriers SET heartbeat_at = '2026-01-01T00:00:00.000Z'")
    acquire(account.store, plan.plan_id, holder="eva", host="there", pid=1, started="x")

    async def wake() -> None:
        async with JournalWriter(account.store, mine) as writer:
            await writer.check_held()

    with pytest.raises(PlanLockLostError):
        asyncio.run(wake())
