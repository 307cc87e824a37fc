"""The one writer of a plan's journal: whoever has something to keep waits until it is on disk.

Rows are carried out concurrently, but all they keep goes through one queue into one thread, many
entries to a transaction. `keep` returns only after the commit has. When a commit fails, nothing is
written any more and every later `keep` fails with the same error: the carrier stops.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias, TypeVar

from vippsrecon.errors import StoreError
from vippsrecon.store import (
    CapExceeded,
    Draft,
    Entry,
    PaymentBusy,
    PaymentChanged,
    PlanLock,
    Store,
    commit_entries,
    renew,
)

MAX_GROUP_ENTRIES = 256
"""Most entries in one commit."""

RENEW_SECONDS = 5.0
LOCK_FRESH_SECONDS = 15.0
"""A lease of 30 s that was last seen held this long ago is looked at again before a send."""

WriteResult: TypeAlias = Entry | PaymentBusy | CapExceeded | PaymentChanged
T = TypeVar("T")


class JournalWriter:
    """Keeps what one carrier does, and its hold on the plan.

    Args:
        store: The workspace database. It is used from the writer's thread only.
        carrier: The hold on the plan.
    """

    def __init__(self, store: Store, carrier: PlanLock) -> None:
        self._store = store
        self._carrier = carrier
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vippsrecon-journal")
        self._waiting: asyncio.Queue[tuple[Draft, asyncio.Future[WriteResult]]] = asyncio.Queue()
        self._lock_confirmed_at = float(
            "-inf"
        )  # the plan was taken a while ago; not looked at since
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
        """Keep one entry; return when it is on disk, or when the store would not take it.

        Raises:
            StoreError: The database failed, or another carrier has the plan.
        """
        if self.failed is not None:
            raise self.failed
        kept: asyncio.Future[WriteResult] = asyncio.get_running_loop().create_future()
        await self._waiting.put((draft, kept))
        return await kept

    async def run_query(self, ask: Callable[[Store], T]) -> T:
        """Ask the store something, in the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, ask, self._store)

    async def check_held(self) -> None:
        """Make sure that the plan is still this carrier's: after a long sleep it may not be.

        Raises:
            StoreError: It is not, or nobody can tell.
        """
        if self.failed is not None:
            raise self.failed
        if now_seconds() - self._lock_confirmed_at > LOCK_FRESH_SECONDS:
            await self._renew()
            if self.failed is not None:
                raise self.failed

    async def _write(self) -> None:
        while True:
            group = [await self._waiting.get()]
            while len(group) < MAX_GROUP_ENTRIES and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            drafts = [draft for draft, _ in group]
            began = now_seconds()
            try:
                if self.failed is not None:
                    raise self.failed
                done = await self.run_query(
                    lambda store, d=drafts: commit_entries(store, self._carrier, d)  # type: ignore[misc]
                )
                ends = list(zip(group, done, strict=True))
            except Exception as error:  # whatever it is, those who wait must hear of it
                self.failed = _convert_to_store_error(error)
                for _, kept in group:
                    if not kept.done():
                        kept.set_exception(self.failed)
                continue
            self._lock_confirmed_at = began
            for (_, kept), entry in ends:
                if not kept.done():
                    kept.set_result(entry)

    async def _keep_lock(self) -> None:
        while self.failed is None:
            await asyncio.sleep(RENEW_SECONDS)
            await self._renew()

    async def _renew(self) -> None:
        began = now_seconds()
        try:
            await self.run_query(lambda store: renew(store, self._carrier))
        except Exception as error:
            self.failed = _convert_to_store_error(error)
        else:
            self._lock_confirmed_at = began


def _convert_to_store_error(error: Exception) -> StoreError:
    if isinstance(error, StoreError):
        return error
    return StoreError(f"the journal could not be written: {type(error).__name__}: {error}")


def now_seconds() -> float:
    """Return seconds that also pass while the machine sleeps, where it can tell."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
