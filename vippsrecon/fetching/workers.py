"""Read many references at once: workers, repeated readings, and when to stop.

    worklist ──► N workers ──► landed ──every 1,000 or 2 s──► decoded ──► stored on disk
                                                                └─ disagrees ─► read again, at most twice

One coroutine on the client's loop. Decoding and writing run in a separate thread, so that answers
keep arriving. What has arrived is stored, whatever ends the run: an error, Ctrl-C, the end of the
list.
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
from vippsrecon.fetching.worklist import WorklistRow
from vippsrecon.schemas.inputs import PAYMENT_KEY

if TYPE_CHECKING:
    from tqdm import tqdm

    from vippsrecon.api import AsyncClient

PART_ROWS = 1_000
PART_SECONDS = 2.0
"""A part is written after this many answers or seconds: the most that a killed process loses."""

REREAD_PAUSES = (0.3, 1.0)
"""Seconds before the second and third reading of payments whose events do not match."""

_POLL_SECONDS = 0.1
_MAX_LANDED = 4 * PART_ROWS
_MAX_TO_REREAD = PART_ROWS
_MIN_FAILURES_IN_A_ROW = 20

_FATAL_ERRORS = (UnauthorizedError, ForbiddenError, ConfigurationError)
"""Errors that every other reference would meet too: continuing would only repeat them."""

_SERVICE_FAILURES = (NoAnswerError, ServiceError, RateLimitedError, UnreadableAnswerError)


class FetchPart(NamedTuple):
    """What is stored together: payments with their events, and failures."""

    tables: PaymentTables
    failures: list[Failure]


PartSink = Callable[[FetchPart], None]


class ReferenceReader:
    """Reads references with one client and stores the answers as they arrive.

    Args:
        core: The client; `read` runs on its loop.
        keep: Stores one part at a time; runs in a separate thread.
        events: Whether event logs are read.
        in_flight: How many references are read at the same time.
        bar: Advances by one for each reference finished.
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
        """Whether reading was stopped because the service no longer answered."""
        return self._stop_error is not None

    async def read(self, work: Iterator[WorklistRow]) -> None:
        """Read all references of `work`.

        Raises:
            UnauthorizedError, ForbiddenError, ConfigurationError: The keys are wrong; what
                arrived before is stored.
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
        while unfetched := list(islice(work, PART_ROWS)):
            await self._record_not_requested(unfetched)

    async def _reread_disagreeing(self) -> None:
        for attempt, pause in enumerate(REREAD_PAUSES, start=1):
            if not self._to_reread:
                break
            again, self._to_reread = iter(self._to_reread), []
            self._accept_disagreeing = attempt == len(REREAD_PAUSES)
            await asyncio.sleep(pause)
            await self._run_workers(again, most_again=None)
            await self._record_not_requested(list(again))
        self._accept_disagreeing = False

    async def _run_workers(self, work: Iterator[WorklistRow], most_again: int | None) -> None:
        """Read until `work` ends, the run stops, or `most_again` payments must be read again."""
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
                    break  # the service does not answer: open requests would wait in vain too
                if landed >= PART_ROWS or time.monotonic() - written > PART_SECONDS:
                    await self._store_landed()
                    written = time.monotonic()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            await self._store_landed()
        if self._stop_error is not None:
            in_progress, self._in_progress = list(self._in_progress.values()), {}
            await self._record_not_requested(in_progress)

    async def _run_worker(self, work: Iterator[WorklistRow], most_again: int | None) -> None:
        while self._stop_error is None and (
            most_again is None or len(self._to_reread) < most_again
        ):
            row = next(work, None)
            if row is None:
                return
            self._in_progress[row[:2]] = row
            await self._read_reference(row)
            while len(self._landed) > _MAX_LANDED:
                await asyncio.sleep(_POLL_SECONDS)

    async def _read_reference(self, row: WorklistRow) -> None:
        msn, reference, _ = row
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
            failure = build_failure((msn, reference), operation, error)
            if operation == "getPaymentEventLog":
                # The payment exists: without its log the reference is unanswered, not unknown.
                failure = failure._replace(
                    status=None, detail="The payment exists, but its event log returned 404."
                )
            self._failed.append(failure)
        except VippsReconError as error:
            self._failed.append(build_failure((msn, reference), operation, error))
            self._failures_in_a_row += isinstance(error, _SERVICE_FAILURES)
            if self._failures_in_a_row >= max(_MIN_FAILURES_IN_A_ROW, self._in_flight):
                self._stop_error = self._stop_error or error
        else:
            self._failures_in_a_row = 0
            self._landed.append(RawReading(msn, reference, payment, log, self._core.now()))

    async def _store_landed(self) -> None:
        """Store the answers that arrived; note those that must be read again."""
        if not self._landed and not self._failed:
            return
        landed, self._landed = self._landed, []
        failed, self._failed = self._failed, []
        keys = [(body.msn, body.reference) for body in landed]
        keys += [(failure.msn, failure.reference) for failure in failed]
        rows = {key: self._in_progress.pop(key) for key in keys}
        # Ctrl-C waits for this: half a part would have to be read again.
        working = asyncio.ensure_future(
            asyncio.to_thread(self._store_uninterrupted, landed, failed, rows)
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
        rows: dict[tuple[str, str], WorklistRow],
    ) -> None:
        while True:
            try:
                self._decode_and_store(landed, failed, rows)
            except KeyboardInterrupt:
                # Polars raises it in any thread that runs a query. The main thread handles Ctrl-C;
                # what has arrived is stored first.
                continue
            return

    def _decode_and_store(
        self,
        landed: list[RawReading],
        failed: list[Failure],
        rows: dict[tuple[str, str], WorklistRow],
    ) -> None:
        discovered_by = {key: row.discovered_by for key, row in rows.items()}
        batch = decode_readings(landed, self._core.settings, discovered_by)
        again: list[WorklistRow] = []
        tables = batch.tables
        if self._accept_disagreeing:
            tables = frames.concatenate_tables([tables, batch.disagreeing])
            failed = failed + batch.failures
        else:
            disagreeing = (batch.disagreeing.payments[name].to_pylist() for name in PAYMENT_KEY)
            keys = [*zip(*disagreeing, strict=True), *(failure[:2] for failure in batch.failures)]
            again = [rows[key] for key in keys]
        finished = len(tables.payments) + len(failed)
        if finished:
            self._store_part(FetchPart(tables, failed))
        self._to_reread += again
        self.reread_count += len(again)
        self._bar.update(finished)

    async def _record_not_requested(self, rows_left: list[WorklistRow]) -> None:
        if not rows_left or isinstance(self._stop_error, _FATAL_ERRORS):
            return
        detail = f"The service stopped answering ({self._stop_error})."
        failures = [
            Failure(row.msn, row.reference, "getPayment", None, "not asked", detail)
            for row in rows_left
        ]
        await asyncio.to_thread(
            self._store_part, FetchPart(frames.concatenate_tables([]), failures)
        )
        self._bar.update(len(failures))
