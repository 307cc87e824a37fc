"""Offer the methods of `AsyncClient` without `await`.

The event loop runs in a daemon thread, so the client works where another loop already runs, as in
Jupyter, and from several threads at once.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Coroutine
from datetime import date, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from vippsrecon.api.async_client import AsyncClient
from vippsrecon.api.models import (
    CreatedPayment,
    Event,
    FeedPage,
    Ledger,
    LedgerDay,
    Modification,
    Payment,
    Reading,
)
from vippsrecon.api.requests import Topic
from vippsrecon.config.settings import Settings

SHUTDOWN_SECONDS = 10.0
"""How long Ctrl-C waits for the coroutine to store its results."""

SIGNAL_POLL_SECONDS = 0.2
"""How long it may take until Ctrl-C is noticed."""

T = TypeVar("T")


class Client:
    """Synchronous client of Vipps MobilePay for the sales units of `settings`.

    Use it as a context manager, or call `close`. `AsyncClient` documents the methods.

    Args:
        settings: Environment, keys, limits.
        transport: Replaces the network, for example `httpx.ASGITransport` in tests.
    """

    def __init__(
        self, settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.settings = settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="vippsrecon-client", daemon=True
        )
        self._thread.start()
        self.core: AsyncClient = self.run(_create_async_client(settings, transport))
        self._finalizer = weakref.finalize(
            self, _close_async_client, self._loop, self._thread, self.core
        )

    def __repr__(self) -> str:
        return f"Client({self.settings.environment!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread. Closing twice does nothing."""
        self._finalizer()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the client's loop and return what it returns.

        Ctrl-C cancels it and waits until it has stored its results.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("run() was called from the client's own loop: use await there")
        ended = threading.Event()

        async def watched() -> T:
            try:
                return await coroutine
            finally:
                ended.set()

        future = asyncio.run_coroutine_threadsafe(watched(), self._loop)
        try:
            # Polars makes blocking waits restart after a signal. Without a time limit, Ctrl-C
            # would be noticed only after the coroutine has ended.
            while not ended.wait(SIGNAL_POLL_SECONDS):
                pass
            return future.result()
        except BaseException:
            if future.cancel():
                ended.wait(SHUTDOWN_SECONDS)
            raise

    @property
    def default_msn(self) -> str | None:
        """The sales unit used when a call names none; None if several are configured."""
        return self.settings.default_msn

    def now(self) -> datetime:
        """Return the server time: the `Date` of the last answer, or the local time before any."""
        return self.core.now()

    def clock_skew_seconds(self) -> float:
        """Return by how many seconds the server's clock was ahead of the local one at the last answer."""
        return self.core.clock_skew_seconds()

    def clock_error_seconds(self) -> float:
        """Return the largest difference so far between an answer's `Date` and the time it should be.

        That is the local time; with the simulator, the simulator's own. Positive: `Date` is ahead.
        """
        return self.core.clock_error_seconds()

    def check_keys(self, msn: str | None = None) -> None:
        """Fetch an access token; raise UnauthorizedError if the keys are not accepted."""
        self.run(self.core.check_keys(msn))

    def create_payment(
        self, request: dict[str, Any], *, idempotency_key: str, msn: str | None = None
    ) -> CreatedPayment:
        """Create the payment that `request`, a CreatePaymentRequest, describes."""
        return self.run(self.core.create_payment(request, idempotency_key=idempotency_key, msn=msn))

    def payment(self, reference: str, msn: str | None = None, *, retry: bool = True) -> Payment:
        """Read one payment."""
        return self.run(self.core.payment(reference, msn, retry=retry))

    def events(self, reference: str, msn: str | None = None, *, retry: bool = True) -> list[Event]:
        """Read one payment's event log."""
        return self.run(self.core.events(reference, msn, retry=retry))

    def read(self, reference: str, msn: str | None = None, *, events: bool = True) -> Reading:
        """Read a payment and its event log."""
        return self.run(self.core.read(reference, msn, events=events))

    def capture(
        self,
        reference: str,
        amount_minor: int,
        currency: str,
        *,
        idempotency_key: str,
        msn: str | None = None,
        retry: bool = True,
    ) -> Modification:
        """Capture `amount_minor` minor units of the reserved amount."""
        return self.run(
            self.core.capture(
                reference,
                amount_minor,
                currency,
                idempotency_key=idempotency_key,
                msn=msn,
                retry=retry,
            )
        )

    def refund(
        self,
        reference: str,
        amount_minor: int,
        currency: str,
        *,
        idempotency_key: str,
        msn: str | None = None,
        retry: bool = True,
    ) -> Modification:
        """Refund `amount_minor` minor units of the captured amount."""
        return self.run(
            self.core.refund(
                reference,
                amount_minor,
                currency,
                idempotency_key=idempotency_key,
                msn=msn,
                retry=retry,
            )
        )

    def cancel(
        self,
        reference: str,
        *,
        idempotency_key: str,
        msn: str | None = None,
        cancel_transaction_only: bool = False,
        retry: bool = True,
    ) -> Modification:
        """Release the reserved amount that is not captured."""
        return self.run(
            self.core.cancel(
                reference,
                idempotency_key=idempotency_key,
                msn=msn,
                cancel_transaction_only=cancel_transaction_only,
                retry=retry,
            )
        )

    def force_approve(
        self,
        reference: str,
        *,
        phone_number: str | None = None,
        token: str | None = None,
        msn: str | None = None,
    ) -> None:
        """Approve a payment for a test user; only on test hosts."""
        self.run(
            self.core.force_approve(reference, phone_number=phone_number, token=token, msn=msn)
        )

    def wait_until_final(
        self, reference: str, msn: str | None = None, timeout_seconds: float = 600.0
    ) -> Payment:
        """Read a payment after 5 seconds and then every 2 seconds, until the payer has decided."""
        return self.run(self.core.wait_until_final(reference, msn, timeout_seconds))

    def ledgers(self, msn: str | None = None) -> list[Ledger]:
        """List the ledgers these keys may read; with `msn`, those that settle for it."""
        return self.run(self.core.ledgers(msn))

    def ledger_date(
        self, ledger_id: str, topic: Topic, date: date, msn: str | None = None
    ) -> LedgerDay:
        """Read every page of one ledger date."""
        return self.run(self.core.ledger_date(ledger_id, topic, date, msn))

    def feed(
        self, ledger_id: str, topic: Topic, cursor: str = "", msn: str | None = None
    ) -> FeedPage:
        """Read the ledger entries since `cursor`; store the returned cursor for the next call."""
        return self.run(self.core.feed(ledger_id, topic, cursor, msn))


async def _create_async_client(
    settings: Settings, transport: httpx.AsyncBaseTransport | None
) -> AsyncClient:
    return AsyncClient(settings, transport=transport)


def _close_async_client(
    loop: asyncio.AbstractEventLoop, thread: threading.Thread, core: AsyncClient
) -> None:
    if thread.is_alive():
        asyncio.run_coroutine_threadsafe(core.aclose(), loop).result(SHUTDOWN_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(SHUTDOWN_SECONDS)
    if not loop.is_running():
        loop.close()
