"""Many references read at once: workers, the second look, and when to stop asking.

    worklist ──► N workers ──► landed ──every 1,000 or 2 s──► decoded ──► kept (on disk)
                                                                └─ disagrees ─► again, at most twice

One coroutine on the client's loop. Decoding and writing run in a thread beside it, so that
answers keep landing meanwhile. What has landed is kept whatever ends the run: an error, Ctrl-C,
the end of the list.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from vippsrecon.api import requests
from vippsrecon.api.bulk_decode import Bodies
from vippsrecon.errors import (
    ConfigurationError,
    ForbiddenError,
    NoAnswerError,
    PaymentNotFoundError,
    RateLimitedError,
    ServiceError,
    UnauthorizedError,
    UnreadableAnswerError,
    VippsReconError,
)
from vippsrecon.fetching import frames
from vippsrecon.fetching.decode import decoded, failure
from vippsrecon.fetching.frames import Failure, PaymentTables
from vippsrecon.fetching.worklist import KEY, Wanted

if TYPE_CHECKING:
    from tqdm import tqdm

    from vippsrecon.api import AsyncClient

PART_ROWS = 1_000
PART_SECONDS = 2.0
"""A part is written when this many have landed or this long has passed: what a kill can cost."""

PAUSES = (0.3, 1.0)
"""Seconds before the second and the third look at payments whose events do not sum up."""

_TICK_SECONDS = 0.1
_MOST_LANDED = 4 * PART_ROWS
_MOST_AGAIN = PART_ROWS
_FEWEST_IN_A_ROW = 20

_FATAL = (UnauthorizedError, ForbiddenError, ConfigurationError)
"""What the next reference would meet as well: asking on would make a million failures of one."""

_OUT_OF_SERVICE = (NoAnswerError, ServiceError, RateLimitedError, UnreadableAnswerError)


class Part(NamedTuple):
    """What is kept together: payments with their events, and what could not be read."""

    tables: PaymentTables
    failures: list[Failure]


Keep = Callable[[Part], None]


class Reader:
    """Reads references through one client, keeping what it gets as it comes.

    Args:
        core: The client, on whose loop `read` runs.
        keep: Takes each part, in a thread of its own, one at a time.
        events: Whether event logs are read.
        in_flight: How many references are asked about at once.
        bar: Moves by one for each reference settled.
    """

    def __init__(
        self, core: AsyncClient, keep: Keep, *, events: bool, in_flight: int, bar: tqdm[Any]
    ) -> None:
        self.read_again = 0
        self._core = core
        self._keep = keep
        self._events = events
        self._in_flight = in_flight
        self._bar = bar
        self._landed: list[Bodies] = []
        self._failed: list[Failure] = []
        self._asked: dict[tuple[str, str], Wanted] = {}
        self._again: list[Wanted] = []
        self._believe = False
        self._stop: VippsReconError | None = None
        self._bad_in_a_row = 0

    @property
    def stopped(self) -> bool:
        """Whether asking was given up, since the service had stopped answering."""
        return self._stop is not None

    async def read(self, work: Iterator[Wanted]) -> None:
        """Read all of `work`.

        Raises:
            UnauthorizedError, ForbiddenError, ConfigurationError: The keys are wrong; what
                landed before is kept.
        """
        more = True
        while more and self._stop is None:
            await self._round(work, most_again=_MOST_AGAIN)
            await self._second_looks()
            first = next(work, None)
            more = first is not None
            work = chain([] if first is None else [first], work)
        if isinstance(self._stop, _FATAL):
            raise self._stop
        while rest := list(islice(work, PART_ROWS)):
            await self._give_up(rest)

    async def _second_looks(self) -> None:
        for look, pause in enumerate(PAUSES, start=1):
            if not self._again:
                break
            again, self._again = iter(self._again), []
            self._believe = look == len(PAUSES)
            await asyncio.sleep(pause)
            await self._round(again, most_again=None)
            await self._give_up(list(again))
        self._believe = False

    async def _round(self, work: Iterator[Wanted], most_again: int | None) -> None:
        """Read until `work` ends, the run stops, or this many payments wait for another look."""
        workers = {
            asyncio.create_task(self._worker(work, most_again)) for _ in range(self._in_flight)
        }
        written = time.monotonic()
        try:
            while workers:
                done, workers = await asyncio.wait(workers, timeout=_TICK_SECONDS)
                for worker in done:
                    worker.result()
                landed = len(self._landed) + len(self._failed)
                if self._stop is not None:
                    break  # nobody answers: what is under way would wait in vain as well
                if landed >= PART_ROWS or time.monotonic() - written > PART_SECONDS:
                    await self._put_away()
                    written = time.monotonic()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            await self._put_away()
        if self._stop is not None:
            under_way, self._asked = list(self._asked.values()), {}
            await self._give_up(under_way)

    async def _worker(self, work: Iterator[Wanted], most_again: int | None) -> None:
        while self._stop is None and (most_again is None or len(self._again) < most_again):
            wanted = next(work, None)
            if wanted is None:
                return
            self._asked[wanted[:2]] = wanted
            await self._one(wanted)
            while len(self._landed) > _MOST_LANDED:
                await asyncio.sleep(_TICK_SECONDS)

    async def _one(self, wanted: Wanted) -> None:
        msn, reference, _ = wanted
        operation = "getPayment"
        try:
            payment = await self._core.body(requests.payment(reference), msn)
            operation = "getPaymentEventLog"
            log = None
            if self._events:
                log = await self._core.body(requests.events(reference), msn)
        except _FATAL as error:
            self._stop = error
            self._asked.pop((msn, reference))
        except PaymentNotFoundError as error:
            self._bad_in_a_row = 0
            found = failure((msn, reference), operation, error)
            if operation == "getPaymentEventLog":
                # The payment is there: without its log it is a hole, not an answer.
                found = found._replace(status=None, detail="404 for the events of a payment found")
            self._failed.append(found)
        except VippsReconError as error:
            self._failed.append(failure((msn, reference), operation, error))
            self._bad_in_a_row += isinstance(error, _OUT_OF_SERVICE)
            if self._bad_in_a_row >= max(_FEWEST_IN_A_ROW, self._in_flight):
                self._stop = self._stop or error
        else:
            self._bad_in_a_row = 0
            self._landed.append(Bodies(msn, reference, payment, log, self._core.now()))

    async def _put_away(self) -> None:
        """Keep what has landed, or note it for another look."""
        if not self._landed and not self._failed:
            return
        landed, self._landed = self._landed, []
        failed, self._failed = self._failed, []
        keys = [(one.msn, one.reference) for one in landed]
        keys += [(one.msn, one.reference) for one in failed]
        asked = {key: self._asked.pop(key) for key in keys}
        # Ctrl-C waits for it: half a part would be asked for again.
        working = asyncio.ensure_future(asyncio.to_thread(self._undisturbed, landed, failed, asked))
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            await working
            raise

    def _undisturbed(
        self, landed: list[Bodies], failed: list[Failure], asked: dict[tuple[str, str], Wanted]
    ) -> None:
        while True:
            try:
                self._decode_and_keep(landed, failed, asked)
            except KeyboardInterrupt:
                # Polars raises it in any thread that is in a query. Ctrl-C is the main thread's
                # to answer; what has landed is kept all the same.
                continue
            return

    def _decode_and_keep(
        self, landed: list[Bodies], failed: list[Failure], asked: dict[tuple[str, str], Wanted]
    ) -> None:
        ways = {key: wanted.discovered_by for key, wanted in asked.items()}
        found = decoded(landed, self._core.settings, ways)
        again: list[Wanted] = []
        tables = found.tables
        if self._believe:
            tables = frames.concatenate_tables([tables, found.disagreeing])
            failed = failed + found.failures
        else:
            odd = (found.disagreeing.payments[name].to_pylist() for name in KEY)
            keys = [*zip(*odd, strict=True), *(one[:2] for one in found.failures)]
            again = [asked[key] for key in keys]
        settled = len(tables.payments) + len(failed)
        if settled:
            self._keep(Part(tables, failed))
        self._again += again
        self.read_again += len(again)
        self._bar.update(settled)

    async def _give_up(self, unasked: list[Wanted]) -> None:
        if not unasked or isinstance(self._stop, _FATAL):
            return
        said = f"the service had stopped answering ({self._stop})"
        failures = [
            Failure(one.msn, one.reference, "getPayment", None, "not asked", said)
            for one in unasked
        ]
        await asyncio.to_thread(self._keep, Part(frames.concatenate_tables([]), failures))
        self._bar.update(len(failures))
