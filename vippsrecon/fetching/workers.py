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
from vippsrecon.api.bulk_decode import RawReading
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
from vippsrecon.fetching.decode import build_failure, decode_readings
from vippsrecon.fetching.frames import Failure, PaymentTables
from vippsrecon.fetching.worklist import PAYMENT_KEY_COLUMNS, WorklistRow

if TYPE_CHECKING:
    from tqdm import tqdm

    from vippsrecon.api import AsyncClient

PART_ROWS = 1_000
PART_SECONDS = 2.0
"""A part is written when this many have landed or this long has passed: what a kill can cost."""

REREAD_PAUSES = (0.3, 1.0)
"""Seconds before the second and the third look at payments whose events do not sum up."""

_POLL_SECONDS = 0.1
_MAX_LANDED = 4 * PART_ROWS
_MAX_TO_REREAD = PART_ROWS
_MIN_FAILURES_IN_A_ROW = 20

_FATAL_ERRORS = (UnauthorizedError, ForbiddenError, ConfigurationError)
"""What the next reference would meet as well: asking on would make a million failures of one."""

_SERVICE_FAILURES = (NoAnswerError, ServiceError, RateLimitedError, UnreadableAnswerError)


class FetchPart(NamedTuple):
    """What is kept together: payments with their events, and what could not be read."""

    tables: PaymentTables
    failures: list[Failure]


PartSink = Callable[[FetchPart], None]


class ReferenceReader:
    """Reads references through one client, keeping what it gets as it comes.

    Args:
        core: The client, on whose loop `read` runs.
        keep: Takes each part, in a thread of its own, one at a time.
        events: Whether event logs are read.
        in_flight: How many references are asked about at once.
        bar: Moves by one for each reference settled.
    """

    def __init__(
        self, core: AsyncClient, keep: PartSink, *, events: bool, in_flight: int, bar: tqdm[Any]
    ) -> None:
        self.reread_count = 0
        self._core = core
        self._store_part = keep
        self._events = events
        self._in_flight = in_flight
        self._bar = bar
        self._landed: list[RawReading] = []
        self._failed: list[Failure] = []
        self._in_progress: dict[tuple[str, str], WorklistRow] = {}
        self._to_reread: list[WorklistRow] = []
        self._accept_disagreeing = False
        self._stop_error: VippsReconError | None = None
        self._failures_in_a_row = 0

    @property
    def stopped(self) -> bool:
        """Whether asking was given up, since the service had stopped answering."""
        return self._stop_error is not None

    async def read(self, work: Iterator[WorklistRow]) -> None:
        """Read all of `work`.

        Raises:
            UnauthorizedError, ForbiddenError, ConfigurationError: The keys are wrong; what
                landed before is kept.
        """
        more = True
        while more and self._stop_error is None:
            await self._run_workers(work, most_again=_MAX_TO_REREAD)
            await self._reread_disagreeing()
            first = next(work, None)
            more = first is not None
            work = chain([] if first is None else [first], work)
        if isinstance(self._stop_error, _FATAL_ERRORS):
            raise self._stop_error
        while rest := list(islice(work, PART_ROWS)):
            await self._fail_unasked(rest)

    async def _reread_disagreeing(self) -> None:
        for look, pause in enumerate(REREAD_PAUSES, start=1):
            if not self._to_reread:
                break
            again, self._to_reread = iter(self._to_reread), []
            self._accept_disagreeing = look == len(REREAD_PAUSES)
            await asyncio.sleep(pause)
            await self._run_workers(again, most_again=None)
            await self._fail_unasked(list(again))
        self._accept_disagreeing = False

    async def _run_workers(self, work: Iterator[WorklistRow], most_again: int | None) -> None:
        """Read until `work` ends, the run stops, or this many payments wait for another look."""
        workers = {
            asyncio.create_task(self._run_worker(work, most_again)) for _ in range(self._in_flight)
        }
        written = time.monotonic()
        try:
            while workers:
                done, workers = await asyncio.wait(workers, timeout=_POLL_SECONDS)
                for worker in done:
                    worker.result()
                landed = len(self._landed) + len(self._failed)
                if self._stop_error is not None:
                    break  # nobody answers: what is under way would wait in vain as well
                if landed >= PART_ROWS or time.monotonic() - written > PART_SECONDS:
                    await self._store_landed()
                    written = time.monotonic()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            await self._store_landed()
        if self._stop_error is not None:
            under_way, self._in_progress = list(self._in_progress.values()), {}
            await self._fail_unasked(under_way)

    async def _run_worker(self, work: Iterator[WorklistRow], most_again: int | None) -> None:
        while self._stop_error is None and (
            most_again is None or len(self._to_reread) < most_again
        ):
            wanted = next(work, None)
            if wanted is None:
                return
            self._in_progress[wanted[:2]] = wanted
            await self._read_reference(wanted)
            while len(self._landed) > _MAX_LANDED:
                await asyncio.sleep(_POLL_SECONDS)

    async def _read_reference(self, wanted: WorklistRow) -> None:
        msn, reference, _ = wanted
        operation = "getPayment"
        try:
            payment = await self._core.body(requests.build_payment_request(reference), msn)
            operation = "getPaymentEventLog"
            log = None
            if self._events:
                log = await self._core.body(requests.build_events_request(reference), msn)
        except _FATAL_ERRORS as error:
            self._stop_error = error
            self._in_progress.pop((msn, reference))
        except PaymentNotFoundError as error:
            self._failures_in_a_row = 0
            found = build_failure((msn, reference), operation, error)
            if operation == "getPaymentEventLog":
                # The payment is there: without its log it is a hole, not an answer.
                found = found._replace(status=None, detail="404 for the events of a payment found")
            self._failed.append(found)
        except VippsReconError as error:
            self._failed.append(build_failure((msn, reference), operation, error))
            self._failures_in_a_row += isinstance(error, _SERVICE_FAILURES)
            if self._failures_in_a_row >= max(_MIN_FAILURES_IN_A_ROW, self._in_flight):
                self._stop_error = self._stop_error or error
        else:
            self._failures_in_a_row = 0
            self._landed.append(RawReading(msn, reference, payment, log, self._core.now()))

    async def _store_landed(self) -> None:
        """Keep what has landed, or note it for another look."""
        if not self._landed and not self._failed:
            return
        landed, self._landed = self._landed, []
        failed, self._failed = self._failed, []
        keys = [(one.msn, one.reference) for one in landed]
        keys += [(one.msn, one.reference) for one in failed]
        asked = {key: self._in_progress.pop(key) for key in keys}
        # Ctrl-C waits for it: half a part would be asked for again.
        working = asyncio.ensure_future(
            asyncio.to_thread(self._store_uninterrupted, landed, failed, asked)
        )
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            await working
            raise

    def _store_uninterrupted(
        self,
        landed: list[RawReading],
        failed: list[Failure],
        asked: dict[tuple[str, str], WorklistRow],
    ) -> None:
        while True:
            try:
                self._decode_and_store(landed, failed, asked)
            except KeyboardInterrupt:
                # Polars raises it in any thread that is in a query. Ctrl-C is the main thread's
                # to answer; what has landed is kept all the same.
                continue
            return

    def _decode_and_store(
        self,
        landed: list[RawReading],
        failed: list[Failure],
        asked: dict[tuple[str, str], WorklistRow],
    ) -> None:
        ways = {key: wanted.discovered_by for key, wanted in asked.items()}
        found = decode_readings(landed, self._core.settings, ways)
        again: list[WorklistRow] = []
        tables = found.tables
        if self._accept_disagreeing:
            tables = frames.concatenate_tables([tables, found.disagreeing])
            failed = failed + found.failures
        else:
            odd = (found.disagreeing.payments[name].to_pylist() for name in PAYMENT_KEY_COLUMNS)
            keys = [*zip(*odd, strict=True), *(one[:2] for one in found.failures)]
            again = [asked[key] for key in keys]
        settled = len(tables.payments) + len(failed)
        if settled:
            self._store_part(FetchPart(tables, failed))
        self._to_reread += again
        self.reread_count += len(again)
        self._bar.update(settled)

    async def _fail_unasked(self, unasked: list[WorklistRow]) -> None:
        if not unasked or isinstance(self._stop_error, _FATAL_ERRORS):
            return
        said = f"the service had stopped answering ({self._stop_error})"
        failures = [
            Failure(one.msn, one.reference, "getPayment", None, "not asked", said)
            for one in unasked
        ]
        await asyncio.to_thread(
            self._store_part, FetchPart(frames.concatenate_tables([]), failures)
        )
        self._bar.update(len(failures))
