"""The one writer of a plan's journal: a row waits until its entry is committed.

Rows are processed concurrently, but their entries go through one queue into one thread, many
entries per transaction. `keep` returns only after the commit. When a commit fails, nothing more is
written and every later `keep` raises the same error, so the run stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from vippsrecon.bulk.execution.clock import RunClock
from vippsrecon.bulk.execution.plan_journal import PlanJournal, WriteResult
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.errors import StoreError
from vippsrecon.store import Attempt, Draft

MAX_GROUP_ENTRIES = 256
"""Most entries in one commit."""

RENEW_SECONDS = 5.0
LOCK_FRESH_SECONDS = 15.0
"""If the plan lock (a lease of 30 s) was last confirmed longer ago, check it before a request."""

T = TypeVar("T")


class JournalWriter:
    """Write the journal entries of one run, and renew its plan lock.

    Args:
        journal: The plan's journal. Used from the writer's thread only.
        clock: The run's clocks; None: this machine's.
    """

    def __init__(self, journal: PlanJournal, clock: RunClock | None = None) -> None:
        self._journal = journal
        self._clock = clock or RunClock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vippsrecon-journal")
        self._waiting: asyncio.Queue[tuple[Draft, asyncio.Future[WriteResult]]] = asyncio.Queue()
        self._lock_confirmed_at = float(
            "-inf"
        )  # The lock was acquired some time ago and not checked since.
        self.failed: StoreError | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> JournalWriter:
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._keep_lock())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._thread.shutdown(wait=True)

    async def keep(self, draft: Draft) -> WriteResult:
        """Write one entry; return after the commit, or when the store rejects the entry.

        Raises:
            StoreError: The database failed, or another process holds the plan.
        """
        if self.failed is not None:
            raise self.failed
        written: asyncio.Future[WriteResult] = asyncio.get_running_loop().create_future()
        await self._waiting.put((draft, written))
        return await written

    async def find_other_attempts(self, row: PlanRow) -> list[Attempt]:
        """Return the attempts of other plans at the row's payment.

        Raises:
            StoreError: The database failed.
        """
        return await self._run(self._journal.find_other_attempts, row)

    async def check_held(self) -> None:
        """Check that this process still holds the plan: after a long sleep it may not.

        Raises:
            StoreError: It does not, or the database cannot be asked.
        """
        if self.failed is not None:
            raise self.failed
        if self._clock.count_seconds() - self._lock_confirmed_at > LOCK_FRESH_SECONDS:
            await self._renew()
            if self.failed is not None:
                raise self.failed

    async def _write(self) -> None:
        while True:
            group = [await self._waiting.get()]
            while len(group) < MAX_GROUP_ENTRIES and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            drafts = [draft for draft, _ in group]
            started_at = self._clock.count_seconds()
            try:
                if self.failed is not None:
                    raise self.failed
                entries = await self._run(self._journal.commit, drafts)
                results = list(zip(group, entries, strict=True))
            except Exception as error:  # Rows that wait for this commit must get every error.
                self.failed = _convert_to_store_error(error)
                for _, written in group:
                    if not written.done():
                        written.set_exception(self.failed)
                continue
            self._lock_confirmed_at = started_at
            for (_, written), entry in results:
                if not written.done():
                    written.set_result(entry)

    async def _keep_lock(self) -> None:
        while self.failed is None:
            await asyncio.sleep(RENEW_SECONDS)
            await self._renew()

    async def _renew(self) -> None:
        started_at = self._clock.count_seconds()
        try:
            await self._run(self._journal.renew_lock)
        except Exception as error:
            self.failed = _convert_to_store_error(error)
        else:
            self._lock_confirmed_at = started_at

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        """Do blocking work in the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)


def _convert_to_store_error(error: Exception) -> StoreError:
    if isinstance(error, StoreError):
        return error
    return StoreError(f"the journal could not be written: {type(error).__name__}: {error}")
